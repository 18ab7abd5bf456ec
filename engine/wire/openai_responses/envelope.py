"""A request as far as routing looks into it, and the body that goes to a provider.

A request is read only as far as routing needs and written again around the caller's own bytes, so unknown fields
survive. It is always written from what was read: where a key stood twice, the provider sees the one that we saw.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.errors import BadRequest
from engine.values import NOTHING, Wishes
from engine.wire import estimate
from engine.wire.envelope import Envelope
from engine.wire.json_edit import Fields
from engine.wire.openai_responses.carried import carried_by
from engine.wire.openai_responses.reasoning import INVENTED_REASONING, SEAL

__all__ = ["WISHES", "finish", "read_envelope"]

WISHES = "provider"
"""The key under which OpenRouter's callers say what they wish of providers. It is read by us and not sent on."""

INVENTED = f'"{INVENTED_REASONING}'.encode()
SEALED = f'"{SEAL}'.encode()
"""How what is ours begins in JSON."""

UNREAD = frozenset({"input", "instructions", "tools", "text"})
"""The large fields: their values stay bytes. Numbers in them are not checked for size."""

MOST_BITS = 63
"""Of a whole number at the top level: what the usage database can hold."""


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_VALUE = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


def read_envelope(body: bytes) -> Envelope:
    """The request that *body* is, as far as routing looks into it.

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
    carried = carried_by(fields)
    low, likely, high = estimate.estimate(len(body), carried)
    metadata = _metadata(known)
    return Envelope(
        fields=fields,
        model=_model(known),
        stream=_flag(known, "stream"),
        asks_usage=True,
        max_tokens=_max_tokens(known),
        input_tokens_low=low,
        input_tokens=likely,
        input_tokens_high=high,
        has_tools=_has_tools(fields),
        has_images=carried.images,
        has_audio=carried.audio,
        has_files=carried.files,
        wants_json=b'"json_' in bytes(fields.get("text", b"")),
        reasoning=_reasoning(known),
        user=_text(known, "user"),
        session=_text(known, "session_id") or metadata.get("session_id", ""),
        metadata=metadata,
        wishes=_wishes(known),
    )


def finish(fields: Fields, *, model: str, stream: bool) -> bytes:
    """The body that goes to a provider: *fields* with its own name for the model, without our `provider` wishes.

    Usage comes with every stream of this protocol. Thoughts of other protocols, which we sealed when the caller got
    them, are taken out: no provider can read them.
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


def _wrong(param: str, expected: str) -> BadRequest:
    return BadRequest(f"{param} must be {expected}", code="invalid_type", param=param)


def _model(known: Mapping[str, Any]) -> str:
    if "model" not in known:
        raise BadRequest("model is missing: say which model you want", code="missing_required_parameter", param="model")
    model = known["model"]
    if not isinstance(model, str) or not model:
        raise _wrong("model", "a string that is not empty")
    return model


def _flag(known: Mapping[str, Any], name: str, prefix: str = "") -> bool:
    value = known.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise _wrong(prefix + name, "true or false")


def _max_tokens(known: Mapping[str, Any]) -> int | None:
    value = known.get("max_output_tokens")
    if value is not None and (type(value) is not int or value < 0):
        raise _wrong("max_output_tokens", "a whole number that is not negative")
    return value


def _has_tools(fields: Fields) -> bool:
    tools = bytes(fields.get("tools", b"null"))
    return tools != b"null" and len(tools.strip(b"[] \t\r\n")) > 0


def _reasoning(known: Mapping[str, Any]) -> bool:
    asked = known.get("reasoning")
    if not isinstance(asked, dict):
        return False
    effort = asked.get("effort")
    return effort != "none" if effort is not None else any(value is not None for value in asked.values())


def _text(known: Mapping[str, Any], name: str) -> str:
    value = known.get(name)
    return value if isinstance(value, str) else ""


def _metadata(known: Mapping[str, Any]) -> Mapping[str, str]:
    metadata = known.get("metadata")
    if not isinstance(metadata, dict):
        return NOTHING
    return {name: value for name, value in metadata.items() if isinstance(value, str)}


def _wishes(known: Mapping[str, Any]) -> Wishes | None:
    wishes = known.get(WISHES)
    if wishes is None:
        return None
    if not isinstance(wishes, dict):
        raise _wrong(WISHES, "an object")
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
