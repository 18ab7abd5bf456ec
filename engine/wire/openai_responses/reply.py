"""A whole answer of this protocol ↔ `hub.Reply`. Ask `error.read_reply_error` first: a failed answer is an outcome."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import msgspec

from engine import hub
from engine.errors import UpstreamMalformed
from engine.wire.fold import one_text
from engine.wire.json_edit import Fields
from engine.wire.json_read import UNREADABLE
from engine.wire.openai_responses import PROTOCOL
from engine.wire.openai_responses.content import read_logprobs
from engine.wire.openai_responses.items import Ids, kind_of, output_items, read_message, read_output
from engine.wire.openai_responses.reasoning import claimed
from engine.wire.openai_responses.response import NOTHING_ASKED, TIERS, finish_of, response
from engine.wire.openai_responses.usage import read_usage

__all__ = ["Ending", "decode_reply", "encode_reply"]


class _Details(msgspec.Struct):
    reason: str | None = None


class Ending(msgspec.Struct):
    """A `response` object as far as it is read: a whole answer, or the end of a stream."""

    id: Any = None
    model: Any = None
    created_at: Any = None
    status: str | None = None
    incomplete_details: _Details | None = None
    output: list[msgspec.Raw] | None = None
    usage: Any = None
    service_tier: Any = None
    error: Any = None


KNOWN = frozenset(
    {
        *("background", "completed_at", "conversation", "created_at", "error", "frequency_penalty", "id"),
        *("incomplete_details", "instructions", "max_output_tokens", "max_tool_calls", "metadata", "model", "object"),
        *("output", "output_text", "parallel_tool_calls", "presence_penalty", "previous_response_id", "prompt"),
        *("prompt_cache_key", "prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "status"),
        *("store", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "usage"),
        "user",
    }
)
"""The protocol's own fields of answers. All others are a provider's own, and `extra`."""

_ENDING = msgspec.json.Decoder(Ending)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODER = msgspec.json.Encoder()


def decode_reply(body: bytes) -> hub.Reply:
    """The answer in *body*.

    Raises:
        UpstreamMalformed: it is no response object, or an item in it is not of its kind's shape.
    """
    try:
        return _decode(body)
    except UNREADABLE as exc:
        raise UpstreamMalformed(f"not an answer of the Responses API: {exc}", received=True) from exc


def _decode(body: bytes) -> hub.Reply:
    said = _ENDING.decode(body)
    if said.output is None:
        raise UpstreamMalformed("an answer of the Responses API without output", received=True)
    parts, logprobs = _read_items(said.output, Ids(text(said.id)))
    reason = said.incomplete_details.reason if said.incomplete_details else None
    calls = any(isinstance(part, hub.ToolCall) for part in parts)
    finish, raw = finish_of(said.status or "completed", reason or "", calls=calls)
    choice = hub.Choice(parts=parts, finish=finish, finish_raw=raw, logprobs=logprobs)
    return hub.Reply(
        id=text(said.id),
        model=text(said.model),
        created=instant(said.created_at),
        choices=(choice,),
        usage=read_usage(said.usage),
        service_tier=text(said.service_tier),
        extra={name: msgspec.Raw(bytes(raw)) for name, raw in _OBJECT.decode(body).items() if name not in KNOWN},
        origin=PROTOCOL,
    )


def _read_items(items: list[msgspec.Raw], ids: Ids) -> tuple[tuple[hub.Part, ...], hub.Json | None]:
    """The parts of an answer's output, and the log-probabilities of its first text that has some."""
    parts: list[hub.Part] = []
    logprobs: hub.Json | None = None
    for raw in items:
        kind = kind_of(raw)
        parts += read_output(kind, raw)
        if kind == "message" and logprobs is None:
            logprobs = read_logprobs(read_message(raw)[1])
    return _named(claimed(parts), ids), logprobs


def _named(parts: Sequence[hub.Part], ids: Ids) -> tuple[hub.Part, ...]:
    """*parts* with ids made up for the calls that came without."""
    numbers = count()
    return tuple(
        msgspec.structs.replace(part, id=part.id or ids.item("call", next(numbers)))
        if isinstance(part, hub.ToolCall)
        else part
        for part in parts
    )


def text(value: object) -> str:
    """*value* if it is text, else empty."""
    return value if isinstance(value, str) else ""


def instant(value: object) -> int | None:
    """*value* as seconds since 1970, None if it is none; openai-python's type has a float."""
    return int(value) if isinstance(value, int | float) and 0 <= value < 2**62 else None


def encode_reply(reply: hub.Reply, *, echo: Fields = NOTHING_ASKED, created: int = 0) -> bytes:
    """*reply* as a response object; of several choices the first, since this protocol has one.

    *echo* is what `response.echoed` keeps of the request; *created* is used if the reply does not say when it was made.
    Neighbouring texts of another protocol's reply are joined, since here citations count within their own text.
    Left out: citations without an address, sound, and tiers that are not OpenAI's.
    """
    ids, own = Ids(reply.id), reply.origin == PROTOCOL
    choice = reply.choices[0] if reply.choices else hub.Choice()
    said = response(
        id=ids.response,
        model=reply.model,
        created=created if reply.created is None else reply.created,
        echo=echo,
        output=output_items(choice.parts if own else one_text(choice.parts, cited=True), ids, choice.logprobs),
        finish=choice.finish,
        status=choice.finish_raw if choice.finish is None and choice.finish_raw in {"queued", "in_progress"} else "",
        usage=reply.usage,
        service_tier=reply.service_tier if own or reply.service_tier in TIERS else "",
    )
    if own:
        said |= reply.extra
    return _ENCODER.encode(said)
