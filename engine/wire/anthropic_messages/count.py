"""Counting tokens: `POST /v1/messages/count_tokens`. The request is that for a message, the answer is one number."""

import msgspec

from engine.errors import UpstreamMalformed
from engine.wire.json_edit import Fields
from engine.wire.json_read import decoded

__all__ = ["countable", "decode_count", "encode_count"]

COUNTED = frozenset(
    {
        "cache_control",
        "context_management",
        "mcp_servers",
        "messages",
        "model",
        "output_config",
        "output_format",
        "speed",
        "system",
        "thinking",
        "tool_choice",
        "tools",
    }
)
"""The fields that may be sent; the API refuses any other, `max_tokens` and `stream` included.

Source: platform.claude.com/docs/en/api/messages-count-tokens, read 2026-11, beta fields included.
"""


class _Count(msgspec.Struct):
    input_tokens: int


_COUNT = msgspec.json.Decoder(_Count)


def countable(fields: Fields) -> Fields:
    """The *fields* of a request for a message, without those that `count_tokens` refuses."""
    return {name: value for name, value in fields.items() if name in COUNTED}


def decode_count(body: bytes) -> int:
    """The input tokens that an answer with status 200 gives.

    Raises:
        UpstreamMalformed: it gives none.
    """
    tokens = decoded(_COUNT, body, "not a token count").input_tokens
    if tokens < 0:
        raise UpstreamMalformed("a token count below zero", received=True)
    return tokens


def encode_count(tokens: int) -> bytes:
    """The answer to a caller that asked for a count."""
    return b'{"input_tokens":%d}' % tokens
