"""OpenAI's embeddings, which most providers speak: requests and answers, in both directions.

Source: platform.openai.com/docs/api-reference/embeddings, and OpenAI's OpenAPI document, read 2026-11.
"""

from typing import Any

import msgspec

from engine.errors import BadRequest, UpstreamMalformed
from engine.hub import Json
from engine.values import Usage
from engine.wire.body import WISHES, finish, raw_fields, shaped
from engine.wire.embeddings.values import EmbedReply, EmbedRequest, Input, InputType
from engine.wire.embeddings.vector import as_base64 as to_base64
from engine.wire.embeddings.vector import as_floats, is_base64
from engine.wire.envelope import Encoded
from engine.wire.json_edit import Fields
from engine.wire.json_read import decoded
from engine.wire.measures import count, object_in

__all__ = ["decode_reply", "decode_request", "encode_reply", "encode_request", "finish", "read_usage", "relay"]

INPUT_TYPES = {
    "query": InputType.QUERY,
    "search_query": InputType.QUERY,
    "retrieval_query": InputType.QUERY,
    "document": InputType.DOCUMENT,
    "passage": InputType.DOCUMENT,
    "search_document": InputType.DOCUMENT,
    "retrieval_document": InputType.DOCUMENT,
    "classification": InputType.CLASSIFICATION,
    "clustering": InputType.CLUSTERING,
    "similarity": InputType.SIMILARITY,
    "semantic_similarity": InputType.SIMILARITY,
}
"""Words of `input_type`, in lower case. OpenAI has no such field; callers send it in the words of the provider that
they have in mind: Voyage, Cohere, Gemini, NVIDIA. A word that is not listed stays among the extra fields."""

_READ = ("model", "input", "dimensions", "encoding_format", "user")


class _Request(msgspec.Struct):
    input: str | list[str | int | list[int] | dict[str, Json]]
    model: str = ""
    dimensions: int | None = None
    encoding_format: str | None = None
    user: str | None = None


class _Vector(msgspec.Struct):
    embedding: Json
    index: int | None = None


class _Reply(msgspec.Struct):
    data: list[_Vector]
    model: Any = None
    usage: Any = None


_REQUEST = msgspec.json.Decoder(_Request)
_WORD = msgspec.json.Decoder(str)
_REPLY = msgspec.json.Decoder(_Reply)
_RAW_REPLY = msgspec.json.Decoder(dict[str, Json])
_RAW_VECTORS = msgspec.json.Decoder(list[dict[str, Json]])
_ENCODER = msgspec.json.Encoder()


def decode_request(fields: Fields) -> EmbedRequest:
    """The request that *fields* make.

    Raises:
        BadRequest: they are not of the protocol's shape, or an input is neither text nor tokens.
    """
    said = shaped(fields, _READ, _REQUEST)
    input_type = _input_type(fields)
    extra = {
        name: value
        for name, value in fields.items()
        if name not in _READ and name != WISHES and not (name == "input_type" and input_type)
    }
    return EmbedRequest(
        model=said.model,
        inputs=_inputs(said.input),
        dimensions=said.dimensions,
        input_type=input_type,
        as_base64=None if said.encoding_format is None else said.encoding_format == "base64",
        user=said.user or "",
        extra=extra,
    )


def _inputs(given: str | list[Any]) -> tuple[Input, ...]:
    """One input, or several; a list of numbers is the tokens of one."""
    if isinstance(given, str):
        return (given,)
    if not given:
        raise BadRequest("input must not be empty", code="invalid_value", param="input")
    if any(isinstance(entry, dict) for entry in given):
        raise BadRequest("input: only text can be embedded here", code="content_not_supported", param="input")
    if all(isinstance(entry, int) for entry in given):
        return (tuple(given),)
    if any(isinstance(entry, int) for entry in given):
        raise BadRequest("input mixes tokens with texts", code="invalid_type", param="input")
    return tuple(entry if isinstance(entry, str) else tuple(entry) for entry in given)


