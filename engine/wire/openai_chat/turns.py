"""The messages of a request ↔ the hub's, and the ids that tie answers of tools to their calls.

The ids that come in need not be unique: xAI's and Kimi's begin anew in each turn, Gemini's compatible endpoint sends
empty ones, and a `function_call` has none. In the hub each call of a conversation has an id of its own.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from engine import hub
from engine.wire.dialect import Dialect
from engine.wire.openai_chat.content import no_place, read_content, write_content
from engine.wire.openai_chat.message import Said, read_assistant, write_assistant

__all__ = ["read_turns", "write_turns"]

SHORT_ID = 9


class _Turn(Said, kw_only=True):
    """An entry of `messages`."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    name: str | None = None
    tool_call_id: str | None = None
    cache_control: Any = None


_TURNS = msgspec.json.Decoder(list[_Turn])


def read_turns(messages: msgspec.Raw) -> tuple[hub.Message, ...]:
    """The conversation in `messages`.

    Raises:
        msgspec.DecodeError: it is not of the protocol's shape.
        BadRequest: a content part is not of its type's shape.
    """
    calls = _Calls()
    return tuple(_read(turn, calls) for turn in _TURNS.decode(messages))


def _read(turn: _Turn, calls: "_Calls") -> hub.Message:
    if turn.role in {"tool", "function"}:
        call_id, name = calls.answered(turn.tool_call_id or "", turn.name or "")
        parts = tuple(read_content(turn.content))
        return hub.Message(role=hub.Role.TOOL, parts=(hub.ToolResult(call_id=call_id, parts=parts, name=name),))
    spoken = read_assistant(turn, calls.named) if turn.role == "assistant" else tuple(read_content(turn.content))
    return hub.Message(role=hub.Role(turn.role), parts=_cached(spoken, turn.cache_control), name=turn.name or "")


def _cached(parts: tuple[hub.Part, ...], cache: Any) -> tuple[hub.Part, ...]:
    """*parts* with a message's cache marker, *cache*, on the last of them."""
    if not cache or not parts or not isinstance(parts[-1], hub.Text | hub.Media):
        return parts
    marked = msgspec.structs.replace(parts[-1], cache=msgspec.Raw(msgspec.json.encode(cache)))
    return (*parts[:-1], marked)


class _Calls:
    """The tool calls of a conversation so far: an id for each, and which of them still await an answer."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._open: list[tuple[str, str, str]] = []
        """(Id on the wire, our id, name) of each call not answered yet, oldest first."""
        self._answered: dict[str, tuple[str, str]] = {}

    def named(self, wire_id: str, name: str) -> str:
        """The id of a new call: the one it came with, unless that is empty or another call has it."""
        call_id, number = wire_id, len(self._taken)
        while not call_id or call_id in self._taken:
            call_id = f"{wire_id or 'call'}_{number}"
            number += 1
        self._taken.add(call_id)
        self._open.append((wire_id, call_id, name))
        return call_id

    def answered(self, wire_id: str, name: str) -> tuple[str, str]:
        """Id and name of the call that is answered; where no call fits, those given.

        A `function` message gives only the function's name.
        """
        for at, (wire, call_id, called) in enumerate(self._open):
            if wire == wire_id and (wire_id or not name or called == name):
                del self._open[at]
                self._answered[wire_id] = (call_id, called)
                return call_id, called or name
        return self._answered.get(wire_id, (wire_id or name, name))


def write_turns(messages: Iterable[hub.Message], dialect: Dialect, dropped: list[str]) -> list[dict[str, Any]]:
    """`messages`. Foreign parts of another protocol are left out, and their kinds added to *dropped*.

    Raises:
        BadRequest: `content_not_supported`.
    """
    written: list[dict[str, Any]] = []
    held: list[hub.Part] = []
    for message in messages:
        if held and message.role is not hub.Role.TOOL:
            written.append(_user(held, dialect, dropped))
            held = []
        match message.role:
            case hub.Role.TOOL:
                written += _answers(message, dialect, held, dropped)
            case hub.Role.ASSISTANT:
                written.append(_named(message, _assistant(message, dialect, dropped)))
            case hub.Role.USER:
                written.append(_named(message, _user(message.parts, dialect, dropped)))
            case hub.Role.SYSTEM | hub.Role.DEVELOPER:
                written.append(_named(message, _system(message, dialect, dropped)))
    if held:
        written.append(_user(held, dialect, dropped))
    return written


def _named(message: hub.Message, written: dict[str, Any]) -> dict[str, Any]:
    return {**written, "name": message.name} if message.name else written


def _user(parts: Iterable[hub.Part], dialect: Dialect, dropped: list[str]) -> dict[str, Any]:
    return {"role": "user", "content": write_content(parts, cache=dialect.cache, dropped=dropped)}


def _system(message: hub.Message, dialect: Dialect, dropped: list[str]) -> dict[str, Any]:
    for part in message.parts:
        if isinstance(part, hub.Media):
            raise no_place(f"{part.kind} in a {message.role} message")
    role = "developer" if message.role is hub.Role.DEVELOPER and dialect.developer else "system"
    return {"role": role, "content": write_content(message.parts, cache=dialect.cache, dropped=dropped)}


def _assistant(message: hub.Message, dialect: Dialect, dropped: list[str]) -> dict[str, Any]:
    for part in message.parts:
        if isinstance(part, hub.Media) and (
            part.kind not in {"audio", "image"} or (part.kind == "audio") != bool(part.file_id)
        ):
            raise no_place(f"{part.kind} in an assistant message")
        if isinstance(part, hub.ToolResult):
            raise no_place("an answer of a tool in an assistant message")
    parts = message.parts
    if dialect.short_ids:
        parts = tuple(_shortened(part) if isinstance(part, hub.ToolCall) else part for part in parts)
    if dialect.thoughts == "none":
        parts = tuple(_unsigned(part) for part in parts)
    said = write_assistant(parts, thoughts=dialect.thoughts, cache=dialect.cache, dropped=dropped)
    return {"role": "assistant", **said}


def _unsigned(part: hub.Part) -> hub.Part:
    """*part* without Gemini's signature, whose field strict providers refuse."""
    return msgspec.structs.replace(part, signature="") if isinstance(part, hub.Text | hub.ToolCall) else part


def _answers(
    message: hub.Message, dialect: Dialect, held: list[hub.Part], dropped: list[str]
) -> Iterator[dict[str, Any]]:
    """A message for each result. Media not allowed there are added to *held*, to follow in a message of the user's."""
    for result in message.parts:
        if not isinstance(result, hub.ToolResult):
            raise no_place(f"{type(result).__name__} in a message of a tool")
        if result.is_error and "is_error" not in dropped:
            dropped.append("is_error")
        moved = [] if dialect.tool_media else [part for part in result.parts if isinstance(part, hub.Media)]
        held += moved
        kept = [part for part in result.parts if part not in moved]
        content = write_content(kept, cache=dialect.cache, dropped=dropped)
        call_id = _short(result.call_id) if dialect.short_ids else result.call_id
        yield {"role": "tool", "tool_call_id": call_id, "content": content}


def _shortened(call: hub.ToolCall) -> hub.ToolCall:
    return msgspec.structs.replace(call, id=_short(call.id))


def _short(call_id: str) -> str:
    """*call_id* in nine letters and digits: itself if it is such an id already, else a digest of it."""
    if len(call_id) == SHORT_ID and call_id.isascii() and call_id.isalnum():
        return call_id
    return hashlib.sha256(call_id.encode()).hexdigest()[:SHORT_ID]
