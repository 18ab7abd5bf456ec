"""Requests of the Messages API as far as routing looks into them, and written again around the caller's own bytes.

Unknown fields survive. A body is always written from what was read: where a key stood twice, the provider sees the one
that we saw.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.errors import BadRequest
from engine.values import NOTHING
from engine.wire import estimate
from engine.wire.anthropic_messages.carried import carried
from engine.wire.envelope import Envelope
from engine.wire.json_edit import Fields

__all__ = ["finish", "read_envelope"]

UNREAD = frozenset({"messages", "system", "tools", "output_format", "mcp_servers"})
"""The large fields: their values stay bytes. Numbers in them are not checked for size."""

MOST_BITS = 63
"""Of a whole number at the top level: what the usage database can hold."""

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_VALUE = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


def read_envelope(body: bytes) -> Envelope:
    """The request that *body* is; of `count_tokens`, too, which has the same fields.

    `max_tokens` may be missing: whoever encodes the request has a default, and Anthropic itself will say so.

    Raises:
        BadRequest: not UTF-8, not JSON (NaN, lone surrogates, too deep), not an object, a field that routing needs is
            missing or of the wrong type, a number is too large. `param` names the field.
    """
    try:
        return _read(body)
    except RecursionError as exc:
        raise BadRequest("the body is nested too deeply", code="invalid_json") from exc


def finish(fields: Fields, *, model: str, stream: bool) -> bytes:
    """The body that goes to a provider: *fields* with its own name for the model, streamed or not.

    Usage need not be asked for: every stream ends with it.
    """
    sent: dict[str, Any] = {**fields, "model": model}
    sent.pop("stream", None)
    if stream:
        sent["stream"] = True
    return _ENCODER.encode(sent)


def _read(body: bytes) -> Envelope:
    fields = _read_fields(body)
    known = _read_small(fields)
    media = carried(fields)
    low, likely, high = estimate.estimate(len(body), media)
    metadata = _metadata(known)
    user = metadata.get("user_id", "")
    return Envelope(
        fields=fields,
        model=_model(known),
        stream=_flag(known, "stream"),
        asks_usage=True,
        max_tokens=_max_tokens(known),
        input_tokens_low=low,
        input_tokens=likely,
        input_tokens_high=high,
        has_tools=_has_items(fields, "tools"),
        has_images=media.images,
        has_files=media.files,
        wants_json=_wants_json(fields, known),
        reasoning=_reasoning(known),
        user=user,
        session=metadata.get("session_id", "") or _session(user),
        metadata=metadata,
    )


def _read_fields(body: bytes) -> Fields:
    try:
        if not body.isascii():
            body.decode()
        return _FIELDS.decode(body)
    except UnicodeDecodeError as exc:
        raise BadRequest(f"the body is not UTF-8: {exc.reason} at byte {exc.start}", code="invalid_utf8") from exc
    except msgspec.ValidationError as exc:
        raise BadRequest("the body must be a JSON object", code="invalid_json") from exc
    except msgspec.DecodeError as exc:
        raise BadRequest(f"the body cannot be read as JSON: {exc}", code="invalid_json") from exc


def _read_small(fields: Fields) -> dict[str, Any]:
    """The values of all fields that are not `UNREAD`."""
    name = ""
    known = {}
    try:
        for name, raw in fields.items():
            if name not in UNREAD:
                known[name] = value = _VALUE.decode(raw)
                if type(value) is int and value.bit_length() > MOST_BITS:
                    raise _too_large(name)
    except msgspec.ValidationError as exc:
        raise _too_large(name) from exc
    except msgspec.DecodeError as exc:
        raise BadRequest(f"{name} cannot be read as JSON: {exc}", code="invalid_json", param=name) from exc
    return known


def _too_large(name: str) -> BadRequest:
    return BadRequest(f"{name}: a number is too large", code="number_out_of_range", param=name)


def _model(known: Mapping[str, Any]) -> str:
    if "model" not in known:
        raise BadRequest("model is missing: say which model you want", code="missing_required_parameter", param="model")
    model = known["model"]
    if not isinstance(model, str) or not model:
        raise _wrong("model", "a string that is not empty")
    return model


def _wrong(param: str, expected: str) -> BadRequest:
    return BadRequest(f"{param} must be {expected}", code="invalid_type", param=param)


def _flag(known: Mapping[str, Any], name: str) -> bool:
    value = known.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise _wrong(name, "true or false")


def _max_tokens(known: Mapping[str, Any]) -> int | None:
    value = known.get("max_tokens")
    if value is None:
        return None
    if type(value) is not int or value < 0:
        raise _wrong("max_tokens", "a whole number that is not negative")
    return value


def _has_items(fields: Fields, name: str) -> bool:
    return name in fields and len(bytes(fields[name]).strip(b"[] \t\r\n")) > 0 and bytes(fields[name]) != b"null"


def _wants_json(fields: Fields, known: Mapping[str, Any]) -> bool:
    config = known.get("output_config")
    if isinstance(config, dict) and config.get("format") is not None:
        return True
    return "output_format" in fields and bytes(fields["output_format"]) != b"null"


def _reasoning(known: Mapping[str, Any]) -> bool:
    """Thinking that is asked for; an effort alone is about answers of any kind."""
    thinking = known.get("thinking")
    return isinstance(thinking, dict) and thinking.get("type") in ("enabled", "adaptive")


def _metadata(known: Mapping[str, Any]) -> Mapping[str, str]:
    metadata = known.get("metadata")
    if not isinstance(metadata, dict):
        return NOTHING
    return {name: value for name, value in metadata.items() if isinstance(value, str)}


def _session(user: str) -> str:
    """The session in Claude Code's `user_id`: JSON with a `session_id`, in older versions `user_…_session_<uuid>`."""
    if not user.startswith("{"):
        return user.rpartition("_session_")[2] if "_session_" in user else ""
    try:
        said = _VALUE.decode(user)
    except (msgspec.DecodeError, RecursionError):
        return ""
    session = said.get("session_id") if isinstance(said, dict) else None
    return session if isinstance(session, str) else ""
