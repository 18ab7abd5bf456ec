"""The turns of a conversation: Ollama's messages ↔ the hub's.

Content is one text, pictures come beside it in base64, and arguments are objects. Calls have ids since version
0.12.10; missing ones are made up from the place of the call, and results find their calls by name and order.
Source: docs.ollama.com/api/chat, read 2026-11.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from engine import hub
from engine.errors import BadRequest

__all__ = [
    "PROTOCOL",
    "Call",
    "Said",
    "arguments_of",
    "decode_messages",
    "decode_parts",
    "encode_message",
    "encode_messages",
    "image",
    "is_object",
]

PROTOCOL = "ollama"

BETWEEN_TEXTS = "\n\n"
"""Put between the texts of a message that has several, since Ollama takes one."""


class _Function(msgspec.Struct):
    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class Call(msgspec.Struct):
    """A tool call."""

    function: _Function
    id: str | None = None


class Said(msgspec.Struct, kw_only=True):
    """What a message says, in requests and in answers."""

    content: str | None = None
    thinking: str | None = None
    tool_calls: list[Call] | None = None
    images: list[str] | None = None


class _Message(Said, kw_only=True):
    role: Literal["system", "user", "assistant", "tool"]
    tool_name: str | None = None
    tool_call_id: str | None = None


_STARTS = (("iVBORw0", "image/png"), ("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp"))
"""How a picture in base64 begins → its media type, which Ollama does not say."""

_MESSAGES = msgspec.json.Decoder(list[_Message])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode_messages(raw: bytes) -> tuple[hub.Message, ...]:
    """The turns.

    Raises:
        msgspec.DecodeError: they cannot be read.
    """
    open_calls: list[hub.ToolCall] = []
    turns = []
    for number, message in enumerate(_MESSAGES.decode(raw)):
        parts = decode_parts(message, f"call_{number}")
        open_calls += [part for part in parts if isinstance(part, hub.ToolCall)]
        if message.role == "tool":
            call = _answered(message, open_calls)
            parts = (hub.ToolResult(call_id=call.id, name=call.name, parts=parts),)
        turns.append(hub.Message(role=hub.Role(message.role), parts=parts))
    return tuple(turns)


def _answered(message: _Message, open_calls: list[hub.ToolCall]) -> hub.ToolCall:
    """The call that *message* answers, taken off *open_calls*: by id; without one the oldest of its name, or of all."""
    id_, name = message.tool_call_id or "", message.tool_name or ""
    for at, call in enumerate(open_calls):
        if call.id == id_ if id_ else name in {"", call.name}:
            return open_calls.pop(at)
    return hub.ToolCall(id=id_, name=name, arguments="{}")


def decode_parts(said: Said, prefix: str) -> tuple[hub.Part, ...]:
    """The thought, the text, the pictures, then the calls; *prefix* begins the ids of calls that have none."""
    parts: list[hub.Part] = []
    if said.thinking:
        parts.append(hub.Thinking(text=said.thinking))
    if said.content:
        parts.append(hub.Text(text=said.content))
    parts += map(image, said.images or ())
    for number, call in enumerate(said.tool_calls or ()):
        id_ = call.id or f"{prefix}_{number}"
        parts.append(hub.ToolCall(id=id_, name=call.function.name, arguments=arguments_of(call)))
    return tuple(parts)


def image(data: str) -> hub.Media:
    """The picture in *data*, which is base64; how that begins tells its type."""
    media_type = next((each for start, each in _STARTS if data.startswith(start)), "")
    return hub.Media(kind="image", data=data, media_type=media_type)


def arguments_of(call: Call) -> str:
    """The arguments as JSON text. Look-alikes send them as a string already."""
    arguments = bytes(call.function.arguments).decode()
    if arguments.startswith('"'):
        return str(msgspec.json.decode(arguments))
    return "{}" if arguments == "null" else arguments


def encode_messages(messages: Sequence[hub.Message], dropped: list[str]) -> list[dict[str, Any]]:
    """The turns in Ollama's words; what it cannot say of a message is added to *dropped*.

    Raises:
        BadRequest: `content_not_supported`, Ollama does not take some content.
    """
    written: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    for message in messages:
        dropped += ["name"] if message.name else []
        names |= {part.id: part.name for part in message.parts if isinstance(part, hub.ToolCall)}
        if message.role is hub.Role.TOOL:
            written += [_result(part, names, dropped) for part in message.parts if isinstance(part, hub.ToolResult)]
        else:
            role = "system" if message.role is hub.Role.DEVELOPER else message.role.value
            written.append({"role": role, **encode_message(message.parts, dropped)})
    return written


def _result(result: hub.ToolResult, names: dict[str, str], dropped: list[str]) -> dict[str, Any]:
    dropped += ["is_error"] if result.is_error else []
    name = result.name or names.get(result.call_id, "")
    named = {"tool_name": name, "tool_call_id": result.call_id}
    return {
        "role": "tool",
        **{key: value for key, value in named.items() if value},
        **encode_message(result.parts, dropped),
    }


def encode_message(parts: Sequence[hub.Part], dropped: list[str]) -> dict[str, Any]:
    """What a message says. A refusal becomes text; withheld thoughts are left out, since Ollama cannot use them."""
    thinking = BETWEEN_TEXTS.join(part.text for part in parts if isinstance(part, hub.Thinking) and part.text)
    images = list(_images(parts, dropped))
    calls = [_call(part) for part in parts if isinstance(part, hub.ToolCall)]
    return {
        "content": BETWEEN_TEXTS.join(part.text for part in parts if isinstance(part, hub.Text | hub.Refusal)),
        **({"thinking": thinking} if thinking else {}),
        **({"images": images} if images else {}),
        **({"tool_calls": calls} if calls else {}),
    }


def _images(parts: Sequence[hub.Part], dropped: list[str]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, hub.Foreign):
            dropped.append(part.kind)
        if not isinstance(part, hub.Media):
            continue
        if part.kind != "image":
            raise _unsayable(f"content of kind '{part.kind}'")
        if not part.data:
            raise _unsayable("an image by reference: send it in base64")
        yield part.data


def _call(call: hub.ToolCall) -> dict[str, Any]:
    return {"id": call.id, "function": {"name": call.name, "arguments": _arguments(call)}}


def _arguments(call: hub.ToolCall) -> hub.Json:
    """The arguments, which must be an object; a custom tool's free text becomes the only entry of one."""
    if call.custom:
        return hub.Json(msgspec.json.encode({"input": call.arguments}))
    if not is_object(call.arguments):
        raise _unsayable(f"the arguments of '{call.name}', which are no JSON object")
    return hub.Json(call.arguments or "{}")


def is_object(arguments: str) -> bool:
    """Whether *arguments* are a JSON object, as Ollama demands; empty ones count as an empty object."""
    try:
        _OBJECT.decode(arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _unsayable(what: str) -> BadRequest:
    return BadRequest(f"Ollama's chat cannot carry {what}", code="content_not_supported", param="messages")
