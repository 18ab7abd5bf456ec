"""The conversation of a request: `system` and `messages` ↔ the hub's messages.

Reading moves tool results into messages of their own; writing puts them back into the user's turn. Neighbouring
messages of one role become one, both ways: that is how Anthropic reads them.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import count

import msgspec

from engine import hub
from engine.errors import BadRequest
from engine.hub import Role
from engine.wire.anthropic_messages import PROTOCOL
from engine.wire.anthropic_messages.blocks import (
    Block,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    input_of,
    read_parts,
)
from engine.wire.anthropic_messages.media import unsupported, write_media
from engine.wire.anthropic_messages.raw import NULL, unsaid
from engine.wire.body import malformed

__all__ = ["Writer", "read_messages", "read_system"]

ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}


class _Message(msgspec.Struct):
    role: str
    content: str | list[msgspec.Raw]


_MESSAGES = msgspec.json.Decoder(list[msgspec.Raw])
_MESSAGE = msgspec.json.Decoder(_Message)
_SYSTEM: msgspec.json.Decoder[str | list[msgspec.Raw] | None] = msgspec.json.Decoder(str | list[msgspec.Raw] | None)

_ID = re.compile(r"[^a-zA-Z0-9_-]")
"""What an id must not contain: the API takes only `^[a-zA-Z0-9_-]+$`."""


def read_system(raw: msgspec.Raw) -> list[hub.Message]:
    """The system message, if there is one.

    Raises:
        BadRequest: `system` is neither text nor a list of blocks.
    """
    try:
        content = _SYSTEM.decode(raw)
        parts = _parts(content or ())
    except msgspec.DecodeError as exc:
        raise malformed("system", exc) from exc
    return [hub.Message(role=Role.SYSTEM, parts=tuple(parts))] if parts else []


def read_messages(raw: msgspec.Raw) -> list[hub.Message]:
    """The conversation. Messages that say nothing are left out, as the API does not count them either.

    Raises:
        BadRequest: a message or block is not of the protocol's shape; `param` names it.
    """
    turns: list[tuple[Role, list[hub.Part]]] = []
    names: dict[str, str] = {}
    for number, message in enumerate(_listed(raw)):
        for role, part in _told(number, message):
            if isinstance(part, hub.ToolCall):
                names[part.id] = part.name
            elif isinstance(part, hub.ToolResult):
                part = msgspec.structs.replace(part, name=names.get(part.call_id, ""))  # noqa: PLW2901 - completed
            if not turns or turns[-1][0] is not role:
                turns.append((role, []))
            turns[-1][1].append(part)
    return [hub.Message(role=role, parts=tuple(parts)) for role, parts in turns]


def _listed(raw: msgspec.Raw) -> list[msgspec.Raw]:
    try:
        return _MESSAGES.decode(raw)
    except msgspec.DecodeError as exc:
        raise malformed("messages", exc) from exc


def _told(number: int, raw: msgspec.Raw) -> list[tuple[Role, hub.Part]]:
    """Each part of a message, with the role that the hub gives it."""
    try:
        message = _MESSAGE.decode(raw)
        parts = _parts(message.content)
    except msgspec.DecodeError as exc:
        raise malformed(f"messages.{number}", exc) from exc
    role = ROLES.get(message.role)
    if role is None:
        raise BadRequest(
            f"messages.{number}.role must be user, assistant or system, not {message.role[:40]!r}",
            code="invalid_value",
            param=f"messages.{number}.role",
        )
    return [(Role.TOOL if isinstance(part, hub.ToolResult) else role, part) for part in parts]


def _parts(content: str | Sequence[msgspec.Raw]) -> list[hub.Part]:
    if isinstance(content, str):
        return [hub.Text(text=content)] if content else []
    return read_parts(content)


class Writer:
    """Writes one request's conversation. `dropped` collects what had to be left out, by name."""

    def __init__(self, origin: str) -> None:
        self.dropped: list[str] = []
        self._native = origin == PROTOCOL
        """Whether the caller speaks this protocol: then system messages stay in place, and turns as they are."""
        self._ids: dict[str, str] = {}
        """A call's id in the hub → the id it is sent with; for an id used again, that of the latest call."""
        self._sent: set[str] = set()

    def system(self, messages: Sequence[hub.Message]) -> str | list[Block | msgspec.Raw] | None:
        """The content of `system`; None when there is nothing to put there."""
        spoken = [message for at, message in enumerate(messages) if self._is_on_top(at, message)]
        blocks = self._blocks(part for message in spoken for part in message.parts)
        match blocks:
            case []:
                return None
            case [TextBlock(text=text, citations=None, cache_control=cache)] if cache is NULL:
                return text
        return blocks

    def turns(self, messages: Sequence[hub.Message]) -> list[dict[str, object]]:
        """The content of `messages`: turns that alternate."""
        turns: list[tuple[str, list[Block | msgspec.Raw]]] = []
        for at, message in enumerate(messages):
            if message.name and "name" not in self.dropped:
                self.dropped.append("name")
            blocks = [] if self._is_on_top(at, message) else self._blocks(message.parts, message.role)
            role = _role(message.role)
            if blocks and turns and turns[-1][0] == role:
                turns[-1][1].extend(blocks)
            elif blocks:
                turns.append((role, blocks))
        return [{"role": role, "content": self._content(blocks)} for role, blocks in turns]

    def _is_on_top(self, at: int, message: hub.Message) -> bool:
        """Whether *message*, at index *at*, goes into `system`.

        Within a conversation only newer models take a system message, and only callers of this protocol ask for that.
        """
        return message.role in {Role.SYSTEM, Role.DEVELOPER} and (at == 0 or not self._native)

    def _content(self, blocks: list[Block | msgspec.Raw]) -> str | list[Block | msgspec.Raw]:
        """A turn's content, with tool results first: the API refuses text before them."""
        match blocks:
            case [TextBlock(text=text, citations=None, cache_control=cache)] if cache is NULL:
                return text
        return blocks if self._native else sorted(blocks, key=lambda block: not isinstance(block, ToolResultBlock))

    def _blocks(self, parts: Iterable[hub.Part], role: Role = Role.USER) -> list[Block | msgspec.Raw]:
        written = [self._block(part, role) for part in parts]
        return [block for block in written if block is not None]

    def _block(self, part: hub.Part, role: Role) -> Block | msgspec.Raw | None:  # noqa: PLR0911 - a case for each kind
        match part:
            case hub.Text():
                return self._text(part)
            case hub.ToolCall():
                return ToolUseBlock(self._call_id(part), part.name, input_of(part), unsaid(part.cache))
            case hub.ToolResult():
                return self._result(part)
            case hub.Thinking():
                return _thinking(part)
            case hub.Refusal():
                return TextBlock(part.text) if part.text else None
            case hub.Foreign():
                return self._foreign(part)
            case hub.Media() if role is Role.ASSISTANT:
                raise unsupported(f"{part.kind} content of the assistant's")
            case hub.Media():
                return write_media(part)

    def _text(self, part: hub.Text) -> TextBlock | None:
        """The block for a text. Only this protocol's own citations go back: they are partly encrypted, and checked."""
        if not part.text and not part.citations:
            return None
        own = [c.foreign.raw for c in part.citations if c.foreign is not None and c.foreign.protocol == PROTOCOL]
        if len(own) < len(part.citations):
            self._drop("citations")
        return TextBlock(part.text, own or None, unsaid(part.cache)) if part.text or own else None

    def _result(self, part: hub.ToolResult) -> ToolResultBlock:
        content = self._content(self._blocks(part.parts))
        return ToolResultBlock(
            tool_use_id=self._ids.get(part.call_id) or _ID.sub("_", part.call_id) or "_",
            content=content if isinstance(content, str) else [_raw(block) for block in content] or None,
            is_error=part.is_error or None,
            cache_control=unsaid(part.cache),
        )

    def _foreign(self, part: hub.Foreign) -> msgspec.Raw | None:
        if part.protocol == PROTOCOL:
            return part.raw
        self._drop(part.kind)
        return None

    def _drop(self, name: str) -> None:
        if name not in self.dropped:
            self.dropped.append(name)

    def _call_id(self, call: hub.ToolCall) -> str:
        """An id for *call* that the API takes: in its alphabet, and used by no other call of the conversation.

        Kimi's ids have dots and colons, and some providers begin again at 0 in every turn.
        """
        if self._native:
            return call.id
        wished = _ID.sub("_", call.id) or "call"
        free = (f"{wished}_{n}" for n in count(2))
        self._ids[call.id] = own = next(free) if wished in self._sent else wished
        while own in self._sent:
            self._ids[call.id] = own = next(free)
        self._sent.add(own)
        return own


def _role(role: Role) -> str:
    match role:
        case Role.ASSISTANT:
            return "assistant"
        case Role.SYSTEM | Role.DEVELOPER:
            return "system"
        case Role.USER | Role.TOOL:
            return "user"


def _thinking(part: hub.Thinking) -> ThinkingBlock | RedactedThinkingBlock | None:
    """The block for a thought; None unless Anthropic itself signed or encrypted it: it refuses any other."""
    if part.origin != PROTOCOL:
        return None
    if part.redacted:
        return RedactedThinkingBlock(part.redacted)
    return ThinkingBlock(part.text, part.signature) if part.signature else None


def _raw(block: Block | msgspec.Raw) -> msgspec.Raw:
    return block if isinstance(block, msgspec.Raw) else msgspec.Raw(msgspec.json.encode(block))
