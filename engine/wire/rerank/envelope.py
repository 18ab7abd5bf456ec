"""A caller's request for reranking, in Cohere's protocol, as far as routing looks into it."""

from typing import Any

import msgspec

from engine.errors import BadRequest
from engine.wire import body, estimate
from engine.wire.body import finish
from engine.wire.envelope import Envelope
from engine.wire.json_edit import Fields

__all__ = ["finish", "read_envelope"]

UNREAD = frozenset({"documents"})

_DOCUMENTS = msgspec.json.Decoder(list[str | dict[str, msgspec.Raw]])


@body.depth_checked
def read_envelope(request: bytes) -> Envelope:
    """The request in *request*.

    Raises:
        BadRequest: not UTF-8, not JSON (NaN, lone surrogates, too deep), not an object, a field that routing needs is
            missing or of the wrong type, a number is too large. `param` names the field.
    """
    fields = body.read_fields(request)
    known = body.read_small(fields, unread=UNREAD)
    _check(fields, known)
    low, likely, high = estimate.estimate(len(request))
    return Envelope(
        fields=fields,
        model=body.model(known),
        input_tokens_low=low,
        input_tokens=likely,
        input_tokens_high=high,
        metadata=body.metadata(known),
        wishes=body.wishes(known),
    )


def _check(fields: Fields, known: dict[str, Any]) -> None:
    for name in ("query", "documents"):
        if name not in fields:
            raise body.missing(name)
    if not isinstance(known["query"], str):
        raise body.wrong("query", "text")
    try:
        documents = _DOCUMENTS.decode(fields["documents"])
    except msgspec.DecodeError as exc:
        raise body.malformed("documents", exc) from exc
    if not documents:
        raise BadRequest("documents must not be empty", code="invalid_value", param="documents")
