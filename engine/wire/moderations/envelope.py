"""A caller's request for moderation, as far as routing looks into it."""

import msgspec

from engine.wire import body, estimate
from engine.wire.body import finish
from engine.wire.envelope import Envelope
from engine.wire.json_edit import Fields

__all__ = ["finish", "read_envelope"]

DEFAULT_MODEL = "omni-moderation-latest"
"""The model that OpenAI uses where none is named (OpenAPI document, CreateModerationRequest, read 2026-11)."""

UNREAD = frozenset({"input"})

_INPUT = msgspec.json.Decoder(str | list[str | dict[str, msgspec.Raw]])


@body.depth_checked
def read_envelope(request: bytes) -> Envelope:
    """The request in *request*.

    Raises:
        BadRequest: not UTF-8, not JSON (NaN, lone surrogates, too deep), not an object, a field that routing needs is
            missing or of the wrong type, a number is too large. `param` names the field.
    """
    fields = body.read_fields(request)
    known = body.read_small(fields, unread=UNREAD)
    carried = _carried(fields)
    low, likely, high = estimate.estimate(len(request), carried)
    return Envelope(
        fields=fields,
        model=body.model(known, DEFAULT_MODEL),
        input_tokens_low=low,
        input_tokens=likely,
        input_tokens_high=high,
        has_images=carried.images,
        metadata=body.metadata(known),
        wishes=body.wishes(known),
    )


def _carried(fields: Fields) -> estimate.Media:
    """What the input carries beside text: it is a text, several texts, or parts like those of a chat."""
    if "input" not in fields:
        raise body.missing("input")
    try:
        given = _INPUT.decode(fields["input"])
    except msgspec.DecodeError as exc:
        raise body.malformed("input", exc) from exc
    return estimate.media([fields["input"]]) if isinstance(given, list) else estimate.NO_MEDIA
