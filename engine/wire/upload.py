"""A caller's form, as far as routing looks into it, and what of it is sent to a provider.

Rules see its fields as they see those of a JSON body, by name and as JSON, so that a quirk can rename, drop or set
them. Files stay as they came, wherever they are kept. If a plain field comes twice, only the last is kept, so that the
provider sees what we saw.
"""

from typing import Any

import msgspec

from engine.errors import BadRequest
from engine.wire import body as json_body
from engine.wire import estimate
from engine.wire.content import Pieces
from engine.wire.envelope import Envelope
from engine.wire.json_edit import Fields
from engine.wire.multipart import Form, Part, content_type_of, write_parts

__all__ = ["Upload", "finish", "read_upload"]

LISTS = frozenset({"image"})
"""Fields that may occur more than once even without the brackets of `image[]`."""

BRACKETS = "[]"

TRUE = frozenset({"true", "1", "True"})
"""What OpenAI's SDKs and people with curl send; anything else, unless in `FALSE`, is refused rather than guessed at."""
FALSE = frozenset({"false", "0", "False", ""})

_ENCODER = msgspec.json.Encoder()
_VALUE = msgspec.json.Decoder()


class Upload(Envelope, frozen=True, kw_only=True):
    """A form as far as routing looks into it: `fields` are its plain fields, lists named without their brackets."""

    parts: tuple[Part, ...]
    """All parts of the form, each plain field once."""
    boundary: str
    response_format: str = ""

    @property
    def content_type(self) -> str:
        """The Content-Type header for what `finish` writes."""
        return content_type_of(self.boundary)


def read_upload(form: Form, *, default_model: str = "") -> Upload:
    """What routing looks at of *form*.

    Raises:
        BadRequest: it could not be read, or a field that routing needs is missing or of the wrong type; `param` names
            the field.
    """
    if form.fault is not None:
        raise form.fault
    parts = _without_doubles(form.parts)
    texts = {_name(part): part for part in parts if part.filename is None}
    fields = _fields(parts)
    known: dict[str, Any] = {name: _VALUE.decode(fields[name]) for name in ("model", "stream") if name in fields}
    low, likely, high = _tokens(parts)
    return Upload(
        fields=fields,
        model=json_body.model(known, default_model),
        stream=_flag(known),
        input_tokens_low=low,
        input_tokens=likely,
        input_tokens_high=high,
        has_images=any(_is_image(part) for part in parts),
        has_audio=any(part.filename is not None and not _is_image(part) for part in parts),
        user=_text(texts.get("user")),
        parts=parts,
        boundary=form.boundary,
        response_format=_text(texts.get("response_format")),
    )


def _name(part: Part) -> str:
    return part.name.removesuffix(BRACKETS)


def _is_list(part: Part) -> bool:
    return part.name.endswith(BRACKETS) or part.name in LISTS


def _without_doubles(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """*parts*, with only the last of those that share a name, unless they are a list.

    A name that is a list here but not there, or a file here and a field there, is refused: two readers would differ.
    """
    kinds: dict[str, set[tuple[bool, bool]]] = {}
    for part in parts:
        kinds.setdefault(_name(part), set()).add((_is_list(part), part.filename is None))
    for name, found in kinds.items():
        if len(found) > 1:
            raise BadRequest(f"{name} stands twice, in two forms", code="invalid_multipart", param=name)
    last = {part.name: at for at, part in enumerate(parts)}
    return tuple(part for at, part in enumerate(parts) if _is_list(part) or last[part.name] == at)


def _fields(parts: tuple[Part, ...]) -> Fields:
    """Plain fields as JSON: strings, since a form has even numbers as text, and lists of strings."""
    values: dict[str, Any] = {}
    for part in parts:
        if part.filename is not None:
            continue
        if _is_list(part):
            values.setdefault(_name(part), []).append(_text(part))
        else:
            values[part.name] = _text(part)
    return {name: msgspec.Raw(_ENCODER.encode(value)) for name, value in values.items()}


def _text(part: Part | None) -> str:
    if part is None:
        return ""
    assert isinstance(part.content, bytes), "a plain field is stored"
    try:
        return part.content.decode()
    except UnicodeDecodeError as exc:
        raise BadRequest(f"{part.name} is not UTF-8", code="invalid_utf8", param=part.name) from exc


def _flag(known: dict[str, Any]) -> bool:
    said = known.get("stream", "")
    if not isinstance(said, str) or said not in TRUE | FALSE:
        raise json_body.wrong("stream", "true or false")
    return said in TRUE


def _is_image(part: Part) -> bool:
    return part.filename is not None and (_name(part) in {"image", "mask"} or part.content_type.startswith("image/"))


def _tokens(parts: tuple[Part, ...]) -> estimate.Range:
    """The input tokens: fields count by size, pictures by number, sound by how long that many bytes of it last."""
    size = sum(len(part.content) for part in parts if part.filename is None)
    pictures = sum(_is_image(part) for part in parts)
    lasts = sum(_seconds(part) for part in parts if part.filename is not None and not _is_image(part))
    low, likely, high = estimate.estimate(size)
    per_picture, per_s = estimate.IMAGE_TOKENS, estimate.AUDIO_TOKENS_PER_S
    return (
        low + per_picture[0] * pictures + round(per_s[0] * lasts),
        likely + per_picture[1] * pictures + round(per_s[1] * lasts),
        high + per_picture[2] * pictures + round(per_s[2] * lasts),
    )


def _seconds(part: Part) -> float:
    is_wave = (part.filename or "").lower().endswith(".wav")
    rate = estimate.AUDIO_BYTES_PER_S["wav"] if is_wave else estimate.COMPRESSED_AUDIO_BYTES_PER_S
    return len(part.content) / rate


def finish(upload: Upload, fields: Fields, *, model: str) -> Pieces:
    """The form that goes to a provider: *fields*, its own name for the model, and the files.

    *fields* are the upload's after our rules have edited them; unchanged ones are written as they came. The form's
    Content-Type is `upload.content_type`.

    Raises:
        BadRequest: a value contains the form's delimiter.
    """
    sent = {**fields, "model": msgspec.Raw(_ENCODER.encode(model))}
    sent.pop(json_body.WISHES, None)
    parts: list[Part] = []
    written: set[str] = set()
    for part in upload.parts:
        name = _name(part)
        if part.filename is not None or _is_unchanged(name, sent, upload.fields):
            parts.append(part)
        elif name in sent and name not in written:
            parts += _rendered(name, sent[name])
        written.add(name)
    for name, value in sent.items():
        if name not in written:
            parts += _rendered(name, value)
    return write_parts(parts, upload.boundary)


def _is_unchanged(name: str, sent: Fields, fields: Fields) -> bool:
    return name in sent and bytes(sent[name]) == bytes(fields[name])


def _rendered(name: str, raw: msgspec.Raw) -> list[Part]:
    """The parts for a field: one for each entry of a list, none for null. What is no string is written as its JSON."""
    value = _VALUE.decode(raw)
    if value is None:
        return []
    if isinstance(value, list):
        return [Part(name=name + BRACKETS, content=_plain(each)) for each in value]
    return [Part(name=name, content=_plain(value))]


def _plain(value: object) -> bytes:
    return value.encode() if isinstance(value, str) else _ENCODER.encode(value)
