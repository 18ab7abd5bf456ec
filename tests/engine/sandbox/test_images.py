import zlib
from base64 import b64decode
from struct import unpack
from typing import Any

import msgspec
import pytest

from engine.sandbox.script import script


def asked(**fields: Any) -> tuple[int, Any]:
    request = msgspec.json.encode({"model": "image", "prompt": "a cat"} | fields)
    played = script("/images/generations", request, (), created=7)
    return played.status, msgspec.json.decode(played.steps[0].data)


def pictures(**fields: Any) -> list[bytes]:
    return [b64decode(image["b64_json"]) for image in asked(**fields)[1]["data"]]


def chunks(png: bytes) -> dict[bytes, bytes]:
    """The chunks of a PNG by name, their sums checked."""
    found, at = {}, 8
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    while at < len(png):
        size, name = unpack(">I4s", png[at : at + 8])
        data = png[at + 8 : at + 8 + size]
        assert unpack(">I", png[at + 8 + size : at + 12 + size]) == (zlib.crc32(name + data),)
        found[name], at = data, at + 12 + size
    return found


@pytest.mark.parametrize(("size", "width", "height"), [("16x10", 16, 10), ("auto", 1024, 1024), ("64x2048", 64, 2048)])
def test_a_picture(size: str, width: int, height: int) -> None:
    """A PNG of the size that was asked for, with a byte a pixel and one for each row's filter."""
    (png,) = pictures(size=size)
    parts = chunks(png)
    assert list(parts) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    assert unpack(">2I", parts[b"IHDR"][:8]) == (width, height)
    rows = zlib.decompress(parts[b"IDAT"])
    assert len(rows) == (width + 1) * height
    assert set(rows[1 : width + 1]) == set(range(8))


def test_pictures_follow_the_prompt() -> None:
    """The same prompt gives the same pictures, each another; another prompt gives others."""
    two = pictures(size="16x16", n=2)
    assert two == pictures(size="16x16", n=2)
    assert len({*two, *pictures(size="16x16", prompt="a dog")}) == 3


@pytest.mark.parametrize(
    ("more", "tokens"),
    [({}, 1056), ({"quality": "low"}, 272), ({"quality": "high", "size": "1024x1536"}, 6240), ({"n": 3}, 3168)],
)
def test_usage(more: dict[str, Any], tokens: int) -> None:
    """Pictures are counted in tokens, by quality, area and number, as OpenAI counts them."""
    _, answer = asked(**more)
    usage = answer["usage"]
    assert usage["output_tokens_details"] == {"image_tokens": tokens, "text_tokens": 0}
    assert usage["input_tokens"] > 0
    assert usage["total_tokens"] == usage["input_tokens"] + tokens
    assert answer["created"] == 7


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", "4096x4096"),
        ("size", "huge"),
        ("n", 0),
        ("n", 11),
        ("stream", True),
        ("response_format", "url"),
        ("output_format", "webp"),
    ],
)
def test_what_is_not_painted(name: str, value: Any) -> None:
    """A 400 that names the field: nothing else is given than was asked for."""
    status, answer = asked(**{name: value})
    assert (status, answer["error"]["param"]) == (400, name)
