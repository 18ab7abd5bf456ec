"""AWS's event streams, `application/vnd.amazon.eventstream`: where a message ends, and its headers. Knows no service.

A message is: total length, headers length (4 bytes each, big-endian, all counted in the total), CRC-32 of these eight
bytes, headers, payload, CRC-32 of everything before it. A header is: length of its name (1 byte), name, type of its
value (1 byte), value.

Source: Amazon Lex developer guide, "Event stream encoding", and Smithy's "Amazon Event Stream" specification, 2026-11.
"""

import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID
from zlib import crc32

from engine.errors import UpstreamMalformed, UpstreamReset

__all__ = ["MOST_MESSAGE_BYTES", "Decoder", "Header", "Message", "encode", "encode_headers", "framed"]

MOST_MESSAGE_BYTES = 24 * 1024 * 1024
"""The specification's bound; AWS's own libraries refuse to read more."""
MOST_HEADERS_BYTES = 128 * 1024
"""The specification's bound, too."""
MOST_KNOWN_HEADERS = 32
"""How many sets of headers are remembered. A service has about ten kinds of message, each with the same every time."""

Header = bool | int | bytes | str | datetime | UUID

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_INTEGERS = {2: struct.Struct(">b"), 3: struct.Struct(">h"), 4: struct.Struct(">i"), 5: struct.Struct(">q")}
_INT, _LONG, _BYTES, _STRING, _TIMESTAMP, _UUID = range(4, 10)
_LENGTH = struct.Struct(">H")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

NOTHING_BUT_CRCS = _PRELUDE.size + _CRC.size


class Message(NamedTuple):
    """One message. The headers may be shared between messages."""

    headers: Mapping[str, Header]
    payload: bytes


class Decoder:
    """Bytes in, whole messages out, however the bytes were cut. Holds one message at most, `MOST_MESSAGE_BYTES`."""

    __slots__ = ("_fault", "_held", "_known", "_needed")

    def __init__(self) -> None:
        self._held = bytearray()
        self._needed = _PRELUDE.size
        """Bytes needed of the message that has begun: its prelude, or once that has been read, all of it."""
        self._known: dict[bytes, Mapping[str, Header]] = {}
        self._fault: UpstreamMalformed | None = None

    def feed(self, data: bytes) -> list[Message]:
        """The messages that *data* completes.

        Raises:
            UpstreamMalformed: a checksum, a length or a header is wrong. If *data* completes messages before the fault,
                this call returns those; the next call raises it, and so does every later one.
        """
        if self._fault:
            raise self._fault
        self._held += data
        messages: list[Message] = []
        start = 0
        try:
            while len(self._held) - start >= self._needed:
                if self._needed == _PRELUDE.size:
                    self._needed = self._size(start)
                else:
                    messages.append(self._message(start))
                    start += self._needed
                    self._needed = _PRELUDE.size
        except UpstreamMalformed as fault:
            self._fault = fault
            if not messages:
                raise
        del self._held[:start]
        return messages

    def close(self) -> None:
        """Returns if the body ended where a message did.

        Raises:
            UpstreamMalformed: the fault that `feed` has not raised yet.
            UpstreamReset: the body ended inside a message.
        """
        if self._fault:
            raise self._fault
        if self._held:
            raise UpstreamReset("the event stream ended inside a message", received=True)

    def _size(self, start: int) -> int:
        size, headers_size, crc = _PRELUDE.unpack_from(self._held, start)
        if crc32(self._held[start : start + 8]) != crc:
            raise UpstreamMalformed("an event stream's prelude with a wrong checksum", received=True)
        if size > MOST_MESSAGE_BYTES or headers_size > MOST_HEADERS_BYTES or headers_size + NOTHING_BUT_CRCS > size:
            detail = f"an event stream's message of {size} bytes, {headers_size} of them headers"
            raise UpstreamMalformed(detail, received=True)
        return int(size)

    def _message(self, start: int) -> Message:
        message = bytes(memoryview(self._held)[start : start + self._needed])
        end = self._needed - _CRC.size
        if crc32(memoryview(message)[:end]) != _CRC.unpack_from(message, end)[0]:
            raise UpstreamMalformed("an event stream's message with a wrong checksum", received=True)
        payload_at = _PRELUDE.size + int.from_bytes(message[4:8])
        return Message(self._headers(message[_PRELUDE.size : payload_at]), message[payload_at:end])

    def _headers(self, data: bytes) -> Mapping[str, Header]:
        headers = self._known.get(data)
        if headers is None:
            headers = MappingProxyType(_read_headers(data))
            if len(self._known) < MOST_KNOWN_HEADERS:
                self._known[data] = headers
        return headers


