import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UpstreamMalformed
from engine.hub import Json
from engine.wire.embeddings.vector import as_base64, as_floats, is_base64

FLOATS = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=40)


@given(numbers=FLOATS)
def test_spellings_tell_the_same(numbers: list[float]) -> None:
    """A vector of 32-bit floats survives base64 exactly, and each spelling is left alone where it is asked for."""
    listed = Json(msgspec.json.encode(numbers))
    packed = as_base64(listed)
    assert is_base64(packed)
    assert not is_base64(listed)
    assert msgspec.json.decode(as_floats(packed)) == numbers
    assert as_base64(packed) is packed
    assert as_floats(listed) is listed


def test_base64_is_what_clients_unpack() -> None:
    """OpenAI's SDK reads little-endian 32-bit floats."""
    assert bytes(as_base64(Json(b"[1, -2.5]"))) == b'"AACAPwAAIMA="'


def test_wide_floats_are_told_apart() -> None:
    """Vectors packed as 64-bit floats that were 32-bit ones, as older vLLM servers do, are read as such."""
    numbers = [0.5, -0.25, 0.125, 3.0, -0.0625, 0.75, 0.375, -1.0]
    packed = Json(msgspec.json.encode(struct.pack("<8d", *numbers)))
    assert msgspec.json.decode(as_floats(packed)) == numbers


@pytest.mark.parametrize(
    "vector",
    [b'"AACA"', b'"A"', b'"!!!!"', b'"\\ud800"', b"null", b"{}", b"7", b'"AACAfw=="', b'"AADAfw=="'],
)
def test_what_is_no_list_of_numbers(vector: bytes) -> None:
    """What is no base64, no whole floats, not finite or neither spelling is malformed."""
    with pytest.raises(UpstreamMalformed):
        as_floats(Json(vector))


@pytest.mark.parametrize("vector", [b"null", b"{}", b"7", b'["a"]', b"[1e39]", b"[null]", b"[1"])
def test_what_cannot_be_packed(vector: bytes) -> None:
    """What is no list of numbers, or has one that 32 bits cannot hold, is malformed."""
    with pytest.raises(UpstreamMalformed):
        as_base64(Json(vector))


@given(vector=st.binary(min_size=1, max_size=40) | st.binary(max_size=80).map(msgspec.json.encode))
def test_no_vector_is_too_strange(vector: bytes) -> None:
    """Any bytes are a vector or are malformed."""
    for spelled in (as_base64, as_floats):
        try:
            assert bytes(spelled(Json(vector)))
        except UpstreamMalformed:
            continue
