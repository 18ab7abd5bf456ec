"""A caller's request for embeddings, in OpenAI's protocol, as far as routing looks into it."""

import msgspec

from engine.errors import BadRequest
from engine.wire import body, estimate
from engine.wire.body import finish
from engine.wire.envelope import Envelope
from engine.wire.json_edit import Fields

__all__ = ["finish", "read_envelope", "wants_base64"]

UNREAD = frozenset({"input"})

_INPUT = msgspec.json.Decoder(str | list[str | int | list[int] | dict[str, msgspec.Raw]])
"""Objects are not OpenAI's: Jina and Voyage take pictures in them. Only OpenAI's look-alikes can be sent these."""


@body.depth_checked
def read_envelope(request: bytes) -> Envelope:
    """The request in *request*.

    Raises:
        BadRequest: not UTF-8, not JSON (NaN, lone surrogates, too deep), not an object, a field that routing needs is
            missing or of the wrong type, a number is too large. `param` names the field.
    """
    fields = body.read_fields(request)
    known = body.read_small(fields, unread=UNREAD)
    low, likely, high = _tokens(fields, len(request))
    return Envelope(
        fields=fields,
        model=body.model(known),
        input_tokens_low=low,
        input_tokens=likely,
        input_tokens_high=high,
        user=body.text(known, "user"),
        metadata=body.metadata(known),
        wishes=body.wishes(known),
    )


def wants_base64(fields: Fields) -> bool:
    """Whether the caller wants vectors in base64, as OpenAI's SDK for Python does unless it is told otherwise."""
    return bytes(fields.get("encoding_format", b"null")) == b'"base64"'


def _tokens(fields: Fields, size_bytes: int) -> estimate.Range:
    """The input tokens by the body's size; where the input is tokens already, their number."""
    if "input" not in fields:
        raise body.missing("input")
    try:
        given = _INPUT.decode(fields["input"])
    except msgspec.DecodeError as exc:
        raise body.malformed("input", exc) from exc
    if given == []:
        raise BadRequest("input must not be empty", code="invalid_value", param="input")
    if isinstance(given, str) or any(isinstance(entry, str | dict) for entry in given):
        return estimate.estimate(size_bytes)
    count = sum(len(entry) if isinstance(entry, list) else 1 for entry in given)
    return count, count, count
