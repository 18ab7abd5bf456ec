"""How the events of a Messages stream are framed: each is named after its type and has its JSON on one line."""

from typing import Any

import msgspec

__all__ = ["begun", "delta_prefix", "ended", "event", "filled", "is_stream", "named"]

_json = msgspec.json.Encoder().encode


def event(name: bytes, value: dict[str, Any]) -> bytes:
    """An event of any type."""
    return b"event: %b\ndata: %b\n\n" % (name, _json(value))


def named(name: bytes, raw: bytes) -> bytes:
    """An event of any type; *raw* is its JSON and may have line breaks."""
    return b"event: %b\ndata: %b\n\n" % (name, _line(raw))


def begun(index: int, block: bytes) -> bytes:
    """`content_block_start` of a block, whose JSON may have line breaks."""
    head = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%b}\n\n'
    return head % (index, _line(block))


def ended(index: int) -> bytes:
    """`content_block_stop`."""
    return b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n' % index


def delta_prefix(index: int, kind: bytes, name: bytes) -> bytes:
    """The beginning of a delta of *kind*, up to the value of its field *name*."""
    head = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":'
    return head % (index, kind, name)


def filled(prefix: bytes, value: bytes) -> bytes:
    """The delta that begins with *prefix*; *value* is JSON and may have line breaks."""
    return b"%b%b}}\n\n" % (prefix, _line(value))


def _line(raw: bytes) -> bytes:
    """JSON on one line. Its line breaks can only be between tokens: inside a string they would be escaped."""
    return raw.replace(b"\n", b" ").replace(b"\r", b" ") if b"\n" in raw or b"\r" in raw else raw


def is_stream(body: bytes) -> bool:
    """Whether a body that has no whole event is empty or looks like the beginning of an event."""
    beginning = body.lstrip()
    return not beginning or beginning.startswith((b":", b"data:", b"event:", b"id:", b"retry:"))
