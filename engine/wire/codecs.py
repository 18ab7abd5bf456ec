"""The protocols for conversations, side by side: which one a caller speaks, and which one a provider.

A surface is answered in its own protocol whatever the provider speaks. Where both speak the same, the caller's fields
and the provider's bytes pass as they are; otherwise they go through the hub.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol
from urllib.parse import quote

import msgspec

from engine import hub
from engine.values import Outcome, Surface, Usage
from engine.wire.anthropic_messages import envelope as messages_envelope
from engine.wire.anthropic_messages import error as messages_error
from engine.wire.anthropic_messages import reply as messages_reply
from engine.wire.anthropic_messages import request as messages_request
from engine.wire.anthropic_messages import stream as messages_stream
from engine.wire.bedrock import error as converse_error
from engine.wire.bedrock import reply as converse_reply
from engine.wire.bedrock import request as converse_request
from engine.wire.bedrock import stream as converse_stream
from engine.wire.cohere import error as cohere_error
from engine.wire.cohere import reply as cohere_reply
from engine.wire.cohere import request as cohere_request
from engine.wire.cohere import stream as cohere_stream
from engine.wire.envelope import Encoded, Envelope
from engine.wire.gemini import envelope as gemini_envelope
from engine.wire.gemini import error as gemini_error
from engine.wire.gemini import reply as gemini_reply
from engine.wire.gemini import request as gemini_request
from engine.wire.gemini import stream as gemini_stream
from engine.wire.json_edit import Fields
from engine.wire.ollama import error as ollama_error
from engine.wire.ollama import reply as ollama_reply
from engine.wire.ollama import request as ollama_request
from engine.wire.ollama import stream as ollama_stream
from engine.wire.openai_chat import envelope as chat_envelope
from engine.wire.openai_chat import error as chat_error
from engine.wire.openai_chat import reply as chat_reply
from engine.wire.openai_chat import request as chat_request
from engine.wire.openai_chat import stream as chat_stream
from engine.wire.openai_chat.params import Dialect
from engine.wire.openai_chat.relay import ChatStream
from engine.wire.openai_completions import envelope as completions_envelope
from engine.wire.openai_completions import reply as completions_reply
from engine.wire.openai_completions import request as completions_request
from engine.wire.openai_completions import stream as completions_stream
from engine.wire.openai_responses import envelope as responses_envelope
from engine.wire.openai_responses import error as responses_error
from engine.wire.openai_responses import reply as responses_reply
from engine.wire.openai_responses import request as responses_request
from engine.wire.openai_responses import stream as responses_stream
from engine.wire.openai_responses.portable import check_portable
from engine.wire.openai_responses.response import echoed
from engine.wire.stream import AnswerStream, Decoder, Encoder, Relay, Translation

__all__ = ["CallerCodec", "ProviderCodec", "Spoken", "Summary", "caller_codec", "spoken", "summary_of"]

Headers = Sequence[tuple[bytes, bytes]]


class ErrorWriter(Protocol):
    """Writes one of our own errors in the caller's protocol."""

    def __call__(
        self,
        *,
        status: int,
        type: str,  # noqa: A002 - the word of the error body
        code: str,
        message: str,
        param: str | None = None,
        request_id: str,
        rule: str | None = None,
    ) -> bytes: ...


class Finisher(Protocol):
    """Writes the body that goes to a provider."""

    def __call__(self, fields: Fields, *, model: str, stream: bool) -> bytes: ...


class Reader(Protocol):
    """Reads a caller's request; *model* and *stream* are what its path says, where its path says it."""

    def __call__(self, body: bytes, *, model: str, stream: bool) -> Envelope: ...


class Summary(NamedTuple):
    """What the journal keeps of a whole answer."""

    finish_reason: str | None
    """Of the first choice, in the provider's word."""
    usage: Usage | None


class CallerCodec(msgspec.Struct, frozen=True, kw_only=True):
    """How a surface's requests are read, and answered."""

    read: Reader
    decode_request: Callable[[Fields], hub.Request]
    encode_reply: Callable[[hub.Reply, Envelope, int], bytes]
    """Of the answer, what was asked, and the time in seconds since 1970."""
    encoder: Callable[[Envelope, int], Encoder]
    error_body: ErrorWriter
    error_event: ErrorWriter
    stream_type: bytes = b"text/event-stream; charset=utf-8"


