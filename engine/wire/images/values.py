"""What is meant by a request for pictures and by its answer, in no protocol's words."""

import re
from collections.abc import Mapping

import msgspec

from engine.hub import NO_EXTRA, Json
from engine.values import Measures, Usage

__all__ = ["Image", "ImageReply", "ImageRequest"]


_PIXELS = re.compile(r"([1-9][0-9]{1,4})x([1-9][0-9]{1,4})")


class ImageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request for pictures from a description. What is None or empty was not said."""

    model: str
    prompt: str
    n: int | None = None
    size: str = ""
    """`1024x1024`, or `auto`."""
    quality: str = ""
    response_format: str = ""
    """`url` or `b64_json`."""
    output_format: str = ""
    """`png`, `jpeg`, `webp`."""
    stream: bool = False
    user: str = ""
    extra: Mapping[str, Json] = NO_EXTRA
    """What only OpenAI's protocol and its look-alikes know, by name."""

    @property
    def pixels(self) -> tuple[int, int] | None:
        """Width and height of the size; None where it is not in pixels."""
        found = _PIXELS.fullmatch(self.size)
        return (int(found[1]), int(found[2])) if found else None


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """One picture, by its address or whole."""

    url: str = ""
    base64: Json | None = None
    """The JSON string that it came in, so that some megabytes need not be decoded."""
    revised_prompt: str = ""
    """The description as the model rewrote it."""
    media_type: str = ""
    """Empty when it was not said."""


class ImageReply(msgspec.Struct, frozen=True, kw_only=True):
    """The pictures."""

    model: str = ""
    """The provider's name for the model; empty where it does not say. Callers are not told."""
    created: int | None = None
    """Seconds since 1970; None when it was not said."""
    images: tuple[Image, ...]
    size: str = ""
    quality: str = ""
    output_format: str = ""
    background: str = ""
    usage: Usage | None = None
    """None where pictures are charged and not tokens."""

    @property
    def measures(self) -> Measures:
        """How many pictures there are."""
        return Measures(images=len(self.images))
