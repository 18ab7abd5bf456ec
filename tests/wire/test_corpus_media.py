"""Recorded traffic of the smaller surfaces, where it lies beside the repository: everything is read as it was said."""

import base64
import json
import lzma
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.values import Usage
from engine.wire.audio import envelope as audio_envelope
from engine.wire.audio import mistral as mistral_audio
from engine.wire.audio import speech
from engine.wire.audio.stream import TranscriptStream
from engine.wire.audio.transcript import decode_reply as decode_transcript
from engine.wire.body import read_fields
from engine.wire.content import Content
from engine.wire.embeddings import cohere, gemini, ollama, openai, vector, vertex
from engine.wire.embeddings import envelope as embeddings_envelope
from engine.wire.embeddings.values import EmbedReply
from engine.wire.images import envelope as images_envelope
from engine.wire.images import openai as images
from engine.wire.moderations import envelope as moderations_envelope
from engine.wire.moderations import openai as moderations
from engine.wire.multipart import read_parts
from engine.wire.rerank import cohere as cohere_rerank
from engine.wire.rerank import envelope as rerank_envelope
from engine.wire.rerank import voyage as voyage_rerank
from engine.wire.upload import Upload
from tests.forms import whole

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"

pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason=f"no recorded traffic at {CORPUS}")

OF_ANOTHER_SURFACE = {
    "openai-4a5f0469c93c": "an organisation's usage of moderations, asked with GET",
    "openai-f3ae80abd0bc": "an organisation's usage of embeddings, asked with GET",
    "xai-a71e442a1682": "a chat with a picture in its question",
}


def records(*names: str) -> list[dict[str, Any]]:
    return [record for name in names for record in _records(CORPUS / f"{name}.jsonl.xz")]


def _records(file: Path) -> Iterator[dict[str, Any]]:
    if not file.exists():
        return
    with lzma.open(file, "rt", encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            if record["id"] not in OF_ANOTHER_SURFACE:
                yield record


def answered(*names: str) -> pytest.MarkDecorator:
    found = [record for record in records(*names) if record["status"] == 200]
    return pytest.mark.parametrize("record", found, ids=lambda record: str(record["id"]))


def asked(record: dict[str, Any]) -> bytes | None:
    """The request's JSON; None where it was not kept."""
    body = record.get("request_body")
    return json.dumps(body).encode() if isinstance(body, dict) else None


def form(record: dict[str, Any]) -> tuple[bytes, str] | None:
    """The request's form; None where it was not kept."""
    body = record.get("request_body")
    if not isinstance(body, str) or not body.startswith("base64:"):
        return None
    return base64.b64decode(body.removeprefix("base64:")), record["request_headers"]["content-type"]


EMBEDDERS: dict[str, Callable[[bytes], EmbedReply]] = {
    "cohere": cohere.decode_reply,
    "gemini": gemini.decode_reply,
    "vertex": vertex.decode_reply,
    "ollama": ollama.decode_reply,
}


def told_vectors(whole: dict[str, Any]) -> list[Any]:
    """The vectors of an answer of any protocol, read without the decoders under test."""
    if "data" in whole:
        return [each["embedding"] for each in whole["data"]]
    if "predictions" in whole:
        return [each["embeddings"]["values"] for each in whole["predictions"]]
    if "embedding" in whole:
        one = whole["embedding"]
        return [one["values"] if isinstance(one, dict) else one]
    many = whole["embeddings"]
    many = many["float"] if isinstance(many, dict) else many
    return [each["values"] if isinstance(each, dict) else each for each in many]


def told_tokens(whole: dict[str, Any]) -> int | None:
    if "predictions" in whole:
        return sum(int(each["embeddings"]["statistics"]["token_count"]) for each in whole["predictions"])
    usage = whole.get("usage") or whole.get("usageMetadata") or (whole.get("meta") or {}).get("billed_units") or whole
    names = ("prompt_tokens", "total_tokens", "promptTokenCount", "input_tokens", "prompt_eval_count")
    return next((usage[name] for name in names if name in usage), None)


def shown(reply: EmbedReply) -> list[Any]:
    return [msgspec.json.decode(each) for each in reply.vectors]


@answered(
    *(f"{provider}/embeddings" for provider in ("openai", "azure", "mistral", "voyage", "openrouter", "ollama")),
    *(f"{provider}/embeddings" for provider in ("cohere", "gemini", "vertex", "local-openai-compat")),
    "vertex/images",  # where the recordings of `predict` are filed
)
def test_recorded_embeddings_are_read(record: dict[str, Any]) -> None:
    """Vectors and tokens of every recorded answer are what its bytes say, and a caller gets them in either spelling."""
    body = record["response_body"].encode()
    whole = json.loads(body)
    reply = EMBEDDERS.get(record["provider"], openai.decode_reply)(body)
    assert shown(reply) == told_vectors(whole)
    tokens = told_tokens(whole)
    assert (reply.usage.total_input if reply.usage else None) == tokens
    numbers = openai.decode_reply(openai.encode_reply(reply, as_base64=False))
    packed = openai.decode_reply(openai.encode_reply(reply, as_base64=True))
    assert all(vector.is_base64(each) for each in packed.vectors)
    for ours, again in zip(shown(numbers), packed.vectors, strict=True):
        back = msgspec.json.decode(vector.as_floats(again))
        assert all(math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-30) for a, b in zip(ours, back, strict=True))


