"""Converse's content blocks in requests and whole answers, read. `blocks` writes them, `pieces` reads streamed ones.

A block is an object with one key that says what it is. A block that the hub has no word for becomes `Foreign`, with the
whole block as its bytes and the block's key as its kind.
"""

import base64
import binascii
from collections.abc import Iterable

import msgspec

from engine import hub
from engine.wire.bedrock import PROTOCOL, media

__all__ = ["CALLERS", "CachePoint", "ToolUse", "cached", "foreign", "parts", "read_citation", "withheld"]

CALLERS = {None, "tool_use"}
"""Types of calls that the caller is to run."""


class _Part(msgspec.Struct, gc=False):
    text: str = ""


class CachePoint(msgspec.Struct, rename="camel", omit_defaults=True):
    """`default` is the only type there is; *ttl* `5m` or `1h`."""

    type: str = "default"
    ttl: str | None = None


class ToolUse(msgspec.Struct, rename="camel", kw_only=True):
    """A call; *type* is `server_tool_use` if Bedrock runs it itself, `tool_use` or missing for the caller's tools."""

    tool_use_id: str
    name: str
    input: msgspec.Raw = msgspec.Raw(b"{}")
    type: str | None = None


class _ToolResult(msgspec.Struct, rename="camel", kw_only=True):
    tool_use_id: str
    content: list[msgspec.Raw] = []
    status: str | None = None
    type: str | None = None


class _ReasoningText(msgspec.Struct, gc=False):
    text: str = ""
    signature: str = ""


class _Reasoning(msgspec.Struct, rename="camel", gc=False):
    reasoning_text: _ReasoningText | None = None
    redacted_content: str | None = None


class _Web(msgspec.Struct, gc=False):
    url: str = ""


class _Location(msgspec.Struct, gc=False):
    web: _Web | None = None


class _Citation(msgspec.Struct, rename="camel"):
    title: str = ""
    source_content: list[_Part] = []
    location: _Location | None = None


class _Cited(msgspec.Struct):
    content: list[_Part] = []
    citations: list[msgspec.Raw] = []


class _Block(msgspec.Struct, rename="camel", kw_only=True):
    """A content block: one of these fields. *json* occurs only in tool results."""

    text: str | None = None
    json: msgspec.Raw = msgspec.Raw()
    image: media.Block | None = None
    audio: media.Block | None = None
    document: media.Block | None = None
    video: media.Block | None = None
    tool_use: ToolUse | None = None
    tool_result: _ToolResult | None = None
    reasoning_content: _Reasoning | None = None
    citations_content: _Cited | None = None
    cache_point: CachePoint | None = None


_BLOCK = msgspec.json.Decoder(_Block)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_CITATION = msgspec.json.Decoder(_Citation)


def parts(raws: Iterable[msgspec.Raw], *, results: bool) -> list[hub.Part]:
    """What the blocks say, in order.

    *results*: whether tool results may be the caller's, as in the user messages of a request. All other results are
    those of tools that Bedrock runs, and foreign.

    Raises:
        msgspec.ValidationError: a block is not of the protocol's shape.
    """
    read: list[hub.Part] = []
    for raw in raws:
        block = _BLOCK.decode(raw)
        if block.cache_point is not None:
            _mark(read, block.cache_point, raw)
        else:
            part = _content(block) or _exchange(block, results=results)
            read.append(part or foreign(raw))
    return read


def _content(block: _Block) -> hub.Part | None:
    """Text, or media; None where the block is neither."""
    if block.text is not None:
        return hub.Text(text=block.text)
    if block.json:
        return hub.Text(text=bytes(block.json).decode())
    if block.citations_content is not None:
        cited = block.citations_content
        citations = tuple(read_citation(raw) for raw in cited.citations)
        return hub.Text(text="".join(part.text for part in cited.content), citations=citations)
    return _media(block)


def _media(block: _Block) -> hub.Media | None:
    if block.image is not None:
        return media.read_media("image", block.image)
    if block.document is not None:
        return media.read_media("document", block.document)
    if block.video is not None:
        return media.read_media("video", block.video)
    return media.read_media("audio", block.audio) if block.audio is not None else None


def _exchange(block: _Block, *, results: bool) -> hub.Part | None:
    """A call, a result or a thought; None where the block is none."""
    use, result = block.tool_use, block.tool_result
    if use is not None and use.type in CALLERS:
        return hub.ToolCall(id=use.tool_use_id, name=use.name, arguments=bytes(use.input).decode())
    if result is not None and results and result.type is None:
        return hub.ToolResult(
            call_id=result.tool_use_id,
            parts=tuple(parts(result.content, results=False)),
            is_error=result.status == "error",
        )
    return _thought(block.reasoning_content) if block.reasoning_content is not None else None


def _thought(reasoning: _Reasoning) -> hub.Thinking | None:
    said = reasoning.reasoning_text
    if said is not None:
        origin = PROTOCOL if said.signature else ""
        return hub.Thinking(text=said.text, signature=said.signature, origin=origin)
    redacted = withheld(reasoning.redacted_content or "")
    return hub.Thinking(redacted=redacted, origin=PROTOCOL) if redacted else None


def withheld(blob: str) -> str:
    """Anthropic's own text for reasoning that it withholds, which Bedrock puts into base64 once more.

    Empty for anything else: that is some other model's, and foreign.
    """
    try:
        return base64.b64decode(blob, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""


def read_citation(raw: msgspec.Raw) -> hub.Citation:
    """The citation. Its positions are in the source and not in the answer, so they stay in `foreign`."""
    citation = _CITATION.decode(raw)
    web = citation.location.web if citation.location else None
    return hub.Citation(
        url=web.url if web else "",
        title=citation.title,
        quote="".join(piece.text for piece in citation.source_content),
        foreign=hub.Foreign(protocol=PROTOCOL, kind="citation", raw=raw),
    )


def foreign(raw: msgspec.Raw) -> hub.Foreign:
    """The whole block; its kind is its key, or `server_tool_use` for a call of a tool that Bedrock runs."""
    block = _OBJECT.decode(raw)
    kind = next(iter(block), "empty")
    if kind == "toolUse":
        kind = "server_tool_use"
    return hub.Foreign(protocol=PROTOCOL, kind=kind, raw=raw)


def _mark(read: list[hub.Part], point: CachePoint, raw: msgspec.Raw) -> None:
    """Put a cache point on the part before it; if that cannot carry one, it stays a block."""
    last = read[-1] if read else None
    if isinstance(last, hub.Text | hub.Media | hub.ToolCall | hub.ToolResult) and last.cache is None:
        read[-1] = msgspec.structs.replace(last, cache=cached(point))
    else:
        read.append(foreign(raw))


def cached(point: CachePoint) -> hub.Json:
    """Anthropic's `cache_control` that says the same as the cache point."""
    ttl = {"ttl": point.ttl} if point.ttl else {}
    return msgspec.Raw(msgspec.json.encode({"type": "ephemeral"} | ttl))
