"""The content of a message: content parts ↔ hub parts, annotations ↔ citations.

Shapes: OpenAI's reference of `POST /responses`, 2026-11. `input_*` parts come from the caller, `output_text` and
`refusal` from the model.
"""

from typing import Any

import msgspec

from engine import hub
from engine.errors import BadRequest
from engine.wire.openai_responses import PROTOCOL

__all__ = [
    "NO_LOGPROBS",
    "foreign",
    "is_part",
    "read_annotation",
    "read_contents",
    "read_logprobs",
    "write_annotation",
    "write_input",
    "write_logprobs",
    "write_output",
]

PLAIN_CITATION = {"type", "url", "title", "start_index", "end_index"}
"""The fields of a `url_citation` that `hub.Citation` can hold; one with others is also kept raw. xAI sends only an
address."""

_NULL = msgspec.Raw(b"null")
NO_LOGPROBS = msgspec.Raw(b"[]")


class _Audio(msgspec.Struct):
    data: str
    format: str = ""


class _Part(msgspec.Struct):
    type: str
    text: str | None = None
    refusal: str | None = None
    annotations: list[msgspec.Raw] | None = None
    logprobs: msgspec.Raw = _NULL
    image_url: str | None = None
    detail: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    file_data: str | None = None
    filename: str | None = None
    input_audio: _Audio | None = None


class _Annotation(msgspec.Struct):
    type: str = ""
    url: str | None = None
    title: str | None = None
    filename: str | None = None
    start_index: int | None = None
    end_index: int | None = None


_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_PART = msgspec.json.Decoder(_Part)
_ANNOTATION = msgspec.json.Decoder(_Annotation)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STRING = msgspec.json.Decoder(str)


def read_contents(raw: msgspec.Raw) -> tuple[hub.Part, ...]:
    """The parts of *raw*: a string, or a list of content parts; null has none.

    Raises:
        msgspec.ValidationError: it is neither, or a part is not of its type's shape.
    """
    if bytes(raw)[:1] == b'"':
        text = _STRING.decode(raw)
        return (hub.Text(text=text),)
    if bytes(raw) == b"null":
        return ()
    return tuple(_part(each) for each in _RAWS.decode(raw))


def foreign(kind: str, raw: msgspec.Raw) -> hub.Foreign:
    """An item or part that only this protocol knows; its bytes are copied, lest they keep the whole body in memory."""
    return hub.Foreign(protocol=PROTOCOL, kind=kind, raw=msgspec.Raw(bytes(raw)))


def is_part(kind: str) -> bool:
    """Whether foreign content of this *kind* is part of a message, and not an item of its own."""
    return kind.startswith(("input_", "output_"))


def _part(raw: msgspec.Raw) -> hub.Part:
    part = _PART.decode(raw)
    match part.type:
        case "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text":
            return hub.Text(text=part.text or "", citations=tuple(map(read_annotation, part.annotations or ())))
        case "refusal":
            return hub.Refusal(text=part.refusal or "")
        case "input_image" if part.image_url or part.file_id:
            return _image(part)
        case "input_file" if part.file_url or part.file_data or part.file_id:
            return _file(part)
        case "input_audio" if part.input_audio:
            audio = part.input_audio
            return hub.Media(kind="audio", data=audio.data, media_type=f"audio/{audio.format}")
    return foreign(part.type, raw)


def _image(part: _Part) -> hub.Media:
    url, data, media_type = _located(part.image_url or "")
    file_id = "" if part.image_url else part.file_id or ""
    return hub.Media(kind="image", url=url, data=data, media_type=media_type, file_id=file_id, detail=part.detail or "")


def _file(part: _Part) -> hub.Media:
    url, data, media_type = _located(part.file_data or "")
    if part.file_data and not data:  # plain base64, not a data URL
        url, data = "", part.file_data
    url = "" if data else part.file_url or ""
    return hub.Media(
        kind="file",
        url=url,
        data=data,
        media_type=media_type,
        file_id="" if url or data else part.file_id or "",
        name=part.filename or "",
        detail=part.detail or "",
    )


def _located(url: str) -> tuple[str, str, str]:
    """URL, base64 data and media type: a data URL is taken apart, any other address is left as it is."""
    head, comma, data = url.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        return "", data, head[len("data:") : -len(";base64")]
    return url, "", ""