@answered("openai/embeddings", "azure/embeddings", "mistral/embeddings", "voyage/embeddings", "openrouter/embeddings")
def test_recorded_embedding_requests_survive(record: dict[str, Any]) -> None:
    """Every recorded request is read, and read again after it was written means the same."""
    body = asked(record)
    if body is None:
        return
    request = openai.decode_request(embeddings_envelope.read_envelope(body).fields)
    encoded = openai.encode_request(request)
    assert encoded.dropped == ()
    assert openai.decode_request(read_fields(openai.finish(encoded.fields, model=request.model))) == request


def test_recorded_wide_vectors_are_told_apart() -> None:
    """A server that packs 64-bit floats is recognised by them: its vectors have the length that the model's have."""
    for record in records("local-openai-compat/embeddings"):
        reply, sent = openai.relay(record["response_body"].encode(), as_base64=False)
        assert len(reply.vectors) == 1
        numbers = json.loads(sent)["data"][0]["embedding"]
        assert len(numbers) == 4096
        assert math.hypot(*numbers) == pytest.approx(1, abs=0.01)


@answered("cohere/rerank", "voyage/rerank")
def test_recorded_rankings_are_read(record: dict[str, Any]) -> None:
    """Places, scores and what is paid of every recorded ranking are what its bytes say."""
    whole = json.loads(record["response_body"])
    decode = voyage_rerank.decode_reply if record["provider"] == "voyage" else cohere_rerank.decode_reply
    reply = decode(record["response_body"].encode())
    said = whole.get("results") or whole["data"]
    assert [(each.index, each.score) for each in reply.results] == [(e["index"], e["relevance_score"]) for e in said]
    if record["provider"] == "voyage":
        assert reply.usage == Usage(input=whole["usage"]["total_tokens"])
    else:
        assert reply.measures.search_units == whole["meta"]["billed_units"]["search_units"]
    assert cohere_rerank.decode_reply(cohere_rerank.encode_reply(reply)) == reply


@answered("cohere/rerank")
def test_recorded_rerank_requests_survive(record: dict[str, Any]) -> None:
    """Every recorded request is read, written as it was, and understood by Voyage's encoder."""
    body = asked(record)
    assert body is not None
    request = cohere_rerank.decode_request(rerank_envelope.read_envelope(body).fields)
    encoded = cohere_rerank.encode_request(request)
    sent = cohere_rerank.finish(encoded.fields, model=request.model)
    assert json.loads(sent) == json.loads(body)
    assert voyage_rerank.encode_request(request).fields["query"] == encoded.fields["query"]


@answered("openai/moderations")
def test_recorded_moderations_are_read(record: dict[str, Any]) -> None:
    """Verdicts of every recorded moderation are what its bytes say, and every request is read."""
    whole = json.loads(record["response_body"])
    reply = moderations.decode_reply(record["response_body"].encode())
    assert reply.flagged == tuple(each["flagged"] for each in whole["results"])
    assert (reply.id, reply.model, reply.usage) == (whole["id"], whole["model"], None)
    body = asked(record)
    if body is not None:
        assert moderations_envelope.read_envelope(body).has_images == (b"image_url" in body)