def _input_type(fields: Fields) -> InputType | None:
    if "input_type" not in fields:
        return None
    try:
        return INPUT_TYPES.get(_WORD.decode(fields["input_type"]).lower())
    except msgspec.DecodeError:
        return None


def encode_request(request: EmbedRequest) -> Encoded:
    """*request* as OpenAI has it; nothing is dropped."""
    written: dict[str, Any] = {"input": request.inputs}
    if request.dimensions is not None:
        written["dimensions"] = request.dimensions
    if request.as_base64 is not None:
        written["encoding_format"] = "base64" if request.as_base64 else "float"
    if request.input_type is not None:
        written["input_type"] = request.input_type
    if request.user:
        written["user"] = request.user
    return Encoded({**raw_fields(written), **request.extra}, ())


def decode_reply(body: bytes) -> EmbedReply:
    """The answer in *body*. The vectors are in the order of their `index`.

    Raises:
        UpstreamMalformed: it holds no list of embeddings.
    """
    return _reply(_decoded(body))


def _decoded(body: bytes) -> _Reply:
    return decoded(_REPLY, body, "not a list of embeddings")


def _reply(said: _Reply) -> EmbedReply:
    vectors, indexes = said.data, [vector.index for vector in said.data]
    if sorted(index for index in indexes if index is not None) == list(range(len(indexes))):
        vectors = sorted(vectors, key=lambda vector: vector.index or 0)
    return EmbedReply(
        model=said.model if isinstance(said.model, str) else "",
        vectors=tuple(vector.embedding.copy() for vector in vectors),
        usage=read_usage(said.usage),
    )


def read_usage(reported: object) -> Usage | None:
    """The usage that was reported; None where none was. Voyage reports only `total_tokens`."""
    if not isinstance(reported, dict):
        return None
    said = next((name for name in ("prompt_tokens", "total_tokens") if reported.get(name) is not None), None)
    if said is None:
        return None
    whole = count(reported[said])
    image = min(count(object_in(reported, "prompt_tokens_details").get("image_tokens")), whole)
    return Usage(input=whole - image, image_input=image)


def encode_reply(reply: EmbedReply, *, as_base64: bool) -> bytes:
    """*reply* as OpenAI writes it, with its vectors in the spelling that the caller asked for.

    OpenAI always names the model and counts tokens; whoever knows either better than *reply* puts it there beforehand.

    Raises:
        UpstreamMalformed: something in place of a vector is none.
    """
    spelled = to_base64 if as_base64 else as_floats
    tokens = reply.usage.total_input if reply.usage else 0
    return _ENCODER.encode(
        {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": spelled(vector)}
                for index, vector in enumerate(reply.vectors)
            ],
            "model": reply.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def relay(body: bytes, *, as_base64: bool) -> tuple[EmbedReply, bytes]:
    """A provider's answer as read, and its body for the caller: unchanged, unless the caller's SDK could not read it.

    Some providers ignore `encoding_format`, and Voyage leaves out `prompt_tokens`.

    Raises:
        UpstreamMalformed: it holds no list of embeddings.
    """
    said = _decoded(body)
    reply = _reply(said)
    is_spelled = all(is_base64(vector) == as_base64 for vector in reply.vectors)
    is_counted = not isinstance(said.usage, dict) or said.usage.get("prompt_tokens") is not None
    if is_spelled and is_counted:
        return reply, body
    try:
        whole = _RAW_REPLY.decode(body)
        found = _RAW_VECTORS.decode(whole["data"])
    except UnicodeDecodeError as exc:  # in a key that nothing has read so far
        raise UpstreamMalformed(f"not a list of embeddings: {exc}", received=True) from exc
    changed: dict[str, Any] = {}
    if not is_spelled:
        spelled = to_base64 if as_base64 else as_floats
        changed["data"] = [{**vector, "embedding": spelled(vector["embedding"])} for vector in found]
    if not is_counted and reply.usage is not None:
        changed["usage"] = {"prompt_tokens": reply.usage.total_input, **said.usage}
    return reply, _ENCODER.encode({**whole, **changed})