def read_annotation(raw: msgspec.Raw) -> hub.Citation:
    """The citation in an annotation, which is kept raw beside it if it says more. A span from 0 to 0 says nothing."""
    said = _ANNOTATION.decode(raw)
    whole = said.type == "url_citation" and _OBJECT.decode(raw).keys() <= PLAIN_CITATION and said.url
    spans = bool(said.end_index)
    return hub.Citation(
        url=said.url or "",
        title=said.title or said.filename or "",
        start=said.start_index if spans else None,
        end=said.end_index if spans else None,
        foreign=None if whole else foreign(said.type, raw),
    )


def write_annotation(citation: hub.Citation) -> Any:
    """The annotation for *citation*; None for one without an address, which this protocol cannot express."""
    if citation.foreign is not None and citation.foreign.protocol == PROTOCOL:
        return citation.foreign.raw
    if not citation.url:
        return None
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title,
        "start_index": citation.start or 0,
        "end_index": citation.end or 0,
    }


def read_logprobs(raw: msgspec.Raw) -> hub.Json | None:
    """The log-probabilities of the texts among the content parts in *raw*, as `hub.Choice` has them."""
    if bytes(raw)[:1] != b"[":
        return None
    told = [part.logprobs for part in map(_PART.decode, _RAWS.decode(raw)) if part.type == "output_text"]
    lists = [bytes(each).strip()[1:-1].strip() for each in told if bytes(each)[:1] == b"["]
    inner = b",".join(each for each in lists if each)
    return msgspec.Raw(b'{"content":[' + inner + b"]}") if inner else None


def write_logprobs(logprobs: hub.Json | None) -> msgspec.Raw:
    """The list that goes beside a text: `content` of what `hub.Choice` has."""
    try:
        content = _OBJECT.decode(logprobs).get("content", _NULL) if logprobs is not None else _NULL
    except msgspec.DecodeError:
        content = _NULL
    return content if bytes(content)[:1] == b"[" else NO_LOGPROBS


def write_output(part: hub.Text | hub.Refusal, logprobs: msgspec.Raw = NO_LOGPROBS) -> dict[str, Any]:
    """The content part of an answer."""
    if isinstance(part, hub.Refusal):
        return {"type": "refusal", "refusal": part.text}
    annotations = [each for each in map(write_annotation, part.citations) if each is not None]
    return {"type": "output_text", "text": part.text, "annotations": annotations, "logprobs": logprobs}


def write_input(part: hub.Part, param: str) -> Any:
    """The content part for what a caller or a tool says; *param* is where it is, for the error.

    Raises:
        BadRequest: it is sound, film, or something that only a model says.
    """
    match part:
        case hub.Text() | hub.Refusal():
            return {"type": "input_text", "text": part.text}
        case hub.Media(kind="image"):
            url = part.url or (_data_url(part, "image/png") if part.data else "")
            where = {"image_url": url} if url else {"file_id": part.file_id}
            return {"type": "input_image", **where, **({"detail": part.detail} if part.detail else {})}
        case hub.Media(kind="file"):
            return _write_file(part)
        case hub.Foreign(protocol=protocol) if protocol == PROTOCOL:
            return part.raw
    kind = part.kind if isinstance(part, hub.Media | hub.Foreign) else type(part).__name__
    raise BadRequest(
        f"{param}: content of kind '{kind}' cannot be said in OpenAI's Responses API; leave it out or choose a model "
        "that is served by another protocol",
        code="content_not_supported",
        param=param,
    )


def _write_file(part: hub.Media) -> dict[str, str]:
    said = {"type": "input_file"}
    if part.data:  # beside data a name is demanded; its ending says what the file is
        subtype = part.media_type.partition("/")[2].partition("+")[0]
        said["filename"] = part.name or (f"document.{subtype}" if subtype else "")
        said["file_data"] = _data_url(part, "") if part.media_type else part.data
    else:
        said |= {"filename": part.name}
        said |= {"file_url": part.url} if part.url else {"file_id": part.file_id}
    said |= {"detail": part.detail}
    return {name: value for name, value in said.items() if value}


def _data_url(part: hub.Media, usual: str) -> str:
    return f"data:{part.media_type or usual};base64,{part.data}"
