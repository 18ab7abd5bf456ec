"""Whole answers of the Messages API ↔ `hub.Reply`."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from engine import hub
from engine.errors import UpstreamMalformed
from engine.wire.anthropic_messages import PROTOCOL
from engine.wire.anthropic_messages.blocks import (
    Block,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
    input_of,
    read_parts,
    sealed,
)
from engine.wire.anthropic_messages.stop import finish_of, reason_of
from engine.wire.anthropic_messages.usage import read_usage, written
from engine.wire.fold import one_text
from engine.wire.json_read import UNREADABLE

__all__ = ["decode_reply", "details", "encode_reply", "explanation", "pictured", "reason_for", "write_citation"]

KNOWN = frozenset({"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"})

NULL = b"null"

TIERS = {"standard": "default"}
"""Anthropic's word for the tier that served → OpenAI's; other words are the same, or have no counterpart."""


class _Message(msgspec.Struct):
    content: list[msgspec.Raw]
    id: Any = None
    model: Any = None
    stop_reason: Any = None
    stop_sequence: Any = None
    stop_details: Any = None
    usage: Any = None


_MESSAGE = msgspec.json.Decoder(_Message)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode_reply(body: bytes) -> hub.Reply:
    """The answer in *body*, which came with status 200. Ask `error.read_reply_error` first.

    Raises:
        UpstreamMalformed: it is no message.
    """
    try:
        if not body.isascii():
            body.decode()  # even what is passed on unread must be UTF-8
        message = _MESSAGE.decode(body)
        parts = read_parts(message.content)
        fields = _FIELDS.decode(body)
    except UNREADABLE as exc:
        raise UpstreamMalformed(f"not a message: {exc}", received=True) from exc
    if explained := explanation(message.stop_details):
        parts.append(hub.Refusal(text=explained))
    tier = message.usage.get("service_tier") if isinstance(message.usage, dict) else None
    return hub.Reply(
        id=_text(message.id),
        model=_text(message.model),
        choices=(_choice(message, parts),),
        usage=read_usage(message.usage),
        service_tier=TIERS.get(_text(tier), _text(tier)),
        extra={name: raw for name, raw in fields.items() if name not in KNOWN and bytes(raw) != NULL},
        origin=PROTOCOL,
    )


def _choice(message: _Message, parts: list[hub.Part]) -> hub.Choice:
    reason = _text(message.stop_reason)
    return hub.Choice(
        parts=tuple(parts),
        finish=finish_of(reason, calls=_ends_in_call(parts)) if reason else None,
        finish_raw=reason,
        stop_sequence=_text(message.stop_sequence),
    )


def _ends_in_call(parts: Sequence[hub.Part]) -> bool:
    """Whether a tool's answer is still wanted. If the model's own program called the tool, content follows the call."""
    said = [part for part in parts if not isinstance(part, hub.Refusal)]
    return bool(said) and isinstance(said[-1], hub.ToolCall)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def explanation(stop_details: object) -> str:
    """Why the model refused, in words, from a message's `stop_details`; empty where they do not say."""
    return _text(stop_details.get("explanation")) if isinstance(stop_details, dict) else ""


def encode_reply(reply: hub.Reply) -> bytes:
    """*reply* as a caller of this protocol gets it, with one answer: the first, if there are several.

    Log-probabilities and what only another protocol knows are left out.
    """
    choice, ours = reply.choices[0] if reply.choices else hub.Choice(), reply.origin == PROTOCOL
    refused = "".join(part.text for part in choice.parts if isinstance(part, hub.Refusal))
    tier = next((word for word, own in TIERS.items() if own == reply.service_tier), reply.service_tier)
    message = {
        "id": reply.id or "msg",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": _content(choice.parts if ours else one_text(choice.parts, cited=False)),
        "stop_reason": _reason(choice, refused=bool(refused), ours=ours),
        "stop_sequence": choice.stop_sequence or None,
        **({"stop_details": details(refused)} if refused else {}),
        "usage": written(reply.usage, tier),
        **(reply.extra if ours else {}),
    }
    return msgspec.json.encode(message)


