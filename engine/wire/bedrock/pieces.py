"""One content block of a stream, while its pieces arrive: holds what can only be told once it is whole."""

import base64
import binascii
from collections.abc import Iterator
from typing import Any

import msgspec

from engine import hub
from engine.wire.bedrock import PROTOCOL, media
from engine.wire.bedrock.parts import withheld

__all__ = ["Delta", "Pieces", "Start"]


class _ToolUse(msgspec.Struct, rename="camel", kw_only=True, omit_defaults=True):
    tool_use_id: str = ""
    name: str = ""
    type: str | None = None


class _ToolResult(msgspec.Struct, rename="camel", kw_only=True, omit_defaults=True):
    tool_use_id: str = ""
    type: str | None = None
    status: str | None = None


class _Image(msgspec.Struct):
    format: str = ""


class Start(msgspec.Struct, rename="camel", kw_only=True):
    """How a block begins; blocks of text or reasoning have no start."""

    tool_use: _ToolUse | None = None
    tool_result: _ToolResult | None = None
    image: _Image | None = None


class _Input(msgspec.Struct, gc=False):
    input: str = ""


class _Reasoning(msgspec.Struct, rename="camel", gc=False):
    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class _ImagePiece(msgspec.Struct):
    source: media.Source | None = None


class Delta(msgspec.Struct, rename="camel", kw_only=True):
    """A piece of a block: one of these fields."""

    text: str | None = None
    tool_use: _Input | None = None
    reasoning_content: _Reasoning | None = None
    citation: msgspec.Raw = msgspec.Raw()
    tool_result: list[msgspec.Raw] | None = None
    image: _ImagePiece | None = None


class Pieces:
    """A block that is held, in whole or in part, until it stops."""

    __slots__ = ("_argued", "_call", "_image", "_input", "_redacted", "_results", "_signature", "_start")

    def __init__(self, start: Start | None = None, call: int | None = None) -> None:
        self._start = start or Start()
        self._call = call
        """Number of the tool call, if the block is one for the caller."""
        self._argued = False
        self._input: list[str] = []
        self._results: list[msgspec.Raw] = []
        self._redacted: list[str] = []
        self._image: list[str] = []
        self._signature = ""

    def add(self, delta: Delta) -> hub.Event | None:
        """The event that the piece gives at once; None while it is held."""
        if delta.tool_use is not None:
            return self._argue(delta.tool_use.input)
        reasoning = delta.reasoning_content
        if reasoning is not None:
            self._signature += reasoning.signature or ""
            self._redacted += [reasoning.redacted_content] if reasoning.redacted_content else []
        self._results += delta.tool_result or []
        if delta.image is not None and delta.image.source is not None:
            self._image.append(delta.image.source.bytes or "")
        return None

    def _argue(self, text: str) -> hub.Event | None:
        if self._call is None:
            self._input.append(text)
            return None
        self._argued = self._argued or bool(text)
        return hub.CallDelta(call=self._call, arguments=text) if text else None

    def close(self) -> Iterator[hub.Event]:
        """The events that need the whole block: signatures, pictures, foreign blocks, `{}` for a call without input."""
        if self._call is not None and not self._argued:
            yield hub.CallDelta(call=self._call, arguments="{}")
        if self._signature:
            yield hub.ThinkingSigned(signature=self._signature, origin=PROTOCOL)
        if self._redacted:
            yield _withheld(_joined(self._redacted))
        if self._start.image is not None and self._image:
            block = media.Block(format=self._start.image.format, source=media.Source(bytes=_joined(self._image)))
            read = media.read_media("image", block)
            if read is not None:
                yield hub.MediaArrived(media=read)
        if self._call is None and self._start.tool_use is not None:
            use = msgspec.to_builtins(self._start.tool_use) | {"input": _object("".join(self._input))}
            yield _foreign("server_tool_use", {"toolUse": use})
        if self._start.tool_result is not None:
            result = msgspec.to_builtins(self._start.tool_result) | {"content": self._results}
            yield _foreign("toolResult", {"toolResult": result})


def _withheld(blob: str) -> hub.Event:
    redacted = withheld(blob)
    if redacted:
        return hub.ThinkingSigned(redacted=redacted, origin=PROTOCOL)
    return _foreign("reasoningContent", {"reasoningContent": {"redactedContent": blob}})


def _foreign(kind: str, block: dict[str, Any]) -> hub.Foreign:
    return hub.Foreign(protocol=PROTOCOL, kind=kind, raw=msgspec.Raw(msgspec.json.encode(block)))


def _joined(pieces: list[str]) -> str:
    """The pieces, each in base64 of its own, as one text in base64."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return base64.b64encode(b"".join(base64.b64decode(piece) for piece in pieces)).decode()
    except (binascii.Error, ValueError):
        return "".join(pieces)


def _object(text: str) -> msgspec.Raw:
    """*text*, a tool's joined input, as JSON; `{}` if it is none."""
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return msgspec.Raw(b"{}")
    return msgspec.Raw(text.encode())
