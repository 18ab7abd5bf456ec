"""The protocols for conversations: which one a caller speaks, and which one a provider speaks.

A surface is answered in its own protocol, whatever the provider speaks. Where both speak the same one, the caller's
fields and the provider's bytes pass as they are; otherwise they go through the hub.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

import msgspec

from engine import hub
from engine.values import Headers, Outcome, Surface, Usage
from engine.wire.anthropic_messages import envelope as messages_envelope
from engine.wire.anthropic_messages import error as messages_error
from engine.wire.anthropic_messages import reply as messages_reply
from engine.wire.anthropic_messages import request as messages_request
from engine.wire.anthropic_messages import stream as messages_stream
from engine.wire.bedrock import error as converse_error
from engine.wire.bedrock import invoke
from engine.wire.bedrock import reply as converse_reply
from engine.wire.bedrock import request as converse_request
from engine.wire.bedrock import stream as converse_stream
from engine.wire.codecs.shapes import Answered, CallerCodec, ProviderCodec, Reader
from engine.wire.cohere import error as cohere_error
from engine.wire.cohere import reply as cohere_reply
from engine.wire.cohere import request as cohere_request
from engine.wire.cohere import stream as cohere_stream
from engine.wire.dialect import HAVE_RESPONSES, Dialect
from engine.wire.envelope import Envelope
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
from engine.wire.vertex import raw_predict

__all__ = ["ARRAY_CALLER", "CALLERS", "CLAUDE", "NATIVE", "main", "own"]


def _in_body(read: Callable[[bytes], Envelope]) -> Reader:
    """The reader of a protocol whose requests say everything in the body."""
    return lambda body, _beside: read(body)


def _portable_response(fields: Fields) -> hub.Request:
    """A request of the Responses API for a provider that does not speak it.

    Raises:
        BadRequest: it refers to what a provider keeps, or is to run in the background.
    """
    request = responses_request.decode_request(fields)
    check_portable(request)
    return request


def _summary(reply: hub.Reply) -> tuple[str | None, Usage | None]:
    first = reply.choices[0] if reply.choices else None
    return (first.finish_raw or first.finish) if first else None, reply.usage


def _chat_answer(body: bytes, _asked: Envelope, _headers: Headers) -> Answered | Outcome:
    reply = chat_envelope.read_reply(body)
    if isinstance(reply, Outcome):
        return reply
    return Answered(body, finish_reason=reply.finish_reason, usage=reply.usage)


_CHAT_CALLER: Final = CallerCodec(
    read=_in_body(chat_envelope.read_envelope),
    decode_request=chat_request.decode_request,
    encode_reply=lambda reply, _asked, now: chat_reply.encode_reply(reply, created=now),
    encoder=lambda asked, _now: chat_stream.Encoder(model=asked.model, ask_usage=asked.asks_usage),
    error_body=chat_error.error_body,
    error_event=chat_error.error_event,
)
_COMPLETIONS_CALLER: Final = CallerCodec(
    read=_in_body(completions_envelope.read_envelope),
    decode_request=completions_request.decode_request,
    encode_reply=lambda reply, _asked, now: completions_reply.encode_reply(reply, created=now),
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
    read=lambda body, beside: gemini_envelope.read_envelope(body, model=beside.model, stream=beside.stream),
    decode_request=gemini_request.decode_request,
    encode_reply=lambda reply, _asked, _now: gemini_reply.encode_reply(reply),
    encoder=lambda asked, _now: gemini_stream.Encoder(model=asked.model),
    error_body=gemini_error.error_body,
    error_event=gemini_error.error_event,
)

ARRAY_CALLER: Final = msgspec.structs.replace(
    _GENERATE_CALLER,
    encoder=lambda asked, _now: gemini_stream.Encoder(model=asked.model, array=True),
    error_event=partial(gemini_error.error_event, array=True),
    stream_type="application/json",
)

CALLERS: Final[Mapping[Surface, CallerCodec]] = MappingProxyType(
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
    summary=_summary,
    decode_reply=chat_reply.decode_reply,
    decoder=chat_stream.Decoder,
    read_error=chat_error.read_error,
    read_reply_error=chat_error.read_reply_error,
    path="/chat/completions",
    encode_reply=chat_reply.encode_reply,
    encoder=lambda model: chat_stream.Encoder(model=model, ask_usage=True),
    relay=lambda asked: ChatStream(strip_usage=not asked.asks_usage),
    answer=_chat_answer,
)
_AZURE: Final = msgspec.structs.replace(_CHAT, path="/openai/deployments/{model}/chat/completions")
_COMPLETIONS: Final = ProviderCodec(
    encode_request=lambda request, _most, _dialect: completions_request.encode_request(request),
    finish=completions_envelope.finish,
    summary=_summary,
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
    summary=_summary,
    decode_reply=responses_reply.decode_reply,
    decoder=responses_stream.Decoder,
    read_error=responses_error.read_error,
    read_reply_error=responses_error.read_reply_error,
    path="/responses",
    encode_reply=responses_reply.encode_reply,
    encoder=lambda model: responses_stream.Encoder(model=model),
)
_MESSAGES: Final = ProviderCodec(
    encode_request=lambda request, most, dialect: messages_request.encode_request(
        request,
        default_max_tokens=most or messages_request.DEFAULT_MAX_TOKENS,
        adaptive=dialect.thinking == "adaptive",
    ),
    finish=messages_envelope.finish,
    summary=_summary,
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
    summary=_summary,
    decode_reply=gemini_reply.decode_reply,
    decoder=gemini_stream.Decoder,
    read_error=gemini_error.read_error,
    read_reply_error=gemini_error.read_reply_error,
    path="/models/{model}:generateContent",
    stream_path="/models/{model}:streamGenerateContent?alt=sse",
    encode_reply=gemini_reply.encode_reply,
    encoder=lambda model: gemini_stream.Encoder(model=model),
)
_VERTEX: Final = msgspec.structs.replace(
    _GENERATE,
    path="/publishers/google/models/{model}:generateContent",
    stream_path="/publishers/google/models/{model}:streamGenerateContent?alt=sse",
)
_RAW_PREDICT: Final = msgspec.structs.replace(
    _MESSAGES,
    finish=raw_predict.finish,
    read_error=raw_predict.read_error,
    read_reply_error=raw_predict.read_reply_error,
    path="/publishers/anthropic/models/{model}:rawPredict",
    stream_path="/publishers/anthropic/models/{model}:streamRawPredict",
)
_INVOKE: Final = msgspec.structs.replace(
    _MESSAGES,
    finish=invoke.finish,
    decoder=invoke.Decoder,
    relay=lambda _asked: invoke.Stream(),
    read_error=converse_error.read_error,
    path="/model/{model}/invoke",
    stream_path="/model/{model}/invoke-with-response-stream",
    encoder=lambda model: invoke.Encoder(model=model),
)
_CONVERSE: Final = ProviderCodec(
    encode_request=lambda request, _most, dialect: converse_request.encode_request(
        request, adaptive=True if dialect.thinking == "adaptive" else None
    ),
    finish=converse_request.finish,
    summary=_summary,
    decode_reply=converse_reply.decode_reply,
    decoder=converse_stream.Decoder,
    read_error=converse_error.read_error,
    path="/model/{model}/converse",
    stream_path="/model/{model}/converse-stream",
    encode_reply=converse_reply.encode_reply,
    encoder=lambda model: converse_stream.Encoder(model=model),
)
_COHERE: Final = ProviderCodec(
    encode_request=lambda request, _most, _dialect: cohere_request.encode_request(request),
    finish=cohere_request.finish,
    summary=_summary,
    decode_reply=cohere_reply.decode_reply,
    decoder=cohere_stream.Decoder,
    read_error=cohere_error.read_error,
    read_reply_error=cohere_error.read_reply_error,
    path="/v2/chat",
    encode_reply=cohere_reply.encode_reply,
    encoder=lambda model: cohere_stream.Encoder(model=model),
)
_OLLAMA: Final = ProviderCodec(
    encode_request=lambda request, _most, _dialect: ollama_request.encode_request(request),
    finish=ollama_request.finish,
    summary=_summary,
    decode_reply=ollama_reply.decode_reply,
    decoder=ollama_stream.Decoder,
    read_error=ollama_error.read_error,
    read_reply_error=ollama_error.read_reply_error,
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
        "vertex": (Surface.GENERATE, _VERTEX),
        "bedrock": (None, _CONVERSE),
        "cohere": (None, _COHERE),
        "ollama": (None, _OLLAMA),
    }
)
"""Protocol of a provider → the surface that it belongs to, and how it is spoken."""

CLAUDE: Final[Mapping[str, ProviderCodec]] = MappingProxyType({"bedrock": _INVOKE, "vertex": _RAW_PREDICT})
"""Protocol of a cloud → how Claude is asked there in its own words."""

NATIVE: Final[Mapping[Surface, ProviderCodec]] = MappingProxyType(
    {
        Surface.CHAT: _CHAT,
        Surface.COMPLETIONS: _COMPLETIONS,
        Surface.RESPONSES: _RESPONSES,
        Surface.MESSAGES: _MESSAGES,
        Surface.GENERATE: _GENERATE,
    }
)
"""What a provider may offer beside its main protocol, where its `paths` say so."""


def main(protocol: str, dialect: Dialect) -> tuple[Surface | None, ProviderCodec]:
    """The surface that a provider's main protocol belongs to, None where no caller speaks it; and how it is spoken."""
    if dialect.responses and protocol in HAVE_RESPONSES:
        return Surface.RESPONSES, _RESPONSES
    claude = CLAUDE.get(protocol) if dialect.messages else None
    return _MAIN[protocol] if claude is None else (Surface.MESSAGES, claude)


def own(protocol: str) -> Surface | None:
    """The surface of the protocol itself, which a dialect may have replaced: a path of it is no way in then."""
    return _MAIN[protocol][0]
