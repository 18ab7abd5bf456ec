"""The turns of a conversation: Cohere's messages ↔ the hub's.

Source: docs.cohere.com/reference/chat, "messages", read 2026-11.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from engine import hub
from engine.errors import BadRequest
from engine.wire.cohere.citation import PROTOCOL, decode_citation, encode_citation, of_block

__all__ = ["Said", "decode_messages", "decode_parts", "encode_message", "encode_messages", "is_nothing"]


class _Function(msgspec.Struct, gc=False):
    name: str
    arguments: str | None = None


class _Call(msgspec.Struct):
    id: str
    function: _Function


class Said(msgspec.Struct, kw_only=True):
    """What an assistant's message says, in requests and in answers."""

    content: str | list[msgspec.Raw] | None = None
    tool_plan: str | None = None
    tool_calls: list[_Call] | None = None
    citations: list[msgspec.Raw] | None = None


class _Message(Said, kw_only=True):
    role: Literal["system", "user", "assistant", "tool"]
    tool_call_id: str = ""


class _Picture(msgspec.Struct, gc=False):
    url: str
    detail: str | None = None


class _Block(msgspec.Struct):
    type: str
    text: str = ""
    thinking: str = ""
    image_url: _Picture | str | None = None


_MESSAGES = msgspec.json.Decoder(list[_Message])
_BLOCK = msgspec.json.Decoder(_Block)


def decode_messages(raw: bytes) -> tuple[hub.Message, ...]:
    """The turns; a tool's result gets its name from the call that it answers.

    Raises:
        msgspec.DecodeError: they cannot be read.
    """
    names: dict[str, str] = {}
    turns = []
    for message in _MESSAGES.decode(raw):
        names |= {call.id: call.function.name for call in message.tool_calls or ()}
        parts = decode_parts(message)
        if message.role == "tool":
            call_id = message.tool_call_id
            parts = (hub.ToolResult(call_id=call_id, parts=parts, name=names.get(call_id, "")),)
        turns.append(hub.Message(role=hub.Role(message.role), parts=parts))
    return tuple(turns)


def decode_parts(said: Said) -> tuple[hub.Part, ...]:
    """The plan for the tools as a thought, the content in its order, then the calls.

    Raises:
        msgspec.DecodeError: a block or citation cannot be read.
    """
    plan = (hub.Thinking(text=said.tool_plan),) if said.tool_plan else ()
    content = _content(said.content)
    for raw in said.citations or ():
        _cite(content, bytes(raw))
    calls = (
        hub.ToolCall(id=call.id, name=call.function.name, arguments=_arguments(call.function.arguments))
        for call in said.tool_calls or ()
    )
    return (*plan, *(part for part in content if part != hub.Text(text="")), *calls)


def _arguments(said: str | None) -> str:
    """A call's arguments. For a tool that takes nothing Cohere may send `null`, but callers want an object."""
    return "{}" if said is None or is_nothing(said) else said


def is_nothing(arguments: str) -> bool:
    """Whether *arguments* say that the tool takes none."""
    return arguments.strip() in {"", "null"}


def _content(content: str | list[msgspec.Raw] | None) -> list[hub.Part]:
    if isinstance(content, str):
        return [hub.Text(text=content)]
    return [_part(raw) for raw in content or ()]


def _part(raw: msgspec.Raw) -> hub.Part:
    block = _BLOCK.decode(raw)
    match block.type:
        case "text":
            return hub.Text(text=block.text)
        case "thinking":
            return hub.Thinking(text=block.thinking)
        case "image_url" if block.image_url:
            picture = block.image_url
            return _image(picture, "") if isinstance(picture, str) else _image(picture.url, picture.detail or "")
    return hub.Foreign(protocol=PROTOCOL, kind=block.type, raw=raw.copy())


def _image(url: str, detail: str) -> hub.Media:
    head, _, data = url.partition(";base64,")
    if head.startswith("data:") and data:
        return hub.Media(kind="image", data=data, media_type=head.removeprefix("data:"), detail=detail)
    return hub.Media(kind="image", url=url, detail=detail)


def _cite(content: list[hub.Part], raw: bytes) -> None:
    """Add a citation to the block that it names, or else to the first text. Citations of thoughts have no place."""
    named = of_block(raw)
    at = next((n for n, part in enumerate(content) if isinstance(part, hub.Text)), -1) if named is None else named
    if not 0 <= at < len(content):
        return
    part = content[at]
    if isinstance(part, hub.Text):
        content[at] = hub.Text(text=part.text, citations=(*part.citations, decode_citation(raw)))


