"""A request as far as routing looks into it, and the body that goes to a provider.

A request is read only as far as routing needs and written again around the caller's own bytes, so unknown fields
survive. It is always written from what was read: if a key came twice, the provider sees the value that we saw.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.wire import estimate
from engine.wire.body import (
    WISHES,
    depth_checked,
    flag,
    has_items,
    metadata,
    model,
    read_fields,
    read_small,
    text,
    whole,
    wishes,
)
from engine.wire.envelope import Envelope
from engine.wire.json_edit import Fields
from engine.wire.openai_responses.carried import carried_by
from engine.wire.openai_responses.reasoning import INVENTED_REASONING, SEAL

__all__ = ["finish", "read_envelope"]

INVENTED = f'"{INVENTED_REASONING}'.encode()
SEALED = f'"{SEAL}'.encode()
"""How a signature that we sealed begins, as JSON."""

UNREAD = frozenset({"input", "instructions", "tools", "text"})
"""The large fields: their values stay bytes. Numbers in them are not checked for size."""

_ITEMS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_ENCODER = msgspec.json.Encoder()


@depth_checked
def read_envelope(body: bytes) -> Envelope:
    """The request in *body*, as far as routing looks into it.

    Raises:
        BadRequest: not UTF-8, not JSON (NaN, lone surrogates, too deep), not an object, a field that routing needs is
            missing or of the wrong type, a number is too large. `param` names the field.
    """
    fields = read_fields(body)
    known = read_small(fields, unread=UNREAD)
    carried = carried_by(fields)
    low, likely, high = estimate.estimate(len(body), carried)
    notes = metadata(known)
    return Envelope(
        fields=fields,
        model=model(known),
        stream=flag(known, "stream"),
        asks_usage=True,
        max_tokens=whole(known, "max_output_tokens"),
        input_tokens_low=low,
        input_tokens=likely,
        input_tokens_high=high,
        has_tools=has_items(fields, "tools"),
        has_images=carried.images,
        has_audio=carried.audio,
        has_files=carried.files,
        wants_json=b'"json_' in bytes(fields.get("text", b"")),
        reasoning=_reasoning(known),
        user=text(known, "user"),
        session=text(known, "session_id") or notes.get("session_id", ""),
        metadata=notes,
        wishes=wishes(known),
    )


def finish(fields: Fields, *, model: str, stream: bool) -> bytes:
    """The body that goes to a provider: *fields* with its own name for the model, without our `provider` wishes.

    Usage comes with every stream of this protocol. Thoughts of other protocols, which we sealed on their way to the
    caller, are taken out: no provider can read them.
    """
    sent: dict[str, Any] = {**fields, "model": model}
    sent.pop(WISHES, None)
    sent.pop("stream", None)
    if stream:
        sent["stream"] = True
    else:
        sent.pop("stream_options", None)
    if "input" in fields and _has_ours(bytes(fields["input"])):
        sent["input"] = [item for item in map(_without_ours, _ITEMS.decode(fields["input"])) if item]
    return _ENCODER.encode(sent)


def _has_ours(said: bytes) -> bool:
    return said[:1] == b"[" and (INVENTED in said or SEALED in said)


def _without_ours(item: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    """*item* as the provider made it; empty for reasoning that no provider of this protocol made."""
    if bytes(item.get("type", b"")) != b'"reasoning"':
        return item
    encrypted = bytes(item.get("encrypted_content", b"null"))
    if encrypted.startswith(SEALED):
        return {}
    if not bytes(item.get("id", b"")).startswith(INVENTED):
        return item
    return {name: value for name, value in item.items() if name != "id"} if encrypted != b"null" else {}


def _reasoning(known: Mapping[str, Any]) -> bool:
    asked = known.get("reasoning")
    if not isinstance(asked, dict):
        return False
    effort = asked.get("effort")
    return effort != "none" if effort is not None else any(value is not None for value in asked.values())