def _read_headers(data: bytes) -> dict[str, Header]:
    headers: dict[str, Header] = {}
    at = 0
    try:
        while at < len(data):
            name_end = at + 1 + data[at]
            name = data[at + 1 : name_end].decode()
            headers[name], at = _read_value(data, name_end)
    except (IndexError, struct.error, UnicodeDecodeError, ValueError, OverflowError) as exc:
        raise UpstreamMalformed(f"an event stream's header that cannot be read: {exc}", received=True) from exc
    return headers


def _read_value(data: bytes, at: int) -> tuple[Header, int]:
    """The value whose type is the byte at *at*, and the offset of its end."""
    kind, at = data[at], at + 1
    if kind < 2:
        return kind == 0, at
    if kind in _INTEGERS:
        integer = _INTEGERS[kind]
        return integer.unpack_from(data, at)[0], at + integer.size
    if kind in {_BYTES, _STRING}:
        (length,) = _LENGTH.unpack_from(data, at)
        value = _slice(data, at + _LENGTH.size, length)
        return value if kind == _BYTES else value.decode(), at + _LENGTH.size + length
    if kind == _TIMESTAMP:
        (milliseconds,) = _INTEGERS[_LONG].unpack_from(data, at)
        return _EPOCH + milliseconds * _MILLISECOND, at + 8
    if kind == _UUID:
        return UUID(bytes=_slice(data, at, 16)), at + 16
    raise ValueError(f"no type {kind}")


def _slice(data: bytes, at: int, length: int) -> bytes:
    if at + length > len(data):
        raise IndexError("a value that is longer than the headers")
    return data[at : at + length]


def encode(headers: Mapping[str, Header], payload: bytes) -> bytes:
    """The message.

    Names take at most 255 bytes, strings and bytes 65,535, whole numbers 64 bits; times are cut to milliseconds.
    """
    return framed(encode_headers(headers), payload)


def encode_headers(headers: Mapping[str, Header]) -> bytes:
    """The headers alone, for `framed`: every message of a kind has the same, so they can be kept."""
    return b"".join(_header(name, value) for name, value in headers.items())


def framed(head: bytes, payload: bytes) -> bytes:
    """The message with *head*, which `encode_headers` wrote."""
    lengths = struct.pack(">II", NOTHING_BUT_CRCS + len(head) + len(payload), len(head))
    message = lengths + _CRC.pack(crc32(lengths)) + head + payload
    return message + _CRC.pack(crc32(message))


def _header(name: str, value: Header) -> bytes:
    encoded = name.encode()
    return bytes((len(encoded),)) + encoded + _value(value)


def _value(value: Header) -> bytes:
    match value:
        case bool():
            return b"\x00" if value else b"\x01"
        case int():
            kind = _INT if -(2**31) <= value < 2**31 else _LONG
            return bytes((kind,)) + _INTEGERS[kind].pack(value)
        case str():
            text = value.encode()
            return bytes((_STRING,)) + _LENGTH.pack(len(text)) + text
        case bytes():
            return bytes((_BYTES,)) + _LENGTH.pack(len(value)) + value
        case datetime():
            return bytes((_TIMESTAMP,)) + _INTEGERS[_LONG].pack((value - _EPOCH) // _MILLISECOND)
        case UUID():
            return bytes((_UUID,)) + value.bytes
