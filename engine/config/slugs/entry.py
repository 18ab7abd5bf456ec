"""What is written down about a kind of problem."""

from typing import NamedTuple

__all__ = ["Slug"]


class Slug(NamedTuple):
    """The documentation of one slug, printed by `engine explain SLUG`."""

    meaning: str
    """What is wrong, in a sentence."""
    example: str
    """YAML that has the mistake."""
    mend: str
    """What to do about it."""