class ProviderCodec(msgspec.Struct, frozen=True, kw_only=True):
    """How a provider is asked, and what it answers is read."""

    encode_request: Callable[[hub.Request, int | None, Dialect], Encoded]
    """Of the request, the most that the model puts out, where that is known, and the provider's dialect."""
    finish: Finisher
    finish_unasked: Finisher | None = None
    """Without asking for the usage of a stream, for providers that refuse to be asked."""
    decode_reply: Callable[[bytes], hub.Reply]
    decoder: Callable[[], Decoder]
    read_error: Callable[[int, Headers, bytes], Outcome]
    read_reply_error: Callable[[bytes], Outcome | None]
    path: str
    """Below `base_url`; `{model}` stands for the provider's name of the model, quoted."""
    stream_path: str = ""
    """Where streams are asked for; empty where it is the same."""
    encode_reply: Callable[[hub.Reply], bytes]
    encoder: Callable[[str], Encoder]
    """As the provider writes; of the model's name. For stand-ins of providers."""
    relay: Callable[[Envelope], AnswerStream] | None = None
    """A quicker way to relay than decoding every event."""
    summary: Callable[[bytes], Summary] | None = None
    """A quicker way to read a whole answer that passes as it is."""

    def finished(self, fields: Fields, dialect: Dialect, *, model: str, stream: bool) -> bytes:
        """The body that goes to a provider."""
        finish = self.finish if dialect.stream_usage else self.finish_unasked or self.finish
        return finish(fields, model=model, stream=stream)

    def relayed(self, asked: Envelope) -> AnswerStream:
        """The stream of a provider that speaks the caller's protocol."""
        return self.relay(asked) if self.relay else Relay(self.decoder())

    def translated(self, encoder: Encoder, opened: hub.Opened) -> AnswerStream:
        """The stream of a provider whose protocol is another; *opened* has what that one leaves out."""
        return Translation(self.decoder(), encoder, opened)

    def summarized(self, body: bytes) -> Summary:
        """What the journal keeps of a whole answer. Raises UpstreamMalformed."""
        return self.summary(body) if self.summary else summary_of(self.decode_reply(body))


def summary_of(reply: hub.Reply) -> Summary:
    """What the journal keeps of *reply*."""
    first = reply.choices[0] if reply.choices else None
    return Summary((first.finish_raw or first.finish) if first else None, reply.usage)


def _in_body(read: Callable[[bytes], Envelope]) -> Reader:
    """The reader of a protocol whose bodies say everything."""

    def reader(body: bytes, *, model: str, stream: bool) -> Envelope:  # noqa: ARG001 - neither stands in the path
        return read(body)

    return reader


def _portable_response(fields: Fields) -> hub.Request:
    """A request of the Responses API for a provider that does not speak it. Raises BadRequest for what lives there."""
    request = responses_request.decode_request(fields)
    check_portable(request)
    return request


def _chat_summary(body: bytes) -> Summary:
    reply = chat_envelope.read_reply(body)
    return Summary(reply.finish_reason, reply.usage)


def _no_error(_body: bytes) -> Outcome | None:
    return None


_CHAT_CALLER: Final = CallerCodec(
    read=_in_body(chat_envelope.read_envelope),
    decode_request=chat_request.decode_request,
    encode_reply=lambda reply, _asked, _now: chat_reply.encode_reply(reply),
    encoder=lambda asked, _now: chat_stream.Encoder(model=asked.model, ask_usage=asked.asks_usage),
    error_body=chat_error.error_body,
    error_event=chat_error.error_event,
)
_COMPLETIONS_CALLER: Final = CallerCodec(
    read=_in_body(completions_envelope.read_envelope),
    decode_request=completions_request.decode_request,
    encode_reply=lambda reply, _asked, _now: completions_reply.encode_reply(reply),
    encoder=lambda asked, _now: completions_stream.Encoder(model=asked.model, ask_usage=asked.asks_usage),
    error_body=chat_error.error_body,
    error_event=chat_error.error_event,
)
_MESSAGES_CALLER: Final = CallerCodec(
    read=_in_body(messages_envelope.read_envelope),
    decode_request=messages_request.decode_request,
    encode_reply=lambda reply, _asked, _now: messages_reply.encode_reply(reply),
    encoder=lambda asked, _now: messages_stream.Encoder(model=asked.model, input_tokens=asked.input_tokens),
    error_body=messages_error.error_body,
    error_event=messages_error.error_event,
)
_RESPONSES_CALLER: Final = CallerCodec(
    read=_in_body(responses_envelope.read_envelope),
    decode_request=_portable_response,
    encode_reply=lambda reply, asked, now: responses_reply.encode_reply(reply, echo=echoed(asked.fields), created=now),
    encoder=lambda asked, now: responses_stream.Encoder(model=asked.model, echo=echoed(asked.fields), created=now),
    error_body=responses_error.error_body,
    error_event=responses_error.error_event,
)
_GENERATE_CALLER: Final = CallerCodec(
    read=gemini_envelope.read_envelope,
    decode_request=gemini_request.decode_request,
    encode_reply=lambda reply, _asked, _now: gemini_reply.encode_reply(reply),
    encoder=lambda asked, _now: gemini_stream.Encoder(model=asked.model),
    error_body=gemini_error.error_body,
    error_event=gemini_error.error_event,
)

