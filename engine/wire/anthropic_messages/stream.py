"""Streams of the Messages API ↔ `hub.Event`.

Grammar, as we write it and as Anthropic does: `message_start`, blocks one after the other, each
`content_block_start` `content_block_delta`* `content_block_stop`, `message_delta`, `message_stop`. What is read may
interleave its blocks (llama.cpp opens one before it closes the last), send `ping` anywhere and leave an end out.

Source: platform.claude.com/docs/en/build-with-claude/streaming, read 2026-11.
"""

from engine.wire.anthropic_messages.stream_read import Decoder
from engine.wire.anthropic_messages.stream_write import Encoder

__all__ = ["Decoder", "Encoder"]