def _reason(choice: hub.Choice, *, refused: bool, ours: bool) -> str | None:
    """The `stop_reason`; None where Anthropic itself gave none.

    An answer of another protocol that says none counts as complete: callers go on or stop by this word.
    """
    if choice.finish is None and ours:
        return None
    calls = _ends_in_call(choice.parts)
    finish = choice.finish or hub.Finish.STOP
    return reason_for(finish, choice.finish_raw, choice.stop_sequence, calls=calls, refused=refused)


def reason_for(finish: hub.Finish, raw: str, stop_sequence: str, *, calls: bool, refused: bool) -> str:
    """The `stop_reason`. A refusal gets its own, though OpenAI's end like any other answer."""
    if refused and finish is hub.Finish.STOP:
        finish = hub.Finish.CONTENT_FILTER
    return reason_of(finish, raw=raw, stop_sequence=stop_sequence, calls=calls)


def details(refused: str) -> dict[str, Any]:
    """The `stop_details` of an answer that the model refused with the words *refused*."""
    return {"type": "refusal", "category": None, "explanation": refused}


def _content(parts: Sequence[hub.Part]) -> list[Block | msgspec.Raw]:
    blocks: list[Block | msgspec.Raw] = []
    length = 0
    for part in parts:
        if isinstance(part, hub.Text):
            blocks += [block for text in _cut(part, length) if (block := _text_block(text)) is not None]
            length += len(part.text)
        else:
            blocks += _blocks(part)
    return blocks


def _cut(part: hub.Text, start: int) -> Iterator[hub.Text]:
    """*part*, which begins at *start* in the answer's text, with each cited span as a text of its own.

    A block's citations hold for the whole block. If a span is unknown, or spans overlap, *part* stays in one piece.
    """
    spans = {(each.start, each.end) for each in part.citations}
    edges = [0]
    for left, right in sorted((left, right) for left, right in spans if left is not None and right is not None):
        edges += [left - start, right - start]
    edges.append(len(part.text))
    if len(edges) < 2 * len(spans) + 2 or edges != sorted(edges):
        yield part
        return
    for left, right in pairwise(edges):
        cited = tuple(each for each in part.citations if (each.start, each.end) == (start + left, start + right))
        if left < right or cited:
            yield hub.Text(text=part.text[left:right], citations=cited)


def _text_block(part: hub.Text) -> TextBlock | None:
    citations = [cited for each in part.citations if (cited := write_citation(each)) is not None]
    return TextBlock(part.text, citations or None) if part.text or citations else None


def _blocks(part: hub.Part) -> list[Block | msgspec.Raw]:
    match part:
        case hub.ToolCall():
            return [ToolUseBlock(part.id, part.name, input_of(part))]
        case hub.Thinking():
            return _thinking(part)
        case hub.Media():
            return [TextBlock(pictured(part))]
        case hub.Foreign() if part.protocol == PROTOCOL:
            return [part.raw]
    return []


def _thinking(part: hub.Thinking) -> list[Block | msgspec.Raw]:
    blocks: list[Block | msgspec.Raw] = []
    if part.text or part.signature:
        blocks.append(ThinkingBlock(part.text, sealed(part.origin, part.id, part.signature)))
    if part.redacted:
        blocks.append(RedactedThinkingBlock(sealed(part.origin, part.id, part.redacted)))
    return blocks


def write_citation(citation: hub.Citation) -> msgspec.Raw | None:
    """The citation as Anthropic wrote it, or any other as one of a web search; None where no address is known."""
    if citation.foreign is not None and citation.foreign.protocol == PROTOCOL:
        return citation.foreign.raw
    if not citation.url:
        return None
    location = {
        "type": "web_search_result_location",
        "url": citation.url,
        "title": citation.title or None,
        "cited_text": citation.quote,
        "encrypted_index": "",
    }
    return msgspec.Raw(msgspec.json.encode(location))


def pictured(media: hub.Media) -> str:
    """Media as text, for want of a block: Markdown, with the data itself where there is neither address nor file id."""
    where = media.url or media.file_id or f"data:{media.media_type or 'application/octet-stream'};base64,{media.data}"
    mark = "!" if media.kind == "image" else ""
    return f"{mark}[{media.name or media.kind}]({where})"