_ARRAY_CALLER: Final = msgspec.structs.replace(
    _GENERATE_CALLER,
    encoder=lambda asked, _now: gemini_stream.Encoder(model=asked.model, array=True),
    error_event=partial(gemini_error.error_event, array=True),
    stream_type=b"application/json",
)

_CALLERS: Final[Mapping[Surface, CallerCodec]] = MappingProxyType(
    {
        Surface.CHAT: _CHAT_CALLER,
        Surface.COMPLETIONS: _COMPLETIONS_CALLER,
        Surface.MESSAGES: _MESSAGES_CALLER,
        Surface.RESPONSES: _RESPONSES_CALLER,
        Surface.GENERATE: _GENERATE_CALLER,
    }
)

_CHAT: Final = ProviderCodec(
    encode_request=lambda request, _most, dialect: chat_request.encode_request(request, dialect=dialect),
    finish=chat_envelope.finish,
    finish_unasked=partial(chat_envelope.finish, ask_usage=False),
    decode_reply=chat_reply.decode_reply,
    decoder=chat_stream.Decoder,
    read_error=chat_error.read_error,
    read_reply_error=chat_error.read_reply_error,
    path="/chat/completions",
    encode_reply=chat_reply.encode_reply,
    encoder=lambda model: chat_stream.Encoder(model=model, ask_usage=True),
    relay=lambda asked: ChatStream(strip_usage=not asked.asks_usage),
    summary=_chat_summary,
)
_AZURE: Final = msgspec.structs.replace(_CHAT, path="/openai/deployments/{model}/chat/completions")
_COMPLETIONS: Final = ProviderCodec(
    encode_request=lambda request, _most, _dialect: completions_request.encode_request(request),
    finish=completions_envelope.finish,
    decode_reply=completions_reply.decode_reply,
    decoder=completions_stream.Decoder,
    read_error=chat_error.read_error,
    read_reply_error=chat_error.read_reply_error,
    path="/completions",
    encode_reply=completions_reply.encode_reply,
    encoder=lambda model: completions_stream.Encoder(model=model, ask_usage=True),
)
_RESPONSES: Final = ProviderCodec(
    encode_request=lambda request, _most, _dialect: responses_request.encode_request(request),
    finish=responses_envelope.finish,
    decode_reply=responses_reply.decode_reply,
    decoder=responses_stream.Decoder,
    read_error=responses_error.read_error,
    read_reply_error=responses_error.read_reply_error,
    path="/responses",
    encode_reply=responses_reply.encode_reply,
    encoder=lambda model: responses_stream.Encoder(model=model),
)
_MESSAGES: Final = ProviderCodec(
    encode_request=lambda request, most, _dialect: messages_request.encode_request(
        request, default_max_tokens=most or messages_request.DEFAULT_MAX_TOKENS
    ),
    finish=messages_envelope.finish,
    decode_reply=messages_reply.decode_reply,
    decoder=messages_stream.Decoder,
    read_error=messages_error.read_error,
    read_reply_error=messages_error.read_reply_error,
    path="/messages",
    encode_reply=messages_reply.encode_reply,
    encoder=lambda model: messages_stream.Encoder(model=model),
)
_GENERATE: Final = ProviderCodec(
    encode_request=lambda request, _most, _dialect: gemini_request.encode_request(request),
    finish=gemini_envelope.finish,
    decode_reply=gemini_reply.decode_reply,
    decoder=gemini_stream.Decoder,
    read_error=gemini_error.read_error,
    read_reply_error=gemini_error.read_reply_error,
    path="/models/{model}:generateContent",
    stream_path="/models/{model}:streamGenerateContent?alt=sse",
    encode_reply=gemini_reply.encode_reply,
    encoder=lambda model: gemini_stream.Encoder(model=model),
)
_CONVERSE: Final = ProviderCodec(
    encode_request=lambda request, _most, _dialect: converse_request.encode_request(request),
    finish=converse_request.finish,
    decode_reply=converse_reply.decode_reply,
    decoder=converse_stream.Decoder,
    read_error=converse_error.read_error,
    read_reply_error=_no_error,
    path="/model/{model}/converse",
    stream_path="/model/{model}/converse-stream",
    encode_reply=converse_reply.encode_reply,
    encoder=lambda model: converse_stream.Encoder(model=model),
)
_COHERE: Final = ProviderCodec(
    encode_request=lambda request, _most, _dialect: cohere_request.encode_request(request),
    finish=cohere_request.finish,
    decode_reply=cohere_reply.decode_reply,
    decoder=cohere_stream.Decoder,
    read_error=cohere_error.read_error,
    read_reply_error=_no_error,
    path="/v2/chat",
    encode_reply=cohere_reply.encode_reply,
    encoder=lambda model: cohere_stream.Encoder(model=model),
)
_OLLAMA: Final = ProviderCodec(
    encode_request=lambda request, _most, _dialect: ollama_request.encode_request(request),
    finish=ollama_request.finish,
    decode_reply=ollama_reply.decode_reply,
    decoder=ollama_stream.Decoder,
    read_error=ollama_error.read_error,
    read_reply_error=_no_error,
    path="/api/chat",
    encode_reply=ollama_reply.encode_reply,
    encoder=lambda model: ollama_stream.Encoder(model=model),
)

