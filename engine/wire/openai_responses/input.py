"""The conversation: `instructions` and `input` ↔ hub messages.

Consecutive items of the model are one assistant message, consecutive answers of tools one tool message. Items that only
this protocol knows go into the message before them, or into one of the assistant's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from engine import hub
from engine.errors import BadRequest
from engine.wire.openai_responses import PROTOCOL
from engine.wire.openai_responses.content import foreign, is_part, read_contents, write_input, write_output
from engine.wire.openai_responses.items import (
    kind_of,
    read_message,
    read_output,
    read_result,
)
from engine.wire.openai_responses.reasoning import INVENTED_REASONING, claimed

__all__ = ["Written", "read_input", "write_messages"]

SAID_BY_MODEL = frozenset({"function_call", "custom_tool_call", "reasoning"})
ANSWERED_BY_TOOL = frozenset({"function_call_output", "custom_tool_call_output"})

_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_STRING = msgspec.json.Decoder(str)

_ROLES = {
    "user": hub.Role.USER,
    "assistant": hub.Role.ASSISTANT,
    "system": hub.Role.SYSTEM,
    "developer": hub.Role.DEVELOPER,
}


def read_input(instructions: msgspec.Raw | None, said: msgspec.Raw | None) -> tuple[hub.Message, ...]:
    """The messages of `instructions` and `input`.

    Raises:
        BadRequest: one of them is not of its shape; `param` names the item.
    """
    reader = _Reader()
    if instructions is not None:
        reader.add(hub.Role.SYSTEM, (hub.Text(text=_string(instructions, "instructions")),))
    if said is None:
        return reader.messages()
    if bytes(said)[:1] == b'"':
        reader.add(hub.Role.USER, (hub.Text(text=_string(said, "input")),))
        return reader.messages()
    for index, raw in enumerate(_items(said)):
        try:
            reader.read(raw)
        except (msgspec.DecodeError, RecursionError) as exc:
            raise BadRequest(
                f"input[{index}] cannot be read: {exc}", code="invalid_type", param=f"input[{index}]"
            ) from exc
    return reader.messages()


def _string(raw: msgspec.Raw, param: str) -> str:
    try:
        return _STRING.decode(raw)
    except msgspec.DecodeError as exc:
        raise BadRequest(f"{param} must be a string", code="invalid_type", param=param) from exc


def _items(raw: msgspec.Raw) -> list[msgspec.Raw]:
    try:
        return _RAWS.decode(raw)
    except msgspec.DecodeError as exc:
        raise BadRequest("input must be a string or a list of items", code="invalid_type", param="input") from exc


@dataclass
class _Reader:
    """A conversation while its items are read."""

    turns: list[tuple[hub.Role, list[hub.Part]]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """Call id → name of the tool."""

    def messages(self) -> tuple[hub.Message, ...]:
        return tuple(hub.Message(role=role, parts=claimed(parts)) for role, parts in self.turns)

    def add(self, role: hub.Role, parts: Sequence[hub.Part]) -> None:
        """Add a turn; where the model or the tools go on, add to the last one."""
        if self.turns and self.turns[-1][0] is role and role in {hub.Role.ASSISTANT, hub.Role.TOOL}:
            self.turns[-1][1].extend(parts)
        else:
            self.turns.append((role, list(parts)))

    def read(self, raw: msgspec.Raw) -> None:
        kind = kind_of(raw)
        if kind == "message":
            self._message(raw)
        elif kind in SAID_BY_MODEL:
            parts = read_output(kind, raw)
            self.names |= {part.id: part.name for part in parts if isinstance(part, hub.ToolCall)}
            self.add(hub.Role.ASSISTANT, parts)
        elif kind in ANSWERED_BY_TOOL:
            result = read_result(raw)
            name = self.names.get(result.call_id, "")
            self.add(hub.Role.TOOL, (msgspec.structs.replace(result, name=name),))
        elif self.turns and self.turns[-1][0] is not hub.Role.TOOL:
            self.turns[-1][1].append(foreign(kind, raw))
        else:
            self.add(hub.Role.ASSISTANT, (foreign(kind, raw),))

    def _message(self, raw: msgspec.Raw) -> None:
        role, content = read_message(raw)
        if role not in _ROLES:
            raise msgspec.ValidationError(f"role '{role}' is none of {', '.join(_ROLES)}")
        self.add(_ROLES[role], read_contents(content))


@dataclass
class Written:
    """A conversation as this protocol writes it."""

    instructions: str | None = None
    items: list[Any] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    """What was left out: content of other protocols, by its kind, and names of participants."""


def write_messages(messages: Sequence[hub.Message]) -> Written:
    """The items for *messages*; a first message of the system's that is one text becomes `instructions`.

    If that is the only message it is an item, since there must be an input.

    Raises:
        BadRequest: this protocol cannot express some content.
    """
    written = Written()
    match messages:
        case [hub.Message(role=hub.Role.SYSTEM, parts=(hub.Text(text=text),)), _, *_]:
            written.instructions = text
            messages = messages[1:]
    custom: set[str] = set()
    for message in messages:
        if message.name:
            written.dropped.append("messages.name")
        custom |= {part.id for part in message.parts if isinstance(part, hub.ToolCall) and part.custom}
        for run in _runs(_kept(message.parts, written.dropped)):
            written.items += _write(message.role, run, custom)
    return written


def _kept(parts: Sequence[hub.Part], dropped: list[str]) -> list[hub.Part]:
    """*parts* without foreign content and thoughts of other protocols; foreign content is reported in *dropped*."""
    kept: list[hub.Part] = []
    for part in parts:
        match part:
            case hub.Foreign(protocol=protocol, kind=kind) if protocol != PROTOCOL:
                dropped.append(kind)
            case hub.Thinking(origin=origin) if origin != PROTOCOL:
                continue
            case hub.ToolResult(parts=inner):
                kept.append(msgspec.structs.replace(part, parts=tuple(_kept(inner, dropped))))
            case _:
                kept.append(part)
    return kept


def _runs(parts: Sequence[hub.Part]) -> Iterator[list[hub.Part]]:
    """Neighbours that go into one message, and every item by itself; nothing for no parts."""
    run: list[hub.Part] = []
    for part in parts:
        if not _is_item(part):
            run.append(part)
            continue
        if run:
            yield run
        run = []
        yield [part]
    if run:
        yield run


def _is_item(part: hub.Part) -> bool:
    if isinstance(part, hub.Foreign):
        return not is_part(part.kind)
    return isinstance(part, hub.Thinking | hub.ToolCall | hub.ToolResult)


def _write(role: hub.Role, run: Sequence[hub.Part], custom: set[str]) -> list[Any]:
    match run[0]:
        case hub.Foreign() as part if _is_item(part):
            return [part.raw]
        case hub.Thinking() as part:
            return [_thought(part)]
        case hub.ToolCall() as part:
            says = {"input": part.arguments} if part.custom else {"arguments": part.arguments}
            kind = "custom_tool_call" if part.custom else "function_call"
            return [{"type": kind, "call_id": part.id, "name": part.name, **says}]
        case hub.ToolResult() as part:
            kind = "custom_tool_call_output" if part.call_id in custom else "function_call_output"
            return [{"type": kind, "call_id": part.call_id, "output": _contents(part.parts, f"{kind}.output")}]
    if role is hub.Role.ASSISTANT:
        return [{"role": "assistant", "content": _said(run)}]
    said = hub.Role.USER if role is hub.Role.TOOL else role
    return [{"role": said.value, "content": _contents(run, "messages.content")}]


def _thought(part: hub.Thinking) -> dict[str, Any]:
    item: dict[str, Any] = {"type": "reasoning"}
    if part.id and not part.id.startswith(INVENTED_REASONING):
        item["id"] = part.id
    item["summary"] = [{"type": "summary_text", "text": part.text}] if part.text else []
    encrypted = part.signature or part.redacted
    return {**item, "encrypted_content": encrypted} if encrypted else item


def _contents(parts: Sequence[hub.Part], param: str) -> Any:
    match parts:
        case [hub.Text(text=text)]:
            return text
    return "" if not parts else [write_input(part, param) for part in parts]


def _said(parts: Sequence[hub.Part]) -> Any:
    """The content of what the model said: a string if it is one plain text."""
    match parts:
        case [hub.Text(text=text, citations=())]:
            return text
    content: list[Any] = []
    for part in parts:
        if isinstance(part, hub.Text | hub.Refusal):
            said = write_output(part)
            said.pop("logprobs", None)
            content.append(said)
        else:
            content.append(_assistants(part))
    return content


def _assistants(part: hub.Part) -> Any:
    if isinstance(part, hub.Foreign):
        return part.raw
    kind = part.kind if isinstance(part, hub.Media) else type(part).__name__
    raise BadRequest(
        f"messages.content: content of kind '{kind}' in what the assistant said cannot be sent to OpenAI's Responses "
        "API; leave it out or send it as the user's",
        code="content_not_supported",
        param="messages.content",
    )
