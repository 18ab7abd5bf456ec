"""The smaller surfaces: embeddings, reranking, moderations, pictures and sound.

Embeddings, reranking and the making of pictures are translated where a provider has its own words for them; the others
pass as they are, to providers that offer them.
"""

from collections.abc import Callable
from typing import Any, Final

from engine.values import NO_MEASURES, Headers, Outcome, Surface, Usage
from engine.wire import upload
from engine.wire.audio import envelope as sound_envelope
from engine.wire.audio import mistral as mistral_audio
from engine.wire.audio import speech, transcript
from engine.wire.audio.stream import SpeechStream, TranscriptStream
from engine.wire.audio.values import SpeechEnvelope
from engine.wire.bedrock import error as bedrock_error
from engine.wire.codecs.shapes import Answered, Answerer, CallerCodec, ProviderCodec, content_type
from engine.wire.cohere import error as cohere_error
from engine.wire.dialect import Dialect
from engine.wire.embeddings import bedrock as bedrock_embeddings
from engine.wire.embeddings import cohere as cohere_embeddings
from engine.wire.embeddings import envelope as embeddings_envelope
from engine.wire.embeddings import gemini as gemini_embeddings
from engine.wire.embeddings import ollama as ollama_embeddings
from engine.wire.embeddings import openai as openai_embeddings
from engine.wire.embeddings import vertex as vertex_embeddings
from engine.wire.embeddings.values import EmbedReply
from engine.wire.envelope import Envelope, estimated
from engine.wire.gemini import error as gemini_error
from engine.wire.images import envelope as images_envelope
from engine.wire.images import gemini as gemini_images
from engine.wire.images import openai as openai_images
from engine.wire.images.stream import ImageStream
from engine.wire.images.values import ImageReply
from engine.wire.moderations import envelope as moderations_envelope
from engine.wire.moderations import openai as openai_moderations
from engine.wire.ollama import error as ollama_error
from engine.wire.openai_chat import error as openai_error
from engine.wire.raw_stream import RawStream
from engine.wire.rerank import cohere as cohere_rerank
from engine.wire.rerank import envelope as rerank_envelope
from engine.wire.rerank import voyage as voyage_rerank
from engine.wire.rerank.values import RerankReply
from engine.wire.stream import AnswerStream

__all__ = ["CALLERS", "spoken"]


def _caller(read: Callable[[bytes, str], Envelope], **more: Any) -> CallerCodec:
    """One of OpenAI's surfaces; *read* is given body and Content-Type."""
    return CallerCodec(
        read=lambda body, beside: read(body, beside.content_type),
        error_body=openai_error.error_body,
        error_event=openai_error.error_event,
        **more,
    )


def _picture_forms(surface: images_envelope.Surface) -> CallerCodec:
    """One of OpenAI's surfaces whose requests come with pictures in a form."""
    return _caller(
        lambda body, kind: images_envelope.read_envelope(body, kind, surface=surface),
        read_form=lambda form: images_envelope.read_form(form, surface=surface),
    )


CALLERS: Final = {
    Surface.EMBEDDINGS: _caller(
        lambda body, _type: embeddings_envelope.read_envelope(body),
        decode_request=openai_embeddings.decode_request,
        encode_reply=lambda reply, asked, _now: openai_embeddings.encode_reply(
            reply, as_base64=embeddings_envelope.wants_base64(asked.fields)
        ),
    ),
    Surface.RERANK: _caller(
        lambda body, _type: rerank_envelope.read_envelope(body),
        decode_request=cohere_rerank.decode_request,
        encode_reply=lambda reply, _asked, _now: cohere_rerank.encode_reply(reply),
    ),
    Surface.MODERATIONS: _caller(lambda body, _type: moderations_envelope.read_envelope(body)),
    Surface.IMAGES: _caller(
        images_envelope.read_envelope,
        decode_request=openai_images.decode_request,
        encode_reply=lambda reply, _asked, now: openai_images.encode_reply(reply, created=now),
    ),
    Surface.IMAGE_EDITS: _picture_forms("edits"),
    Surface.IMAGE_VARIATIONS: _picture_forms("variations"),
    Surface.TRANSCRIPTIONS: _caller(sound_envelope.read_envelope, read_form=sound_envelope.read_form),
    Surface.TRANSLATIONS: _caller(sound_envelope.read_envelope, read_form=sound_envelope.read_form),
    Surface.SPEECH: _caller(lambda body, _type: speech.read_envelope(body)),
}


