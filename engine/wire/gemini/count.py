"""`countTokens`: how large a request would be, asked without sending it.

Source: https://ai.google.dev/api/tokens, read 2026-11. Vertex has the request's fields at the top instead of in
`generateContentRequest`: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/count-tokens.
"""

import msgspec

from engine.wire.body import depth_checked, read_fields, wrong
from engine.wire.envelope import Envelope
from engine.wire.gemini.chunk import NOT_GIVEN, is_given
from engine.wire.gemini.envelope import envelope_of
from engine.wire.gemini.spelling import camel
from engine.wire.json_edit import Fields
from engine.wire.json_read import decoded

__all__ = ["encode_count", "finish_count", "read_count", "read_count_reply"]

INNER = "generateContentRequest"


class _Count(msgspec.Struct, rename="camel"):
    total_tokens: int


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_COUNT = msgspec.json.Decoder(_Count)
_ENCODER = msgspec.json.Encoder()


@depth_checked
def read_count(body: bytes, *, model: str) -> Envelope:
    """The request to count; its `fields` are those of `generateContent`.

    Raises:
        BadRequest: as `envelope.read_envelope`, or `generateContentRequest` is no object.
    """
    fields = {camel(name): raw for name, raw in read_fields(body).items()}
    inner = fields.get(INNER, NOT_GIVEN)
    if is_given(inner):
        try:
            fields = _FIELDS.decode(inner)
        except msgspec.DecodeError as exc:
            raise wrong(INNER, "an object") from exc
    return envelope_of(fields, len(body), model=model, stream=False)


def finish_count(fields: Fields, *, model: str, flat: bool = False) -> bytes:
    """The body that asks a provider to count *fields*; *model* is its name for the model, *flat* is Vertex's shape."""
    said = {name: raw for name, raw in fields.items() if name != "model"}
    if flat or said.keys() == {"contents"}:
        return _ENCODER.encode(said)
    return _ENCODER.encode({INNER: {"model": f"models/{model.removeprefix('models/')}", **said}})


def read_count_reply(body: bytes) -> int:
    """The tokens that a provider counted.

    Raises:
        UpstreamMalformed: *body* has no count.
    """
    return decoded(_COUNT, body, "not a count of tokens").total_tokens


def encode_count(tokens: int) -> bytes:
    """The answer that says *tokens*."""
    return _ENCODER.encode({"totalTokens": tokens})
