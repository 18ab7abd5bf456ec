from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UpstreamMalformed
from engine.wire.json_read import decoded


class Count(msgspec.Struct):
    count: int
    name: str = ""


COUNT = msgspec.json.Decoder(Count)
ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def test_what_can_be_read_comes_back() -> None:
    """An answer of the shape asked for is that shape's value."""
    assert decoded(COUNT, b'{"count": 7, "more": 1}', "not a count") == Count(7)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"count": "7"}', b'{"count": 7, "name": "\xff"}', b"[" * 100_000])
def test_what_cannot_says_what_it_is_not(body: bytes) -> None:
    """Not JSON, another shape, not UTF-8, too deep: one fault, which has arrived and says why."""
    with pytest.raises(UpstreamMalformed, match=r"^not a count: .") as caught:
        decoded(COUNT, body, "not a count")
    assert caught.value.received


@given(body=st.binary(max_size=50))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    """Whatever a provider sends is read, or refused as malformed."""
    with suppress(UpstreamMalformed):
        assert decoded(ANY, body, "not JSON") == ANY.decode(body)