def _embeddings(body: bytes, asked: Envelope, _headers: Headers) -> Answered:
    as_base64 = embeddings_envelope.wants_base64(asked.fields)
    reply, passed = openai_embeddings.relay(body, as_base64=as_base64)
    return Answered(passed, usage=reply.usage or estimated(asked, 0))


def _unpacked(body: bytes, asked: Envelope, _headers: Headers) -> Answered:
    """Speech, taken out of the JSON that it came in."""
    assert isinstance(asked, SpeechEnvelope)
    sound = mistral_audio.decode_speech(body)
    return Answered(sound, content_type=speech.media_type(asked), usage=Usage(), measures=asked.measures)


def _reranked(body: bytes, _asked: Envelope, _headers: Headers) -> Answered:
    reply = cohere_rerank.decode_reply(body)
    return Answered(body, usage=reply.usage or Usage(), measures=reply.measures)


def _moderated(body: bytes, _asked: Envelope, _headers: Headers) -> Answered:
    openai_moderations.decode_reply(body)
    return Answered(body, usage=Usage())


def _pictured(body: bytes, _asked: Envelope, _headers: Headers) -> Answered:
    reply = openai_images.decode_reply(body)
    return Answered(body, usage=reply.usage or Usage(), measures=reply.measures)


def _transcribed(body: bytes, _asked: Envelope, headers: Headers) -> Answered:
    kind = content_type(headers)
    reply = transcript.decode_reply(body, kind)
    return Answered(body, content_type=kind, usage=reply.usage or Usage(), measures=reply.measures)


def _speech(asked: Envelope) -> AnswerStream:
    measures = asked.measures if isinstance(asked, SpeechEnvelope) else NO_MEASURES
    return SpeechStream(measures) if asked.stream else RawStream(measures)


def _summary(reply: EmbedReply | RerankReply | ImageReply) -> tuple[str | None, Usage | None]:
    return None, reply.usage


def _unless_failed(answer: Answerer) -> Answerer:
    """*answer*, unless the body reports a failure in OpenAI's words: then that."""

    def answered(body: bytes, asked: Envelope, headers: Headers) -> Answered | Outcome:
        return openai_error.read_reply_error(body) or answer(body, asked, headers)

    return answered


def _passing(path: str, answer: Answerer | None, **more: Any) -> ProviderCodec:
    """How a provider that looks like OpenAI is asked on a surface that passes as it is."""
    return ProviderCodec(
        path=path,
        finish=embeddings_envelope.finish,
        finish_form=lambda form, fields, model: upload.finish(form, fields, model=model),
        answer=_unless_failed(answer) if answer else None,
        read_error=openai_error.read_error,
        **more,
    )


def _embedder(path: str, protocol: Any, error: Any, **more: Any) -> ProviderCodec:
    """Embeddings in a provider's own words; *protocol* and *error* are its modules."""
    return ProviderCodec(
        path=path,
        encode_request=lambda request, _most, _dialect: protocol.encode_request(request),
        finish=getattr(protocol, "finish", embeddings_envelope.finish),
        decode_reply=protocol.decode_reply,
        summary=_summary,
        read_error=error.read_error,
        **more,
    )


