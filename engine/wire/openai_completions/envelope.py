"""A caller's request for a text completion, as far as routing looks into it, and what of it is sent to a provider."""

from typing import Any

import msgspec

from engine.wire import estimate
from engine.wire.body import (
    WISHES,
    depth_checked,
    flag,
    malformed,
    members,
    metadata,
    missing,
    model,
    read_fields,
    read_small,
    text,
    whole,
    wishes,
)
from engine.wire.envelope import Envelope
from engine.wire.json_edit import Fields

__all__ = ["finish", "read_envelope"]

UNREAD = frozenset({"prompt"})
"""The large field: its value stays bytes."""

_PROMPT = msgspec.json.Decoder(str | list[str | int | list[int]] | None)
_VALUE = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


@depth_checked
def read_envelope(body: bytes) -> Envelope:
    """The request in *body*.

    Raises:
        BadRequest: not UTF-8, not JSON (NaN, lone surrogates, too deep), not an object, a field that routing needs is
            missing or of the wrong type, a number is too large. `param` names the field.
    """
    fields = read_fields(body)
    known = read_small(fields, unread=UNREAD)
    low, likely, high = _tokens(fields, len(body))
    notes = metadata(known)
    return Envelope(
        fields=fields,
        model=model(known),
        stream=flag(known, "stream"),
        asks_usage=flag(members(known, "stream_options"), "include_usage", "stream_options."),
        max_tokens=whole(known, "max_tokens"),
        input_tokens_low=low,
        input_tokens=likely,
        input_tokens_high=high,
        user=text(known, "user"),
        session=text(known, "session_id") or notes.get("session_id", ""),
        metadata=notes,
        wishes=wishes(known),
    )


def finish(fields: Fields, *, model: str, stream: bool) -> bytes:
    """The body that goes to a provider: its own name for the model, without our `provider` wishes.

    A stream is asked to report usage at its end. Without a stream OpenAI refuses `stream_options`, so it is left out.
    """
    sent: dict[str, Any] = {**fields, "model": model}
    sent.pop(WISHES, None)
    options = sent.pop("stream_options", None)
    if stream:
        options = _VALUE.decode(options) if options is not None else None
        sent["stream_options"] = {**(options or {}), "include_usage": True}
    if stream or "stream" in sent:
        sent["stream"] = stream
    return _ENCODER.encode(sent)


def _tokens(fields: Fields, size_bytes: int) -> estimate.Range:
    """The input tokens by the body's size; where the prompt is tokens already, their number."""
    if "prompt" not in fields:
        raise missing("prompt")
    raw = bytes(fields["prompt"])
    try:
        prompt = _PROMPT.decode(raw)
    except msgspec.DecodeError as exc:
        raise malformed("prompt", exc) from exc
    if not isinstance(prompt, list) or any(isinstance(entry, str) for entry in prompt):
        return estimate.estimate(size_bytes)
    count = sum(len(entry) if isinstance(entry, list) else 1 for entry in prompt)
    return count, count, count
