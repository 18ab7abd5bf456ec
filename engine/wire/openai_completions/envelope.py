"""A caller's request for a text completion, as far as routing looks into it, and what is sent of it to a provider."""

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.errors import BadRequest
from engine.values import NOTHING, Wishes
from engine.wire import estimate
from engine.wire.envelope import Envelope
from engine.wire.json_edit import Fields

__all__ = ["finish", "read_envelope"]

WISHES = "provider"
"""The key under which OpenRouter's callers say what they wish of providers. It is read by us and not sent on."""

MOST_BITS = 63
"""Of a whole number at the top level: what the usage database can hold."""

_FIELDS = msgspec.json.Decoder(Fields)
_PROMPT = msgspec.json.Decoder(str | list[str | int | list[int]] | None)
_VALUE = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


def read_envelope(body: bytes) -> Envelope:
    """The request that *body* is.

    Raises:
        BadRequest: not UTF-8, not JSON (NaN, lone surrogates, too deep), not an object, a field that routing needs is
            missing or of the wrong type, a number is too large. `param` names the field.
    """
    try:
        return _read(body)
    except RecursionError as exc:
        raise BadRequest("the body is nested too deeply", code="invalid_json") from exc


def _read(body: bytes) -> Envelope:
    fields = _read_fields(body)
    known = _read_small(fields)
    low, likely, high = _tokens(fields, len(body))
    metadata = _metadata(known)
    return Envelope(
        fields=fields,
        model=_model(known),
        stream=_flag(known, "stream"),
        asks_usage=_flag(_object(known, "stream_options"), "include_usage", "stream_options."),
        max_tokens=_max_tokens(known),
        input_tokens_low=low,
        input_tokens=likely,
        input_tokens_high=high,
        user=_text(known, "user"),
        session=_text(known, "session_id") or metadata.get("session_id", ""),
        metadata=metadata,
        wishes=_wishes(known),
    )


def finish(fields: Fields, *, model: str, stream: bool) -> bytes:
    """The body that goes to a provider: its own name for the model, without our `provider` wishes.

    A stream is asked to report usage at its end. Without one `stream_options` is left out, which OpenAI refuses then.
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
    """The values of all fields but the prompt, whose value stays bytes."""
    name = ""
    known = {}
    try:
        for name, raw in fields.items():
            if name != "prompt":
                known[name] = value = _VALUE.decode(raw)
                if type(value) is int and value.bit_length() > MOST_BITS:
                    raise _too_large(name)
    except msgspec.ValidationError as exc:
        raise _too_large(name) from exc
    return known


def _too_large(name: str) -> BadRequest:
    return BadRequest(f"{name}: a number is too large", code="number_out_of_range", param=name)


def _tokens(fields: Fields, size_bytes: int) -> estimate.Range:
    """By the body's size; where the prompt is tokens already, their number."""
    if "prompt" not in fields:
        raise BadRequest("prompt is missing", code="missing_required_parameter", param="prompt")
    raw = bytes(fields["prompt"])
    try:
        prompt = _PROMPT.decode(raw)
    except msgspec.DecodeError as exc:
        detail = str(exc).replace("`$", "`prompt")
        raise BadRequest(f"prompt cannot be read: {detail}", code="invalid_type", param="prompt") from exc
    if not isinstance(prompt, list) or any(isinstance(entry, str) for entry in prompt):
        return estimate.estimate(size_bytes)
    count = sum(len(entry) if isinstance(entry, list) else 1 for entry in prompt)
    return count, count, count


def _model(known: Mapping[str, Any]) -> str:
    if "model" not in known:
        raise BadRequest("model is missing: say which model you want", code="missing_required_parameter", param="model")
    model = known["model"]
    if not isinstance(model, str) or not model:
        raise _wrong("model", "a string that is not empty")
    return model


def _wrong(param: str, expected: str) -> BadRequest:
    return BadRequest(f"{param} must be {expected}", code="invalid_type", param=param)


def _flag(known: Mapping[str, Any], name: str, prefix: str = "") -> bool:
    value = known.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise _wrong(prefix + name, "true or false")


def _object(known: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = known.get(name)
    if value is None:
        return NOTHING
    if not isinstance(value, dict):
        raise _wrong(name, "an object")
    return value


def _max_tokens(known: Mapping[str, Any]) -> int | None:
    value = known.get("max_tokens")
    if value is None:
        return None
    if type(value) is not int or value < 0:
        raise _wrong("max_tokens", "a whole number that is not negative")
    return value


def _text(known: Mapping[str, Any], name: str) -> str:
    value = known.get(name)
    return value if isinstance(value, str) else ""


def _metadata(known: Mapping[str, Any]) -> Mapping[str, str]:
    metadata = known.get("metadata")
    if not isinstance(metadata, dict):
        return NOTHING
    return {name: value for name, value in metadata.items() if isinstance(value, str)}


def _wishes(known: Mapping[str, Any]) -> Wishes | None:
    if known.get(WISHES) is None:
        return None
    wishes = _object(known, WISHES)
    allow = wishes.get("allow_fallbacks")
    return Wishes(
        order=_names(wishes, "order"),
        only=_names(wishes, "only"),
        ignore=_names(wishes, "ignore"),
        allow_fallbacks=allow is None or _flag(wishes, "allow_fallbacks", f"{WISHES}."),
    )


def _names(wishes: Mapping[str, Any], name: str) -> tuple[str, ...]:
    names = wishes.get(name)
    if names is None:
        return ()
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise _wrong(f"{WISHES}.{name}", "a list of provider ids")
    return tuple(names)
