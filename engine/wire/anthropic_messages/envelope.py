"""Requests of the Messages API as far as routing looks into them, and written again around the caller's own bytes.

Unknown fields survive. A body is always written from what was read: if a key came twice, the provider sees the value
that we saw.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.wire import estimate
from engine.wire.anthropic_messages.carried import carried
from engine.wire.body import depth_checked, flag, has_items, metadata, model, read_fields, read_small, whole
from engine.wire.envelope import Envelope
from engine.wire.json_edit import Fields

__all__ = ["finish", "read_envelope"]

UNREAD = frozenset({"messages", "system", "tools", "output_format", "mcp_servers"})
"""The large fields: their values stay bytes. Numbers in them are not checked for size."""

_VALUE = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


@depth_checked
def read_envelope(body: bytes) -> Envelope:
    """The request in *body*; also one for `count_tokens`, which has the same fields.

    `max_tokens` may be missing: the encoders have a default, and Anthropic itself will complain.

    Raises:
        BadRequest: not UTF-8, not JSON (NaN, lone surrogates, too deep), not an object, a field that routing needs is
            missing or of the wrong type, a number is too large. `param` names the field.
    """
    fields = read_fields(body)
    known = read_small(fields, unread=UNREAD)
    media = carried(fields)
    low, likely, high = estimate.estimate(len(body), media)
    notes = metadata(known)
    user = notes.get("user_id", "")
    return Envelope(
        fields=fields,
        model=model(known),
        stream=flag(known, "stream"),
        asks_usage=True,
        max_tokens=whole(known, "max_tokens"),
        input_tokens_low=low,
        input_tokens=likely,
        input_tokens_high=high,
        has_tools=has_items(fields, "tools"),
        has_images=media.images,
        has_files=media.files,
        wants_json=_wants_json(fields, known),
        reasoning=_reasoning(known),
        user=user,
        session=notes.get("session_id", "") or _session(user),
        metadata=notes,
    )


def finish(fields: Fields, *, model: str, stream: bool) -> bytes:
    """The body that goes to a provider: *fields* with its own name for the model, streamed or not.

    Usage need not be asked for: every stream ends with it.
    """
    sent: dict[str, Any] = {**fields, "model": model}
    sent.pop("stream", None)
    if stream:
        sent["stream"] = True
    return _ENCODER.encode(sent)


def _wants_json(fields: Fields, known: Mapping[str, Any]) -> bool:
    config = known.get("output_config")
    if isinstance(config, dict) and config.get("format") is not None:
        return True
    return "output_format" in fields and bytes(fields["output_format"]) != b"null"


def _reasoning(known: Mapping[str, Any]) -> bool:
    """Whether thinking is asked for; an effort alone does not: it shapes answers of any kind."""
    thinking = known.get("thinking")
    return isinstance(thinking, dict) and thinking.get("type") in ("enabled", "adaptive")


def _session(user: str) -> str:
    """The session in Claude Code's `user_id`: JSON with `session_id`; in older versions `user_…_session_<uuid>`."""
    if not user.startswith("{"):
        return user.rpartition("_session_")[2] if "_session_" in user else ""
    try:
        said = _VALUE.decode(user)
    except (msgspec.DecodeError, RecursionError):
        return ""
    session = said.get("session_id") if isinstance(said, dict) else None
    return session if isinstance(session, str) else ""
