"""Content blocks of the Messages API, as structs for reading and writing, and what is read from them.

Blocks that are not listed here, above all server tools and their results, are kept whole as `Foreign`.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from engine import hub
from engine.wire.anthropic_messages import PROTOCOL
from engine.wire.anthropic_messages.media import DocumentBlock, ImageBlock, read_document, read_image
from engine.wire.anthropic_messages.raw import NULL, said

__all__ = [
    "Block",
    "RedactedThinkingBlock",
    "TextBlock",
    "ThinkingBlock",
    "ToolResultBlock",
    "ToolUseBlock",
    "input_of",
    "read_cited",
    "read_parts",
    "sealed",
    "unsealed",
]

EMPTY_INPUT = msgspec.Raw(b"{}")


class TextBlock(msgspec.Struct, tag="text", tag_field="type", omit_defaults=True):
    """Words, and in answers the citations that they rest on."""

    text: str
    citations: list[msgspec.Raw] | None = None
    cache_control: msgspec.Raw = NULL


class ThinkingBlock(msgspec.Struct, tag="thinking", tag_field="type"):
    """Reasoning; with display `omitted`, only its signature."""

    thinking: str
    signature: str | None = ""


class RedactedThinkingBlock(msgspec.Struct, tag="redacted_thinking", tag_field="type"):
    """Reasoning that comes encrypted."""

    data: str


class ToolUseBlock(msgspec.Struct, tag="tool_use", tag_field="type", omit_defaults=True):
    """A call of one of the caller's tools; which program made it (`caller`) is not kept."""

    id: str
    name: str
    input: msgspec.Raw = NULL
    cache_control: msgspec.Raw = NULL


class ToolResultBlock(msgspec.Struct, tag="tool_result", tag_field="type", omit_defaults=True):
    """What such a call was answered."""

    tool_use_id: str
    content: str | list[msgspec.Raw] | None = None
    is_error: bool | None = None
    cache_control: msgspec.Raw = NULL


Block = TextBlock | ThinkingBlock | RedactedThinkingBlock | ToolUseBlock | ToolResultBlock | ImageBlock | DocumentBlock


class _Typed(msgspec.Struct):
    type: str


_TYPED = msgspec.json.Decoder(_Typed)
_BLOCK: msgspec.json.Decoder[Block] = msgspec.json.Decoder(Block)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_CITATION: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])

_KNOWN = frozenset(
    {"text", "thinking", "redacted_thinking", "tool_use", "tool_result", "image", "document"},
)


def read_parts(raws: Iterable[msgspec.Raw]) -> list[hub.Part]:
    """The parts for a message's blocks. Blocks that say nothing are left out.

    Raises:
        msgspec.DecodeError: a block is not of its type's shape.
    """
    parts: list[hub.Part] = []
    length = 0
    for raw in raws:
        for part in _read(raw, length):
            parts.append(part)
            length += len(part.text) if isinstance(part, hub.Text) else 0
    return parts


def _read(raw: msgspec.Raw, start: int) -> Iterator[hub.Part]:  # noqa: C901 - a case for each type of block
    """The parts of one block; *start* is where its text begins in the text of the message."""
    kind = _TYPED.decode(raw).type
    if kind not in _KNOWN:
        yield hub.Foreign(protocol=PROTOCOL, kind=kind, raw=raw)
        return
    match _BLOCK.decode(raw):
        case TextBlock(text=text, citations=citations, cache_control=cache):
            cited = tuple(read_cited(each, start, start + len(text)) for each in citations or ())
            if text or cited:
                yield hub.Text(text=text, citations=cited, cache=said(cache))
        case ThinkingBlock(thinking=text, signature=signature):
            if text or signature:
                origin, ident, own = unsealed(signature or "")
                yield hub.Thinking(text=text, signature=own, origin=origin, id=ident)
        case RedactedThinkingBlock(data=str(data)) if data:
            origin, ident, own = unsealed(data)
            yield hub.Thinking(redacted=own, origin=origin, id=ident)
        case ToolUseBlock() as block:
            yield hub.ToolCall(
                id=block.id, name=block.name, arguments=_arguments(block.input), cache=said(block.cache_control)
            )
        case ToolResultBlock() as block:
            yield _result(block)
        case ImageBlock() as block:
            yield read_image(block, raw)
        case DocumentBlock() as block:
            yield from read_document(block, raw)


def _arguments(given: msgspec.Raw) -> str:
    return "{}" if given == NULL else str(memoryview(given), "utf-8")


def _result(block: ToolResultBlock) -> hub.ToolResult:
    content = block.content
    parts = [hub.Text(text=content)] if isinstance(content, str) and content else read_parts(content or ())
    return hub.ToolResult(
        call_id=block.tool_use_id,
        parts=tuple(parts),
        is_error=bool(block.is_error),
        cache=said(block.cache_control),
    )


def read_cited(raw: msgspec.Raw, start: int, end: int) -> hub.Citation:
    """A citation of the text from *start* to *end*, the whole of its block.

    `cited_text` quotes the source; `source` is the address of a search result; documents have only a title, if that.
    """
    said = _CITATION.decode(raw)
    return hub.Citation(
        url=_first(said, "url", "source"),
        title=_first(said, "title", "document_title"),
        quote=_first(said, "cited_text"),
        start=start,
        end=end,
        foreign=hub.Foreign(protocol=PROTOCOL, kind=_first(said, "type"), raw=raw),
    )


def _first(said: dict[str, Any], *names: str) -> str:
    return next((value for name in names if isinstance(value := said.get(name), str) and value), "")


def input_of(call: hub.ToolCall) -> msgspec.Raw:
    """The `input` of a call, which must be an object: free text, and what is no object, goes as `{"input": text}`."""
    if call.custom:
        return _wrapped(call.arguments)
    if not call.arguments.strip():
        return EMPTY_INPUT
    try:
        _OBJECT.decode(call.arguments)
    except (msgspec.DecodeError, RecursionError):
        return _wrapped(call.arguments)
    return msgspec.Raw(call.arguments.encode())


def _wrapped(text: str) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode({"input": text}))


def sealed(origin: str, ident: str, value: str) -> str:
    """A signature as our callers keep it: another protocol's has a prefix, `origin:id:value`.

    So it can be used again when the conversation comes back and goes to where it was made, and it is never passed off
    to Anthropic as its own. Anthropic's are base64, which has no colons.
    """
    return value if not value or origin == PROTOCOL else f"{origin}:{ident}:{value}"


def unsealed(value: str) -> tuple[str, str, str]:
    """Origin, id and signature that `sealed` put into *value*."""
    origin, *rest = value.split(":", 2)
    if len(rest) == 2:
        return origin, rest[0], rest[1]
    return (PROTOCOL if value else ""), "", value
