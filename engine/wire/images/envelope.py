"""A caller's request for pictures, in OpenAI's protocol, as far as routing looks into it.

`generations` takes JSON, `variations` a form, and `edits` either: a form with the pictures in it, or JSON that refers
to them.
"""

from typing import Literal

import msgspec

from engine.wire import body, estimate
from engine.wire.body import finish
from engine.wire.envelope import Envelope
from engine.wire.json_edit import Fields
from engine.wire.multipart import Form, is_form, read_parts
from engine.wire.upload import Upload, read_upload
from engine.wire.upload import finish as finish_form

__all__ = ["Surface", "finish", "finish_form", "read_envelope", "read_form"]

Surface = Literal["generations", "edits", "variations"]

DEFAULT_MODELS: dict[Surface, str] = {
    "generations": "dall-e-2",
    "edits": "gpt-image-1.5",
    "variations": "dall-e-2",
}
"""The model that OpenAI uses where none is named (OpenAPI document, CreateImageRequest and its like, read 2026-11)."""

LARGE = frozenset({"images", "image", "mask"})
"""Pictures in a JSON body: their values stay bytes."""

_LIST = msgspec.json.Decoder(list[msgspec.Raw])


@body.depth_checked
def read_envelope(
    request: bytes, content_type: str = "application/json", *, surface: Surface = "generations"
) -> Envelope | Upload:
    """The request in *request*; an `Upload` where it is a form.

    Raises:
        BadRequest: it cannot be read, or a field that routing needs is missing or of the wrong type; `param` names it.
    """
    if surface == "variations" or (surface == "edits" and is_form(content_type)):
        return read_form(read_parts(request, content_type), surface=surface)
    return _read(request, DEFAULT_MODELS[surface])


def read_form(form: Form, *, surface: Surface) -> Upload:
    """The request in *form*. Raises BadRequest as `read_envelope` does."""
    return read_upload(form, default_model=DEFAULT_MODELS[surface])


def _read(request: bytes, default_model: str) -> Envelope:
    fields = body.read_fields(request)
    known = body.read_small(fields, unread=LARGE)
    if not isinstance(known.get("prompt"), str):
        raise body.wrong("prompt", "text") if "prompt" in fields else body.missing("prompt")
    body.whole(known, "n")
    low, likely, high = estimate.estimate(len(request), _carried(fields))
    return Envelope(
        fields=fields,
        model=body.model(known, default_model),
        stream=body.flag(known, "stream"),
        input_tokens_low=low,
        input_tokens=likely,
        input_tokens_high=high,
        has_images=bool(LARGE & fields.keys()),
        user=body.text(known, "user"),
        metadata=body.metadata(known),
        wishes=body.wishes(known),
    )


def _carried(fields: Fields) -> estimate.Media:
    """The pictures, which count by their number and not by their bytes."""
    given = [bytes(fields[name]) for name in LARGE if name in fields]
    pictures = sum(len(_LIST.decode(value)) if value.startswith(b"[") else 1 for value in given)
    low, likely, high = estimate.IMAGE_TOKENS
    return estimate.Media(
        body_bytes=sum(len(value) for value in given),
        tokens=(low * pictures, likely * pictures, high * pictures),
        images=bool(pictures),
    )
