"""Gemini's whole answers ↔ the hub's."""

from collections.abc import Iterator, Sequence
from typing import Any
from zlib import crc32

import msgspec

from engine import hub
from engine.errors import UpstreamMalformed
from engine.wire.gemini import finish
from engine.wire.gemini.chunk import PROTOCOL, Candidate, Chunk, Part, as_list, is_given
from engine.wire.gemini.grounding import KEPT, Sources, citations_in, grounding_of, kept_in
from engine.wire.gemini.logprobs import read_logprobs, write_logprobs
from engine.wire.gemini.parts import ABOUT, arguments_of, foreign_in, read_spoken, write_spoken
from engine.wire.gemini.signature import thought_signature
from engine.wire.gemini.usage import read_service_tier, read_usage, write_usage
from engine.wire.json_read import UNREADABLE

__all__ = ["Ids", "block_reason", "decode_reply", "encode_reply", "foreign_into"]

_CHUNK = msgspec.json.Decoder(Chunk)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODER = msgspec.json.Encoder()

_KNOWN = frozenset({"candidates", "usageMetadata", "modelVersion", "responseId", "error"})

TIERS = {"default": "standard", "flex": "flex", "priority": "priority"}
"""OpenAI's word for the tier that served → Google's; Google has no others."""


class _Feedback(msgspec.Struct, rename="camel", gc=False):
    block_reason: str | int | None = None


_FEEDBACK = msgspec.json.Decoder(_Feedback)


class Ids:
    """Ids for the calls of one answer that come without.

    They contain the end of the answer's id, or a checksum of its bytes if it has none, so no two answers of a
    conversation share one.
    """

    __slots__ = ("_made", "_tail")

    def __init__(self, response_id: str | None, body: bytes) -> None:
        self._tail = response_id[-24:] if response_id else f"{crc32(body):08x}"
        self._made = 0

    def make(self) -> str:
        """The next one."""
        self._made += 1
        return f"call_{self._tail}_{self._made - 1}"


def decode_reply(body: bytes) -> hub.Reply:
    """The answer in *body*. A prompt that was blocked gives an answer without parts, ended by the filter.

    Raises:
        UpstreamMalformed: it is no answer of Gemini's.
    """
    try:
        return _decode(body)
    except UNREADABLE as exc:
        raise UpstreamMalformed(f"not a Gemini answer: {exc}", received=True) from exc


def _decode(body: bytes) -> hub.Reply:
    chunk = _CHUNK.decode(body)
    ids = Ids(chunk.response_id, body)
    choices = tuple(_choice(candidate, at, ids) for at, candidate in enumerate(chunk.candidates or ()))
    if not choices:
        reason = block_reason(chunk)
        if not reason:
            raise UpstreamMalformed("a Gemini answer without candidates", received=True)
        choices = (hub.Choice(finish=hub.Finish.CONTENT_FILTER, finish_raw=reason),)
    return hub.Reply(
        id=chunk.response_id or "",
        model=chunk.model_version or "",
        choices=choices,
        usage=read_usage(chunk.usage_metadata),
        service_tier=read_service_tier(chunk.usage_metadata),
        extra={name: raw for name, raw in _FIELDS.decode(body).items() if name not in _KNOWN and is_given(raw)},
        origin=PROTOCOL,
    )


def block_reason(chunk: Chunk) -> str:
    """Why the prompt was refused; empty where it was not."""
    if not is_given(chunk.prompt_feedback):
        return ""
    reason = _FEEDBACK.decode(chunk.prompt_feedback).block_reason
    if reason is None:
        return ""
    return finish.BLOCKED if isinstance(reason, int) else reason


def _choice(candidate: Candidate, at: int, ids: Ids) -> hub.Choice:
    spoken = as_list(candidate.content.parts) if candidate.content else []
    parts = _cited([part for each in spoken for part in _read(each, ids)], candidate)
    word = finish.word_of(candidate.finish_reason)
    has_calls = any(isinstance(part, hub.ToolCall) for part in parts)
    return hub.Choice(
        index=at if candidate.index is None else candidate.index,
        parts=(*parts, *kept_in(candidate)),
        finish=finish.finish_of(word, has_calls=has_calls) if word else None,
        finish_raw=word,
        logprobs=read_logprobs(candidate.logprobs_result) if is_given(candidate.logprobs_result) else None,
    )