@answered("openai/images", "openai/images_edit", "xai/images", "xai/images_edit")
def test_recorded_pictures_are_read(record: dict[str, Any]) -> None:
    """Number, place and words of every recorded picture are what its bytes say, whole and after being written again."""
    whole = json.loads(record["response_body"])
    reply = images.decode_reply(record["response_body"].encode())
    assert reply.measures.images == len(whole["data"])
    assert [image.url for image in reply.images] == [each.get("url", "") for each in whole["data"]]
    assert [image.base64 is not None for image in reply.images] == ["b64_json" in each for each in whole["data"]]
    assert reply.usage is None
    assert images.decode_reply(images.encode_reply(reply, created=0)) == msgspec.structs.replace(
        reply, created=whole.get("created", 0)
    )


@answered("openai/images", "openai/images_edit", "xai/images_edit")
def test_recorded_picture_requests_are_read(record: dict[str, Any]) -> None:
    """Every recorded request for pictures is read, JSON or form, and goes on with its contents untouched."""
    surface: images_envelope.Surface = "edits" if "edits" in record["url"] else "generations"
    if "variations" in record["url"]:
        surface = "variations"
    body, sent = asked(record), form(record)
    if body is not None:
        envelope = images_envelope.read_envelope(body, surface=surface)
        assert envelope.model == json.loads(body).get("model", images_envelope.DEFAULT_MODELS[surface])
    elif sent is not None:
        upload = images_envelope.read_envelope(*sent, surface=surface)
        assert isinstance(upload, Upload)
        assert upload.has_images
        rewritten = images_envelope.finish_form(upload, upload.fields, model="up-1")
        assert contents(whole(rewritten), upload.content_type) == {**contents(*sent), "model": b"up-1"}


def contents(body: bytes, content_type: str) -> dict[str, Content]:
    return {part.name: part.content for part in read_parts(body, content_type).parts}


@answered("openai/audio_transcription", "openai/audio_translation", "mistral/audio_transcription")
def test_recorded_transcripts_are_read(record: dict[str, Any]) -> None:
    """Text, length and tokens of every recorded transcript are what its bytes say, whole or streamed."""
    if "sse_text" in record:
        stream = TranscriptStream()
        out = stream.feed(record["sse_text"].encode()) + stream.close()
        assert out.decode() == record["sse_text"].replace("\r\n", "\n")
        assert stream.usage == Usage(audio_input=37, output=145)
        return
    whole = json.loads(record["response_body"])
    reply = decode_transcript(record["response_body"].encode(), record["response_headers"]["content-type"])
    usage = whole.get("usage") or {}
    assert reply.text == whole["text"]
    lasts_s = whole.get("duration", usage.get("seconds", usage.get("prompt_audio_seconds")))
    assert reply.measures.audio_ms == (None if lasts_s is None else round(lasts_s * 1000))
    if "total_tokens" in usage:
        assert reply.usage is not None
        assert reply.usage.total_input + reply.usage.total_output == usage["total_tokens"]
    else:
        assert reply.usage is None


@answered("openai/audio_transcription", "openai/audio_translation")
def test_recorded_sounds_go_on_untouched(record: dict[str, Any]) -> None:
    """A recorded upload is read and goes on with another model's name and the same sound."""
    sent = form(record)
    if sent is None:
        return
    upload = audio_envelope.read_envelope(*sent)
    assert upload.model == "whisper-1" or upload.model.endswith("transcribe")
    rewritten = audio_envelope.finish(upload, upload.fields, model="up-1")
    assert contents(whole(rewritten), upload.content_type) == {**contents(*sent), "model": b"up-1"}


@answered("openrouter/audio_transcription")
def test_recorded_transcripts_elsewhere(record: dict[str, Any]) -> None:
    """OpenRouter's usage has OpenAI's words without saying of which kind it is."""
    reply = decode_transcript(record["response_body"].encode(), "application/json")
    assert reply.usage == Usage(input=37, output=12)


@answered("openai/audio_speech", "openrouter/audio_speech", "mistral/audio_speech")
def test_recorded_speech_is_read(record: dict[str, Any]) -> None:
    """Characters of every recorded request are counted, and the answer is sound, Mistral's after unpacking."""
    body = asked(record)
    assert body is not None
    envelope = speech.read_envelope(body)
    assert envelope.measures.characters == len(json.loads(body)["input"])
    request = speech.decode_request(envelope.fields)
    assert json.loads(speech.finish(speech.encode_request(request).fields, model=request.model)) == json.loads(body)
    if record["provider"] == "mistral":
        assert mistral_audio.decode_speech(record["response_body"].encode()).startswith(b"ID3")
