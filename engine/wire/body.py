"""A caller's JSON body as every surface begins to read it: raw fields, small values, the model's name.

Knows what makes a body bad on any surface; does not know any surface's own fields.
"""

import re
from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import msgspec

from engine.errors import BadRequest
from engine.values import NOTHING, Wishes
from engine.wire.json_edit import Fields

__all__ = [
    "MOST_BITS",
    "WISHES",
    "depth_checked",
    "finish",
    "finish_as_is",
    "flag",
    "has_items",
    "malformed",
    "members",
    "metadata",
    "missing",
    "model",
    "raw_fields",
    "read_field",
    "read_fields",
    "read_small",
    "shaped",
    "text",
    "too_deep",
    "too_large",
    "whole",
    "wishes",
    "wrong",
]

WISHES = "provider"
"""The key under which OpenRouter's callers say what they wish of providers. We read it and do not send it on."""

MOST_BITS = 63
"""The most bits of a whole number that we read: what the usage database can hold."""

_PATH = re.compile(r" - at `\$\.([^`.\[]+)([^`]*)`")
"""The place that msgspec names in its errors: a field, and the path within it."""

Shape = TypeVar("Shape")
Given = ParamSpec("Given")

_FIELDS = msgspec.json.Decoder(Fields)
_VALUE = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


def depth_checked(read: Callable[Given, Shape]) -> Callable[Given, Shape]:
    """*read*, made to raise BadRequest where its input is nested too deeply to be read."""

    @wraps(read)
    def checked(*args: Given.args, **kwargs: Given.kwargs) -> Shape:
        try:
            return read(*args, **kwargs)
        except RecursionError as exc:
            raise too_deep() from exc

    return checked


def read_fields(body: bytes) -> Fields:
    """The top level of *body*.

    Raises:
        BadRequest: not UTF-8, not JSON (NaN, lone surrogates), not an object.
    """
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


def read_small(fields: Fields, *, unread: frozenset[str]) -> dict[str, Any]:
    """The values of all fields but the large ones, *unread*.

    Raises:
        BadRequest: a number is too large.
    """
    name = ""
    known = {}
    try:
        for name, raw in fields.items():
            if name not in unread:
                known[name] = value = _VALUE.decode(raw)
                if type(value) is int and value.bit_length() > MOST_BITS:
                    raise too_large(name)
    except msgspec.ValidationError as exc:
        raise too_large(name) from exc
    return known


def raw_fields(values: Mapping[str, Any]) -> Fields:
    """*values*, each as JSON."""
    return {name: msgspec.Raw(_ENCODER.encode(value)) for name, value in values.items()}


def shaped(fields: Fields, names: Collection[str], decoder: msgspec.json.Decoder[Shape]) -> Shape:
    """Those of *fields* that *names* lists, read by *decoder*.

    Raises:
        BadRequest: a field is not of its shape; `param` names it.
    """
    try:
        return decoder.decode(_ENCODER.encode({name: fields[name] for name in names if name in fields}))
    except msgspec.DecodeError as exc:
        what, place = str(exc), _PATH.search(str(exc))
        if place is None:
            raise BadRequest(f"the body cannot be read: {what}", code="invalid_type") from exc
        what = what[: place.start()]
        raise BadRequest(f"{place[1]}{place[2]}: {what}", code="invalid_type", param=place[1]) from exc
    except RecursionError as exc:
        raise too_deep() from exc


def read_field(fields: Fields, name: str, decoder: msgspec.json.Decoder[Shape]) -> Shape | None:
    """The value of one of *fields*, read by *decoder*; None where it is absent or null.

    Raises:
        BadRequest: it does not have the decoder's shape; `param` names it.
    """
    raw = fields.get(name)
    if raw is None or bytes(raw) == b"null":
        return None
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError) as exc:
        raise malformed(name, exc) from exc


def has_items(fields: Fields, name: str) -> bool:
    """Whether a field is a list with something in it."""
    raw = bytes(fields.get(name, b"null"))
    return raw != b"null" and len(raw.strip(b"[] \t\r\n")) > 0


