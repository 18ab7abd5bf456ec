"""OpenAI's chat completions: requests and whole answers. Streams are in `relay`.

A request is read only as far as routing needs and written again around the caller's own bytes, so unknown fields
survive. It is always written from what was read: where a key stood twice, the provider sees the one that we saw.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.errors import BadRequest, UpstreamMalformed
from engine.values import NOTHING, Usage, Wishes
from engine.wire import estimate
from engine.wire.envelope import Envelope
from engine.wire.json_edit import Fields
from engine.wire.openai_chat.usage import read_usage

__all__ = ["Reply", "finish", "read_envelope", "read_reply"]

WISHES = "provider"
"""The key under which OpenRouter's callers say what they wish of providers. It is read by us and not sent on."""

LIST = ord("[")

UNREAD = frozenset({"messages", "tools", "functions", "response_format"})
"""The large fields: their values stay bytes. Numbers in them are not checked for size."""


PLAIN = frozenset(
    {
        "model",
        "messages",
        "stream",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "n",
        "stop",
        "seed",
        "presence_penalty",
        "frequency_penalty",
    }
)
"""Fields that most requests have, and nothing in which routing looks further than `_decode` does itself."""

MOST_BITS = 63
"""Of a whole number at the top level: what the usage database can hold."""


class _Message(msgspec.Struct, gc=False):
    content: msgspec.Raw = msgspec.Raw(b"null")


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MESSAGES = msgspec.json.Decoder(list[_Message])
_VALUE = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


def read_envelope(body: bytes) -> Envelope:
    """The request that *body* is.

    Raises:
        BadRequest: not UTF-8, not JSON (NaN, lone surrogates, too deep), not an object, a field that routing needs is
            missing or of the wrong type, a number is too large. `param` names the field.
    """
    try:
        return _decode(body)
    except RecursionError as exc:
        raise BadRequest("the body is nested too deeply", code="invalid_json") from exc


def _decode(body: bytes) -> Envelope:
    fields = _read_fields(body)
    known = _read_small(fields)
    carried = _carried(fields)
    low, likely, high = estimate.estimate(len(body), carried)
    rarer = _rarer(fields, known) if fields.keys() - PLAIN else {}
    return Envelope(
        fields=fields,
        model=_model(known),
        stream=_flag(known, "stream"),
        max_tokens=_max_tokens(known),
        input_tokens_low=low,
        input_tokens=likely,
        input_tokens_high=high,
        has_images=carried.images,
        has_audio=carried.audio,
        has_files=carried.files,
        **rarer,
    )


def _rarer(fields: Fields, known: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in fields that few requests have."""
    metadata = _metadata(known)
    return {
        "asks_usage": _flag(_object(known, "stream_options"), "include_usage", "stream_options."),
        "has_tools": _has_items(fields, "tools") or _has_items(fields, "functions"),
        "wants_json": _wants_json(fields),
        "reasoning": _reasoning(known),
        "user": _text(known, "user"),
        "session": _text(known, "session_id") or metadata.get("session_id", ""),
        "metadata": metadata,
        "wishes": _wishes(known),
    }


def finish(fields: Fields, *, model: str, stream: bool, ask_usage: bool = True) -> bytes:
    """The body that goes to a provider: *fields* with its own name for the model, without our `provider` wishes.

    Whoever streams is asked to report usage at the end of the stream, unless *ask_usage* is false: then nobody asks.
    """
    sent: dict[str, Any] = {**fields, "model": model}
    sent.pop(WISHES, None)
    if stream:
        sent["stream"] = True
    if stream and ask_usage:
        options = _VALUE.decode(fields.get("stream_options", b"null")) or {}
        sent["stream_options"] = {**options, "include_usage": True}
    elif not ask_usage:
        sent.pop("stream_options", None)
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
    return known


def _too_large(name: str) -> BadRequest:
    return BadRequest(f"{name}: a number is too large", code="number_out_of_range", param=name)


def _carried(fields: Fields) -> estimate.Media:
    """What the messages carry beside text."""
    if "messages" not in fields:
        raise BadRequest("messages is missing", code="missing_required_parameter", param="messages")
    try:
        messages = _MESSAGES.decode(fields["messages"])
        lists = [message.content for message in messages if memoryview(message.content)[0] == LIST]
        carried = estimate.media(lists) if lists else estimate.NO_MEDIA
    except msgspec.ValidationError as exc:
        detail = str(exc).replace("`$", "`messages")
        raise BadRequest(f"messages cannot be read: {detail}", code="invalid_type", param="messages") from exc
    if not messages:
        raise BadRequest("messages must not be empty", code="invalid_value", param="messages")
    return carried


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
    for name in ("max_completion_tokens", "max_tokens"):
        value = known.get(name)
        if value is None:
            continue
        if type(value) is not int or value < 0:
            raise _wrong(name, "a whole number that is not negative")
        return value
    return None


def _has_items(fields: Fields, name: str) -> bool:
    return name in fields and len(bytes(fields[name]).strip(b"[] \t\r\n")) > 0 and bytes(fields[name]) != b"null"


def _wants_json(fields: Fields) -> bool:
    form = fields.get("response_format")
    return form is not None and b'"json_' in bytes(form)


def _reasoning(known: Mapping[str, Any]) -> bool:
    effort = known.get("reasoning_effort")
    asked = known.get("reasoning")
    if isinstance(asked, dict):
        effort = asked.get("effort", effort)
        if effort is None:
            return asked.get("enabled") is not False and bool(asked)
    return effort is not None and effort != "none"


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


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal keeps of a whole answer; the caller gets the provider's bytes."""

    id: str
    model: str
    finish_reason: str | None
    """Of the first choice, in the provider's word."""
    usage: Usage | None


class _Choice(msgspec.Struct, gc=False):
    finish_reason: Any = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    id: Any = None
    model: Any = None
    usage: Any = None


_COMPLETION = msgspec.json.Decoder(_Completion)


def read_reply(body: bytes) -> Reply:
    """What *body*, an answer with status 200, says of itself. Ask `error.read_reply_error` first.

    Raises:
        UpstreamMalformed: it is no chat completion, or has no choices.
    """
    try:
        completion = _COMPLETION.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise UpstreamMalformed(f"not a chat completion: {exc}", received=True) from exc
    if not completion.choices:
        raise UpstreamMalformed("a chat completion without choices", received=True)
    finish_reason = completion.choices[0].finish_reason
    return Reply(
        id=completion.id if isinstance(completion.id, str) else "",
        model=completion.model if isinstance(completion.model, str) else "",
        finish_reason=finish_reason if isinstance(finish_reason, str) else None,
        usage=read_usage(completion.usage),
    )
