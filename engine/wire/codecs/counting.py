"""Counting tokens without an answer: `count_tokens` for Anthropic's callers and `countTokens` for Gemini's.

A provider of the same protocol counts exactly. For any other there is only our own estimate.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from engine.values import Headers, Surface, Usage
from engine.wire.anthropic_messages import count as messages_count
from engine.wire.anthropic_messages import envelope as messages_envelope
from engine.wire.anthropic_messages import error as messages_error
from engine.wire.codecs.shapes import Answered, Answerer, CallerCodec, ProviderCodec
from engine.wire.dialect import Dialect
from engine.wire.envelope import Envelope
from engine.wire.gemini import count as gemini_count
from engine.wire.gemini import error as gemini_error
from engine.wire.json_edit import Fields
from engine.wire.vertex import raw_predict

__all__ = ["CALLERS", "spoken"]


CALLERS: Final = {
    Surface.COUNT_MESSAGES: CallerCodec(
        read=lambda body, _beside: messages_envelope.read_envelope(body),
        error_body=messages_error.error_body,
        error_event=messages_error.error_event,
        estimate=lambda asked: messages_count.encode_count(asked.input_tokens),
    ),
    Surface.COUNT_GENERATE: CallerCodec(
        read=lambda body, beside: gemini_count.read_count(body, model=beside.model),
        error_body=gemini_error.error_body,
        error_event=gemini_error.error_event,
        estimate=lambda asked: gemini_count.encode_count(asked.input_tokens),
    ),
}


def _messages_body(fields: Fields, *, model: str, stream: bool) -> bytes:
    return messages_envelope.finish(messages_count.countable(fields), model=model, stream=stream)


def _generate_body(fields: Fields, *, model: str, stream: bool) -> bytes:  # noqa: ARG001 - every finisher is called alike
    return gemini_count.finish_count(fields, model=model)


def _vertex_body(fields: Fields, *, model: str, stream: bool) -> bytes:  # noqa: ARG001 - as above
    return gemini_count.finish_count(fields, model=model, flat=True)


def _counted(read: Callable[[bytes], int]) -> Answerer:
    """Passes the provider's answer on, once *read* has found a count in it; counting is free of charge."""

    def answered(body: bytes, _asked: Envelope, _headers: Headers) -> Answered:
        read(body)
        return Answered(body, usage=Usage())

    return answered


_MESSAGES: Final = ProviderCodec(
    path="/messages/count_tokens",
    finish=_messages_body,
    answer=_counted(messages_count.decode_count),
    read_error=messages_error.read_error,
)
_GENERATE: Final = ProviderCodec(
    path="/models/{model}:countTokens",
    finish=_generate_body,
    answer=_counted(gemini_count.read_count_reply),
    read_error=gemini_error.read_error,
)
_VERTEX: Final = msgspec.structs.replace(
    _GENERATE, path="/publishers/google/models/{model}:countTokens", finish=_vertex_body
)
_RAW_COUNT: Final = msgspec.structs.replace(
    _MESSAGES,
    path="/publishers/anthropic/models/count-tokens:rawPredict",
    finish=raw_predict.finish_count,
    read_error=raw_predict.read_error,
)

_NATIVE: Final = {
    ("anthropic", Surface.COUNT_MESSAGES): _MESSAGES,
    ("gemini", Surface.COUNT_GENERATE): _GENERATE,
    ("vertex", Surface.COUNT_GENERATE): _VERTEX,
}
"""(Protocol of the provider, surface) → how it is asked."""

_CLAUDE: Final = {("vertex", Surface.COUNT_MESSAGES): _RAW_COUNT}
"""The same, where Claude is asked in its own words.

Bedrock's `CountTokens` is not among them: it does not count for models that are offered only across regions, as Claude
is. Source: Amazon Bedrock user guide, "Monitor your token usage by counting tokens before running inference", 2026-11.
"""


def spoken(protocol: str, surface: Surface, dialect: Dialect) -> ProviderCodec | None:
    """How a provider is asked to count; None where there is only an estimate."""
    return (_CLAUDE if dialect.messages else _NATIVE).get((protocol, surface))
