"""Embeddings at Vertex: Gemini's models by `batchEmbedContents`, the older text models by `predict`.

The model's name decides which, as in Google's own SDK. `batchEmbedContents` is Gemini's, with the model only in the
path; `predict` has an instance for each text, 250 at most, and settings that hold for all.

Source: aiplatform.googleapis.com, v1, "BatchEmbedContentsRequest" and "EmbedContentRequest", as
https://pub.dev/documentation/googleapis has them of Google's discovery document; "Get text embeddings",
https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/embeddings/get-text-embeddings; and google-genai
3.6.1 (Apache-2.0), `Models.embed_content`; read 2026-11.
"""

from typing import Any

import msgspec

from engine.errors import UpstreamMalformed
from engine.hub import Json
from engine.values import Usage
from engine.wire.body import finish_as_is as finish
from engine.wire.body import raw_fields
from engine.wire.embeddings import gemini
from engine.wire.embeddings.values import EmbedReply, EmbedRequest
from engine.wire.embeddings.words import dropped_of, only_texts
from engine.wire.envelope import Encoded
from engine.wire.json_read import decoded
from engine.wire.measures import count

__all__ = ["decode_reply", "encode_request", "finish", "takes_contents"]


class _Statistics(msgspec.Struct, gc=False):
    token_count: Any = None


class _Embedding(msgspec.Struct):
    values: Json
    statistics: _Statistics | None = None


class _Prediction(msgspec.Struct):
    embeddings: _Embedding


class _Reply(msgspec.Struct):
    predictions: list[_Prediction] | None = None


_REPLY = msgspec.json.Decoder(_Reply)


def takes_contents(model: str) -> bool:
    """Whether *model* is asked by `batchEmbedContents`."""
    return "gemini" in model


def encode_request(request: EmbedRequest) -> Encoded:
    """*request* as its model takes it. `predict` is told to refuse texts that are too long, and not to cut them.

    Raises:
        BadRequest: `content_not_supported`, an input is tokens.
    """
    if takes_contents(request.model):
        return gemini.encode_request(request)
    kind = {} if request.input_type is None else {"task_type": gemini.TASK_TYPES[request.input_type]}
    instances = [{"content": text, **kind} for text in only_texts(request, "Vertex")]
    parameters: dict[str, Any] = {"autoTruncate": False}
    if request.dimensions is not None:
        parameters["outputDimensionality"] = request.dimensions
    written = raw_fields({"instances": instances, "parameters": parameters})
    return Encoded(written, dropped_of(request, gemini.DROPPED))


def decode_reply(body: bytes) -> EmbedReply:
    """The answer in *body*, from either of the two.

    Raises:
        UpstreamMalformed: it holds no embeddings.
    """
    predictions = decoded(_REPLY, body, "not Vertex's embeddings").predictions
    if predictions is None:
        return gemini.decode_reply(body)
    found = [prediction.embeddings for prediction in predictions]
    if not found:
        raise UpstreamMalformed("an answer without embeddings", received=True)
    return EmbedReply(vectors=tuple(each.values.copy() for each in found), usage=_usage(found))


def _usage(found: list[_Embedding]) -> Usage | None:
    """The tokens of all texts; None where those of one are not reported."""
    counted = [each.statistics.token_count for each in found if each.statistics is not None]
    if len(counted) < len(found) or None in counted:
        return None
    return Usage(input=sum(count(tokens) for tokens in counted))