def too_deep() -> BadRequest:
    """The error for a body that is nested too deeply to be read."""
    return BadRequest("the body is nested too deeply", code="invalid_json")


def too_large(name: str) -> BadRequest:
    """The error for a field with a number that is out of range."""
    return BadRequest(f"{name}: a number is too large", code="number_out_of_range", param=name)


def malformed(name: str, exc: Exception) -> BadRequest:
    """The error for a field that could not be read, in the words of *exc*."""
    detail = str(exc).replace("`$", f"`{name}")
    return BadRequest(f"{name} cannot be read: {detail}", code="invalid_type", param=name)


def missing(name: str) -> BadRequest:
    """The error for a field that must be there."""
    return BadRequest(f"{name} is missing", code="missing_required_parameter", param=name)


def wrong(name: str, expected: str) -> BadRequest:
    """The error for a field that is not what was *expected*, say `true or false`."""
    return BadRequest(f"{name} must be {expected}", code="invalid_type", param=name)


def model(known: Mapping[str, Any], default: str = "") -> str:
    """The model asked for; *default*, where the surface has one, when the caller names none.

    Raises:
        BadRequest: none is named and there is no default, or it is no text.
    """
    named = known.get("model")
    if named is None and default:
        return default
    if "model" not in known:
        raise BadRequest("model is missing: say which model you want", code="missing_required_parameter", param="model")
    if not isinstance(named, str) or not named:
        raise wrong("model", "a string that is not empty")
    return named


def flag(known: Mapping[str, Any], name: str, within: str = "") -> bool:
    """A field that is true or false; false where it is absent or null. *within*, say `provider.`, prefixes its name."""
    value = known.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise wrong(within + name, "true or false")


def whole(known: Mapping[str, Any], name: str, within: str = "") -> int | None:
    """A field that is a count; None where it is absent or null. *within* as in `flag`."""
    value = known.get(name)
    if value is None:
        return None
    if type(value) is not int or value < 0:
        raise wrong(within + name, "a whole number that is not negative")
    return value


def members(known: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A field that is an object; empty where it is absent or null."""
    value = known.get(name)
    if value is None:
        return NOTHING
    if not isinstance(value, dict):
        raise wrong(name, "an object")
    return value


def text(known: Mapping[str, Any], name: str) -> str:
    """A field that is text; empty where it is absent or anything else."""
    value = known.get(name)
    return value if isinstance(value, str) else ""


def metadata(known: Mapping[str, Any]) -> Mapping[str, str]:
    """The entries of `metadata` that are text."""
    found = known.get("metadata")
    if not isinstance(found, dict):
        return NOTHING
    return {name: value for name, value in found.items() if isinstance(value, str)}


def wishes(known: Mapping[str, Any]) -> Wishes | None:
    """What the caller wishes of providers; None where nothing is said.

    Raises:
        BadRequest: it cannot be understood.
    """
    if known.get(WISHES) is None:
        return None
    said = members(known, WISHES)
    return Wishes(
        order=_names(said, "order"),
        only=_names(said, "only"),
        ignore=_names(said, "ignore"),
        allow_fallbacks=said.get("allow_fallbacks") is None or flag(said, "allow_fallbacks", f"{WISHES}."),
    )


def _names(said: Mapping[str, Any], name: str) -> tuple[str, ...]:
    names = said.get(name)
    if names is None:
        return ()
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise wrong(f"{WISHES}.{name}", "a list of provider ids")
    return tuple(names)


def finish(fields: Fields, *, model: str, stream: bool = False) -> bytes:  # noqa: ARG001 - every finisher is called alike
    """The body that goes to a provider: its own name for the model, without our `provider` wishes.

    Whether the answer is streamed stays as the caller said it: these surfaces each have their own words for it.
    """
    sent: dict[str, Any] = {**fields, "model": model}
    sent.pop(WISHES, None)
    return _ENCODER.encode(sent)


def finish_as_is(fields: Fields, *, model: str, stream: bool = False) -> bytes:  # noqa: ARG001 - as above
    """The body that goes to a provider whose path, or whose body already, says the model and whether it is streamed."""
    return _ENCODER.encode(fields)