def _read(part: Part, ids: Ids) -> Iterator[hub.Part]:
    call = part.function_call
    if call is not None:
        signature = part.thought_signature or ""
        call_id = call.id or ids.make()
        yield hub.ToolCall(id=call_id, name=call.name or "", arguments=arguments_of(call), signature=signature)
    elif (spoken := read_spoken(part)) is not None:
        yield spoken
    yield from foreign_in(part)


def _cited(parts: list[hub.Part], candidate: Candidate) -> list[hub.Part]:
    """*parts*, with each citation on the text in which it begins."""
    texts = [at for at, part in enumerate(parts) if isinstance(part, hub.Text)]
    told = "".join(part.text for part in parts if isinstance(part, hub.Text))
    for citation in citations_in(candidate, told, Sources()) if texts else ():
        at = _place(parts, texts, citation.start)
        text = parts[at]
        assert isinstance(text, hub.Text)
        parts[at] = msgspec.structs.replace(text, citations=(*text.citations, citation))
    return parts


def _place(parts: Sequence[hub.Part], texts: list[int], start: int | None) -> int:
    """Index of the text that has character *start* of the whole text; of the last text where *start* is not known."""
    begin = 0
    for at in texts if start is not None else ():
        part = parts[at]
        assert isinstance(part, hub.Text)
        begin += len(part.text)
        if start is not None and start < begin:
            return at
    return texts[-1]


def encode_reply(reply: hub.Reply) -> bytes:
    """The answer as Gemini writes it."""
    own = reply.extra if reply.origin == PROTOCOL else {}
    told: dict[str, Any] = {}
    if not ("promptFeedback" in own and not any(choice.parts for choice in reply.choices)):
        told["candidates"] = [_candidate(choice, ours=reply.origin == PROTOCOL) for choice in reply.choices]
    if reply.usage is not None:
        own_tier = reply.service_tier if reply.origin == PROTOCOL else TIERS.get(reply.service_tier, "")
        told["usageMetadata"] = write_usage(reply.usage, own_tier)
    told["modelVersion"] = reply.model
    told["responseId"] = reply.id
    return _ENCODER.encode(told | dict(own))


def _candidate(choice: hub.Choice, *, ours: bool) -> dict[str, Any]:
    """The candidate. Gemini's own may go without a reason, not having ended; another protocol's gets `STOP` then."""
    parts: list[dict[str, Any]] = []
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}}
    has_calls = False
    for part in choice.parts:
        has_calls = has_calls or isinstance(part, hub.ToolCall)
        if isinstance(part, hub.Foreign):
            foreign_into(part, parts, candidate)
        elif (written := _written(part)) is not None:
            parts.append(written)
    texts = [part for part in choice.parts if isinstance(part, hub.Text)]
    cited = [citation for text in texts for citation in text.citations]
    if cited and not KEPT.keys() & candidate.keys():
        candidate["groundingMetadata"] = grounding_of(cited, "".join(text.text for text in texts))
    if choice.finish is not None or not ours:
        ended = choice.finish or hub.Finish.STOP
        candidate["finishReason"] = finish.written(ended, choice.finish_raw, has_calls=has_calls)
    if choice.logprobs is not None and (logprobs := write_logprobs(choice.logprobs)):
        candidate["logprobsResult"] = logprobs
    candidate["index"] = choice.index
    return candidate


def _written(part: hub.Part) -> dict[str, Any] | None:
    if isinstance(part, hub.Thinking):
        signature = thought_signature(part)
        signed = {"thoughtSignature": signature} if signature else {}
        return {"text": part.text, "thought": True, **signed} if part.text or signed else None
    return write_spoken(part)


def foreign_into(part: hub.Foreign, parts: list[dict[str, Any]], candidate: dict[str, Any]) -> None:
    """Put what only Gemini knows back in its place; other protocols' content has no place in an answer."""
    if part.protocol != PROTOCOL:
        return
    said = _FIELDS.decode(part.raw)
    if part.kind in KEPT:
        candidate.update(said)
    elif part.kind in ABOUT.values() and parts:
        parts[-1].update(said)
    else:
        parts.append(dict(said))
