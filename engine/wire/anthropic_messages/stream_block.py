"""The contents of a Messages stream's events, and the blocks that are open while it runs."""

from typing import Any

import msgspec

from engine import hub
from engine.wire.anthropic_messages import PROTOCOL
from engine.wire.anthropic_messages.raw import NULL

__all__ = ["READ", "BlockStart", "Delta", "Event", "OpenBlock", "Started"]

READ = frozenset({"text", "thinking", "redacted_thinking", "tool_use"})
"""Types of block that are read; others are kept whole, unread."""


class Event(msgspec.Struct, gc=False):
    """One event of any type."""

    type: str
    index: int = 0
    delta: msgspec.Raw = NULL
    content_block: msgspec.Raw = NULL
    message: msgspec.Raw = NULL
    usage: msgspec.Raw = NULL


class Delta(msgspec.Struct, gc=False):
    """A delta of the message, or of a block of any type that is read."""

    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    signature: str | None = None
    citation: msgspec.Raw = NULL
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: Any = None


class Started(msgspec.Struct):
    """The message that `message_start` begins."""

    id: Any = None
    model: Any = None
    usage: Any = None


class BlockStart(msgspec.Struct):
    """How a block begins; its texts are empty, except with some look-alikes."""

    type: str
    text: str | None = None
    citations: list[msgspec.Raw] | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = NULL


class OpenBlock:
    """A block that has not closed yet."""

    __slots__ = ("argued", "call", "citations", "foreign", "kind", "pieces", "signature", "start", "whole")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.start = 0
        """For text: its offset in the text of the answer, in characters."""
        self.citations: list[msgspec.Raw] = []
        self.signature = ""
        self.call = 0
        self.argued = False
        """Whether arguments have been sent on."""
        self.whole = "{}"
        """For a call: the arguments that its beginning gave, sent on if none come in pieces."""
        self.foreign: dict[str, Any] = {}
        self.pieces: list[str] = []
        """For a foreign block: its `input`, in pieces."""

    def extend(self, delta: dict[str, Any]) -> None:
        """Take a delta of a block that is not read: texts are appended, and `partial_json` to the block's `input`."""
        for name, value in delta.items():
            before = self.foreign.get(name)
            if name == "partial_json" and isinstance(value, str):
                self.pieces.append(value)
            elif name == "type":
                continue
            elif isinstance(before, str) and isinstance(value, str):
                self.foreign[name] = before + value
            else:
                self.foreign[name] = value

    def whole_foreign(self) -> hub.Foreign:
        """A block that is not read, as it would be in a whole answer."""
        pieces = "".join(self.pieces)
        whole = {**self.foreign, "input": _input(pieces)} if pieces else self.foreign
        return hub.Foreign(protocol=PROTOCOL, kind=self.kind, raw=msgspec.Raw(msgspec.json.encode(whole)))


def _input(pieces: str) -> msgspec.Raw:
    """The block's `input`; as a string if the model's JSON broke off."""
    try:
        msgspec.json.decode(pieces)
    except (msgspec.DecodeError, RecursionError):
        return msgspec.Raw(msgspec.json.encode(pieces))
    return msgspec.Raw(pieces.encode())
