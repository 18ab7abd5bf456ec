"""One of our own errors, before it is put into the words of the caller's protocol."""

import msgspec

__all__ = ["Told"]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller is told."""

    status: int
    """The HTTP status."""
    type: str
    """OpenAI's word for the kind of error; protocols with their own words choose by the status."""
    code: str
    """Stable, for programs."""
    message: str
    """For people; ends with what to do."""
    param: str | None = None
    """The field that is at fault."""
    request_id: str
    rule: str | None = None
    """`file:line` of the rule that refused, only where the caller may see it."""
