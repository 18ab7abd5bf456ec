"""Streams of the Messages API ↔ `hub.Event`.

Grammar, as Anthropic and we write it: `message_start`, blocks one after the other, each
`content_block_start` `content_block_delta`* `content_block_stop`, `message_delta`, `message_stop`. Streams that we read
may interleave their blocks (llama.cpp opens one before it closes the last), send `ping` anywhere and leave an end out.

Source: platform.claude.com/docs/en/build-with-claude/streaming, read 2026-11.
"""

from engine.wire.anthropic_messages.stream_read import Decoder
from engine.wire.anthropic_messages.stream_write import Encoder

__all__ = ["Decoder", "Encoder"]