def encode_messages(messages: Sequence[hub.Message], dropped: list[str]) -> list[dict[str, Any]]:
    """The turns in Cohere's words; what it cannot say of a message is added to *dropped*.

    Raises:
        BadRequest: `content_not_supported`, Cohere does not take some content.
    """
    written: list[dict[str, Any]] = []
    for message in messages:
        dropped += ["name"] if message.name else []
        match message.role:
            case hub.Role.TOOL:
                written += [_result(part, dropped) for part in message.parts if isinstance(part, hub.ToolResult)]
            case hub.Role.ASSISTANT:
                written.append({"role": "assistant", **encode_message(message.parts, dropped)})
            case hub.Role.SYSTEM | hub.Role.DEVELOPER:
                written.append({"role": "system", "content": _plain(list(_blocks(message.parts, dropped)))})
            case hub.Role.USER:
                written.append({"role": "user", "content": _plain(list(_blocks(message.parts, dropped)))})
    return written


def encode_message(parts: Sequence[hub.Part], dropped: list[str]) -> dict[str, Any]:
    """What an assistant says. A single thought beside tool calls becomes their `tool_plan`, which every model takes."""
    calls = [_call(part) for part in parts if isinstance(part, hub.ToolCall)]
    thoughts = [part for part in parts if isinstance(part, hub.Thinking) and part.text]
    plan = thoughts[0] if calls and len(thoughts) == 1 else None
    said = [part for part in parts if part is not plan and not isinstance(part, hub.ToolCall)]
    blocks = list(_blocks(said, dropped))
    citations = list(_citations(said))
    return {
        **({"tool_plan": plan.text} if plan else {}),
        **({"content": blocks} if blocks or not calls else {}),
        **({"tool_calls": calls} if calls else {}),
        **({"citations": citations} if citations else {}),
    }


def _citations(parts: Sequence[hub.Part]) -> Iterator[hub.Json]:
    for part in parts:
        if isinstance(part, hub.Text):
            yield from (encode_citation(citation, part.text) for citation in part.citations)


def _call(call: hub.ToolCall) -> dict[str, Any]:
    arguments = msgspec.json.encode({"input": call.arguments}).decode() if call.custom else call.arguments
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments or "{}"}}


def _result(result: hub.ToolResult, dropped: list[str]) -> dict[str, Any]:
    dropped += ["is_error"] if result.is_error else []
    blocks = list(_blocks(result.parts, dropped))
    if any(isinstance(block, dict) and block["type"] == "image_url" for block in blocks):
        raise _unsayable("an image in a tool's result")
    return {"role": "tool", "tool_call_id": result.call_id, "content": _plain(blocks)}


def _plain(blocks: list[Any]) -> Any:
    """A single text as a string, as the documentation writes it; nothing at all as an empty one."""
    if not blocks:
        return ""
    first = blocks[0]
    return first["text"] if len(blocks) == 1 and isinstance(first, dict) and first["type"] == "text" else blocks


def _blocks(parts: Sequence[hub.Part], dropped: list[str]) -> Iterator[dict[str, Any] | hub.Json]:
    """Content blocks. Withheld thoughts are left out, since Cohere cannot use them; a refusal becomes text."""
    for part in parts:
        match part:
            case hub.Text() | hub.Refusal():
                yield {"type": "text", "text": part.text}
            case hub.Thinking():
                if part.text:
                    yield {"type": "thinking", "thinking": part.text}
            case hub.Media():
                yield _media(part)
            case hub.Foreign() if part.protocol == PROTOCOL:
                yield part.raw
            case hub.Foreign():
                dropped.append(part.kind)
            case _:
                raise _unsayable("a tool call or result inside other content")


def _media(media: hub.Media) -> dict[str, Any]:
    if media.kind != "image" or media.file_id:
        raise _unsayable(f"an uploaded {media.kind}" if media.file_id else f"content of kind '{media.kind}'")
    url = media.url or f"data:{media.media_type or 'image/png'};base64,{media.data}"
    return {"type": "image_url", "image_url": {"url": url, **({"detail": media.detail} if media.detail else {})}}


def _unsayable(what: str) -> BadRequest:
    return BadRequest(f"Cohere's chat cannot carry {what}", code="content_not_supported", param="messages")