def _painter(path: str, *, has_formats: bool) -> ProviderCodec:
    """Pictures by Gemini's models."""
    return ProviderCodec(
        path=path,
        encode_request=lambda request, _most, _dialect: gemini_images.encode_request(request, has_formats=has_formats),
        finish=gemini_images.finish,
        decode_reply=gemini_images.decode_reply,
        summary=_summary,
        read_error=gemini_error.read_error,
        read_reply_error=gemini_images.read_reply_error,
    )


_OPENAI: Final = {
    Surface.EMBEDDINGS: _passing("/embeddings", _embeddings),
    Surface.RERANK: _passing("/rerank", _reranked),
    Surface.MODERATIONS: _passing("/moderations", _moderated),
    Surface.IMAGES: _passing("/images/generations", _pictured, relay=lambda _asked: ImageStream()),
    Surface.IMAGE_EDITS: _passing("/images/edits", _pictured, relay=lambda _asked: ImageStream()),
    Surface.IMAGE_VARIATIONS: _passing("/images/variations", _pictured),
    Surface.TRANSCRIPTIONS: _passing("/audio/transcriptions", _transcribed, relay=lambda _asked: TranscriptStream()),
    Surface.TRANSLATIONS: _passing("/audio/translations", _transcribed),
    Surface.SPEECH: _passing(
        "/audio/speech",
        None,
        relay=_speech,
        raw=True,
    ),
}

_PROVIDERS: Final = {
    **{("openai", surface): codec for surface, codec in _OPENAI.items()},
    **{("azure", surface): codec for surface, codec in _OPENAI.items()},
    **{("sandbox", surface): _OPENAI[surface] for surface in (Surface.EMBEDDINGS, Surface.IMAGES)},
    ("cohere", Surface.EMBEDDINGS): _embedder("/v2/embed", cohere_embeddings, cohere_error),
    ("cohere", Surface.RERANK): ProviderCodec(
        path="/v2/rerank",
        finish=rerank_envelope.finish,
        answer=_reranked,
        read_error=cohere_error.read_error,
    ),
    ("gemini", Surface.EMBEDDINGS): _embedder("/models/{model}:batchEmbedContents", gemini_embeddings, gemini_error),
    ("vertex", Surface.EMBEDDINGS): _embedder(
        "/publishers/google/models/{model}:predict", vertex_embeddings, gemini_error
    ),
    ("gemini", Surface.IMAGES): _painter("/models/{model}:generateContent", has_formats=False),
    ("vertex", Surface.IMAGES): _painter("/publishers/google/models/{model}:generateContent", has_formats=True),
    ("ollama", Surface.EMBEDDINGS): _embedder("/api/embed", ollama_embeddings, ollama_error),
    ("bedrock", Surface.EMBEDDINGS): _embedder("/model/{model}/invoke", bedrock_embeddings, bedrock_error),
}
"""(Protocol of the provider, surface) → how it is asked."""

_CONTENTS: Final = _embedder("/publishers/google/models/{model}:batchEmbedContents", vertex_embeddings, gemini_error)
_VOYAGE_RERANK: Final = ProviderCodec(
    path="/rerank",
    encode_request=lambda request, _most, _dialect: voyage_rerank.encode_request(request),
    finish=voyage_rerank.finish,
    decode_reply=voyage_rerank.decode_reply,
    summary=_summary,
    read_error=openai_error.read_error,
)
_PACKED_SPEECH: Final = _passing("/audio/speech", _unpacked)


def spoken(protocol: str, surface: Surface, dialect: Dialect, model: str) -> ProviderCodec | None:
    """How a provider is asked for *model* on *surface*; None where it cannot be."""
    if surface is Surface.RERANK and dialect.rerank == "voyage":
        return _VOYAGE_RERANK
    if surface is Surface.SPEECH and dialect.speech == "base64":
        return _PACKED_SPEECH
    if (protocol, surface) == ("vertex", Surface.EMBEDDINGS) and vertex_embeddings.takes_contents(model):
        return _CONTENTS
    return _PROVIDERS.get((protocol, surface))
