import struct
from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UpstreamMalformed, UpstreamReset
from engine.wire.eventstream import MOST_MESSAGE_BYTES, Decoder, Header, Message, encode

HEADERS = st.dictionaries(
    st.text(min_size=1, max_size=20),
    st.one_of(
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.binary(max_size=40),
        st.text(max_size=40),
        st.integers(0, 4_000_000_000_000).map(lambda ms: datetime.fromtimestamp(ms // 1000, tz=UTC)),
        st.uuids(),
    ),
    max_size=6,
)


def fed(data: bytes, cuts: list[int]) -> list[Message]:
    decoder = Decoder()
    marks = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    messages = [message for begin, end in pairwise(marks) for message in decoder.feed(data[begin:end])]
    decoder.close()
    return messages


def framed(headers: bytes, payload: bytes = b"") -> bytes:
    """A message with these bytes as its headers, and true checksums."""
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = lengths + struct.pack(">I", crc32(lengths)) + headers + payload
    return message + struct.pack(">I", crc32(message))


@given(st.lists(st.tuples(HEADERS, st.binary(max_size=60)), max_size=4), st.lists(st.integers(0, 400), max_size=6))
@settings(max_examples=60)
def test_what_is_written_is_read(messages: list[tuple[dict[str, Header], bytes]], cuts: list[int]) -> None:
    """Headers of every type and payloads come out as they went in, wherever the bytes are cut."""
    data = b"".join(encode(headers, payload) for headers, payload in messages)
    for got in (fed(data, []), fed(data, cuts), fed(data, list(range(len(data))))):
        assert [(dict(headers), payload) for headers, payload in got] == messages


def test_every_type_of_header_is_read() -> None:
    """All ten types of the specification, those that we do not write among them."""
    headers = (
        b"\x01t\x00" + b"\x01f\x01" + b"\x01b\x02\xff" + b"\x01h\x03\x01\x00" + b"\x01i\x04\x00\x00\x00\x07"
        b"\x01l\x05\x00\x00\x00\x00\x00\x00\x00\x08" + b"\x01y\x06\x00\x02\x00\x01" + b"\x01s\x07\x00\x02hi"
        b"\x01d\x08\x00\x00\x00\x00\x00\x00\x03\xe8" + b"\x01u\x09" + bytes(range(16))
    )
    ((got, payload),) = Decoder().feed(framed(headers, b"x"))
    assert payload == b"x"
    assert dict(got) == {
        "t": True,
        "f": False,
        "b": -1,
        "h": 256,
        "i": 7,
        "l": 8,
        "y": b"\x00\x01",
        "s": "hi",
        "d": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        "u": UUID(bytes=bytes(range(16))),
    }


@pytest.mark.parametrize(
    "headers",
    [
        b"\x01",
        b"\x05a",
        b"\x01a",
        b"\x01a\x0a",
        b"\x01a\x04\x00",
        b"\x01a\x07\x00",
        b"\x01a\x07\x00\x09hi",
        b"\x01a\x07\x00\x01\xff",
        b"\x01\xff\x00",
        b"\x01a\x08\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\x01a\x09\x00",
    ],
)
def test_headers_that_are_none_are_malformed(headers: bytes) -> None:
    """A header that is cut short, of an unknown type, not UTF-8 or out of range is an outcome and no crash."""
    with pytest.raises(UpstreamMalformed):
        Decoder().feed(framed(headers))


@pytest.mark.parametrize("at", [0, 4, 8, 12, 20, -1])
def test_a_changed_byte_is_noticed(at: int) -> None:
    """Both checksums are checked, whatever part of the message was changed."""
    data = bytearray(encode({":event-type": "x"}, b"payload"))
    data[at] ^= 1
    with pytest.raises(UpstreamMalformed) as caught:
        Decoder().feed(bytes(data))
    assert caught.value.received


@pytest.mark.parametrize(
    ("size", "headers_size"), [(MOST_MESSAGE_BYTES + 1, 0), (15, 0), (40, 25), (2**20, 128 * 1024 + 1)]
)
def test_sizes_are_bounded(size: int, headers_size: int) -> None:
    """A message that is too large, or smaller than its own parts, is refused before it is held."""
    lengths = struct.pack(">II", size, headers_size)
    with pytest.raises(UpstreamMalformed):
        Decoder().feed(lengths + struct.pack(">I", crc32(lengths)))


def test_good_messages_come_before_a_bad_one() -> None:
    """What was whole is handed out first, and the fault is raised by what is called next, and from then on."""
    good = encode({}, b"1")
    decoder = Decoder()
    assert [payload for _, payload in decoder.feed(good + b"\x00" * 12)] == [b"1"]
    for _ in range(2):
        with pytest.raises(UpstreamMalformed):
            decoder.feed(good)
    with pytest.raises(UpstreamMalformed):
        decoder.close()


def test_an_end_inside_a_message_is_a_reset() -> None:
    """Bytes that are left over mean that the connection ended early."""
    decoder = Decoder()
    decoder.feed(encode({}, b"1")[:-1])
    with pytest.raises(UpstreamReset):
        decoder.close()


def test_headers_of_many_kinds_are_not_kept() -> None:
    """Headers that repeat are read once; a stream in which all differ does not grow what is remembered."""
    decoder = Decoder()
    for number in range(100):
        ((headers, _),) = decoder.feed(encode({"n": number}, b""))
        assert headers["n"] == number
    assert len(decoder._known) <= 32


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_no_bytes_crash_it(data: bytes) -> None:
    """Whatever comes in, messages or one of the two faults come out."""
    decoder = Decoder()
    try:
        decoder.feed(data)
        decoder.close()
    except (UpstreamMalformed, UpstreamReset):
        return