_MAIN: Final[Mapping[str, tuple[Surface | None, ProviderCodec]]] = MappingProxyType(
    {
        "openai": (Surface.CHAT, _CHAT),
        "sandbox": (Surface.CHAT, _CHAT),
        "azure": (Surface.CHAT, _AZURE),
        "openai-responses": (Surface.RESPONSES, _RESPONSES),
        "anthropic": (Surface.MESSAGES, _MESSAGES),
        "gemini": (Surface.GENERATE, _GENERATE),
        "vertex": (Surface.GENERATE, _GENERATE),
        "bedrock": (None, _CONVERSE),
        "cohere": (None, _COHERE),
        "ollama": (None, _OLLAMA),
    }
)
"""Protocol of a provider → the surface whose protocol it is, and how it is spoken."""

_BESIDE: Final[Mapping[Surface, ProviderCodec]] = MappingProxyType(
    {
        Surface.CHAT: _CHAT,
        Surface.COMPLETIONS: _COMPLETIONS,
        Surface.RESPONSES: _RESPONSES,
        Surface.MESSAGES: _MESSAGES,
        Surface.GENERATE: _GENERATE,
    }
)
"""What a provider may offer beside its main protocol: where its `paths` say so."""


class Spoken(NamedTuple):
    """How one provider is asked for the callers of one surface."""

    codec: ProviderCodec
    native: bool
    """It speaks the surface's own protocol, so nothing is translated."""
    path: str
    """Below `base_url`, the model's name filled in."""


def caller_codec(surface: Surface, *, array: bool = False) -> CallerCodec:
    """The protocol of *surface*; *array* is Gemini's other way to stream, one JSON array."""
    return _ARRAY_CALLER if array else _CALLERS[surface]


def spoken(surface: Surface, *, protocol: str, paths: Mapping[Surface, str], model: str, stream: bool) -> Spoken:
    """How a provider of *protocol* is asked for *model*; *paths* are those that its file names.

    A surface that has a path there is spoken natively, whatever the provider's main protocol is.
    """
    if surface in paths:
        return Spoken(_BESIDE[surface], native=True, path=_filled(paths[surface], model))
    main, codec = _MAIN[protocol]
    path = (paths.get(main) if main else None) or (stream and codec.stream_path) or codec.path
    return Spoken(codec, native=main is surface, path=_filled(path, model))


def _filled(path: str, model: str) -> str:
    return path.replace("{model}", quote(model, safe="")) if "{" in path else path
