"""Items, of which conversations and answers consist ↔ hub parts.

`message`, `function_call`, `custom_tool_call`, their outputs, and `reasoning` are read; every other item, such as those
of hosted tools, is foreign. Shapes: OpenAI's reference of `POST /responses`, 2026-11.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from engine import hub
from engine.wire.openai_responses import PROTOCOL
from engine.wire.openai_responses.content import (
    NO_LOGPROBS,
    foreign,
    is_part,
    read_contents,
    write_logprobs,
    write_output,
)
from engine.wire.openai_responses.reasoning import read_reasoning, reasoning_item, seal, seal_call

__all__ = [
    "Ids",
    "call_item",
    "image_item",
    "kind_of",
    "output_items",
    "read_message",
    "read_output",
    "read_result",
]


class _Kind(msgspec.Struct):
    type: str = "message"


class _Message(msgspec.Struct):
    role: str = "assistant"
    content: msgspec.Raw = msgspec.Raw(b"null")


class _Call(msgspec.Struct):
    name: str
    call_id: str | None = None
    id: str | None = None
    arguments: str | None = None
    input: str | None = None


class _Result(msgspec.Struct):
    call_id: str
    output: msgspec.Raw


_KIND = msgspec.json.Decoder(_Kind)
_MESSAGE = msgspec.json.Decoder(_Message)
_CALL = msgspec.json.Decoder(_Call)
_RESULT = msgspec.json.Decoder(_Result)


def kind_of(raw: msgspec.Raw) -> str:
    """The item's `type`; messages may leave it out.

    Raises:
        msgspec.ValidationError: it is no object, or its type is no string.
    """
    return _KIND.decode(raw).type


def read_message(raw: msgspec.Raw) -> tuple[str, msgspec.Raw]:
    """Role and content of a message."""
    message = _MESSAGE.decode(raw)
    return message.role, message.content


def read_output(kind: str, raw: msgspec.Raw) -> tuple[hub.Part, ...]:
    """The parts of an item from a model.

    Raises:
        msgspec.ValidationError: it is not of its kind's shape.
    """
    match kind:
        case "message":
            return read_contents(read_message(raw)[1])
        case "function_call" | "custom_tool_call":
            return (_read_call(raw, custom=kind == "custom_tool_call"),)
        case "reasoning":
            return (read_reasoning(raw),)
    return (foreign(kind, raw),)


def _read_call(raw: msgspec.Raw, *, custom: bool) -> hub.ToolCall:
    call = _CALL.decode(raw)
    said = (call.input or "") if custom else (call.arguments or "{}")
    return hub.ToolCall(id=call.call_id or call.id or "", name=call.name, arguments=said, custom=custom)


def read_result(raw: msgspec.Raw) -> hub.ToolResult:
    """What a tool answered, in a `function_call_output` or `custom_tool_call_output`."""
    result = _RESULT.decode(raw)
    return hub.ToolResult(call_id=result.call_id, parts=read_contents(result.output))


class Ids:
    """Ids for an answer and its items, made from the provider's id of the answer: the same id gives the same ones."""

    __slots__ = ("_tail", "response")

    def __init__(self, reply_id: str) -> None:
        self.response = reply_id if reply_id.startswith("resp_") else f"resp_{reply_id or '0'}"
        self._tail = self.response.removeprefix("resp_")

    def item(self, prefix: str, index: int) -> str:
        """An item's id. *prefix* is `msg`, `fc`, `ctc`, `rs_engine`, `ig` or `call`; *index* tells its items apart."""
        return f"{prefix}_{self._tail}_{index}"


def call_item(*, id: str, call: hub.ToolCall, status: str) -> dict[str, Any]:  # noqa: A002 - the protocol's word
    """A tool call as an item."""
    kind, says = ("custom_tool_call", "input") if call.custom else ("function_call", "arguments")
    return {
        "id": id,
        "type": kind,
        "status": status,
        says: call.arguments,
        "call_id": call.id,
        "name": call.name,
    }


def output_items(parts: Sequence[hub.Part], ids: Ids, logprobs: hub.Json | None = None) -> list[Any]:
    """The items of an answer: neighbouring texts are one message, everything else is an item of its own."""
    items: list[Any] = []
    beside = write_logprobs(logprobs)
    for run in _runs(parts):
        items += _signature(run[0], ids, len(items))
        index = len(items)
        if _in_message(run[0]):
            items.append(_message(run, ids.item("msg", index), beside))
            beside = NO_LOGPROBS
        elif (item := _item(run[0], ids, index)) is not None:
            items.append(item)
    return items


def _in_message(part: hub.Part) -> bool:
    if isinstance(part, hub.Foreign):
        return part.protocol == PROTOCOL and is_part(part.kind)
    return isinstance(part, hub.Text | hub.Refusal)


def _runs(parts: Sequence[hub.Part]) -> Iterator[list[hub.Part]]:
    """Neighbours that go into one message, and everything else by itself."""
    run: list[hub.Part] = []
    for part in parts:
        if _in_message(part):
            run.append(part)
            continue
        if run:
            yield run
        run = []
        yield [part]
    if run:
        yield run


def _message(run: Sequence[hub.Part], name: str, logprobs: msgspec.Raw) -> dict[str, Any]:
    content: list[Any] = []
    for part in run:
        if isinstance(part, hub.Text):
            content.append(write_output(part, logprobs))
            logprobs = NO_LOGPROBS
        elif isinstance(part, hub.Refusal):
            content.append(write_output(part))
        elif isinstance(part, hub.Foreign):
            content.append(part.raw)
    return {"id": name, "type": "message", "status": "completed", "role": "assistant", "content": content}


def _signature(part: hub.Part, ids: Ids, index: int) -> list[Any]:
    """The item before a signed call, which carries the signature; nothing for any other part."""
    if not isinstance(part, hub.ToolCall) or not part.signature:
        return []
    return [reasoning_item(id=ids.item("rs_engine", index), text="", encrypted=seal_call(part.signature))]


def _item(part: hub.Part, ids: Ids, index: int) -> Any:
    """The item for one part; None where an answer of this protocol has no place for it."""
    match part:
        case hub.Thinking():
            encrypted = seal(part.signature, part.redacted, part.origin, alone=not part.text)
            return reasoning_item(id=part.id or ids.item("rs_engine", index), text=part.text, encrypted=encrypted)
        case hub.ToolCall():
            prefix = "ctc" if part.custom else "fc"
            return call_item(id=ids.item(prefix, index), call=part, status="completed")
        case hub.Foreign(protocol=protocol) if protocol == PROTOCOL:
            return part.raw
        case hub.Media(kind="image") if part.data:
            return image_item(id=ids.item("ig", index), media=part)
    return None


def image_item(*, id: str, media: hub.Media) -> dict[str, Any]:  # noqa: A002 - the protocol's word
    """A picture in an answer, as OpenAI's own picture tool returns it."""
    return {"id": id, "type": "image_generation_call", "status": "completed", "result": media.data}
