"""What Converse says at an answer's end, both ways: its token counts and its stop reason."""

from typing import Any

import msgspec

from engine import hub
from engine.values import Usage

__all__ = ["TokenUsage", "finish_of", "read_usage", "stop_reason_of", "write_usage"]

MOST_TOKENS = 10**12
"""More than any answer has; a larger figure is noise and not a count."""


class TokenUsage(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True, gc=False):
    """Converse's counts. Some models spell those of the cache with `Count` at the end; most send both spellings."""

    input_tokens: float | None = None
    output_tokens: float | None = None
    total_tokens: float | None = None
    cache_read_input_tokens: float | None = None
    cache_write_input_tokens: float | None = None
    cache_read_input_token_count: float | None = None
    cache_write_input_token_count: float | None = None
    cache_details: Any = None
    """Tokens written to the cache, by how long they are kept: `[{"ttl": "1h", "inputTokens": 7}]`."""


def read_usage(said: TokenUsage | None) -> Usage | None:
    """The counts, which come disjoint already: input tokens exclude the cache's. None where there are none.

    Reasoning is part of the output and not counted separately. What was written to the cache is kept for five minutes,
    unless it is kept for an hour.
    """
    if said is None or (said.input_tokens is None and said.output_tokens is None):
        return None
    cache_write = _count(said.cache_write_input_tokens or said.cache_write_input_token_count)
    hour = min(_of_an_hour(said.cache_details), cache_write)
    return Usage(
        input=_count(said.input_tokens),
        cached_input=_count(said.cache_read_input_tokens or said.cache_read_input_token_count),
        cache_write=cache_write - hour,
        cache_write_1h=hour,
        output=_count(said.output_tokens),
    )


def _of_an_hour(details: object) -> int:
    """Tokens kept for an hour. Source: botocore 1.44's service model of bedrock-runtime, `CacheDetail`."""
    found = [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    counts = [each.get("inputTokens") for each in found if each.get("ttl") == "1h"]
    return sum(_count(count) for count in counts if isinstance(count, int | float))


def _count(said: float | None) -> int:
    return int(said) if said is not None and 0 <= said <= MOST_TOKENS else 0


def write_usage(usage: Usage) -> dict[str, Any]:
    """The counts as Converse spells them."""
    written: dict[str, Any] = {
        "inputTokens": usage.input + usage.audio_input + usage.image_input,
        "outputTokens": usage.total_output,
        "totalTokens": usage.total_input + usage.total_output,
    }
    if usage.cached_input or usage.total_cache_write:
        written["cacheReadInputTokens"] = usage.cached_input
        written["cacheWriteInputTokens"] = usage.total_cache_write
    if usage.cache_write_1h:
        kept = (("1h", usage.cache_write_1h), ("5m", usage.cache_write))
        written["cacheDetails"] = [{"ttl": ttl, "inputTokens": count} for ttl, count in kept if count]
    return written


_FINISHES = {
    "end_turn": hub.Finish.STOP,
    "stop_sequence": hub.Finish.STOP,
    "tool_use": hub.Finish.TOOL_CALLS,
    "max_tokens": hub.Finish.LENGTH,
    "model_context_window_exceeded": hub.Finish.LENGTH,
    "guardrail_intervened": hub.Finish.CONTENT_FILTER,
    "content_filtered": hub.Finish.CONTENT_FILTER,
    "malformed_model_output": hub.Finish.ERROR,
    "malformed_tool_use": hub.Finish.ERROR,
}
"""Source: Amazon Bedrock API reference, "Converse", `stopReason`, 2026-11."""

_STOP_REASONS = {
    hub.Finish.STOP: "end_turn",
    hub.Finish.LENGTH: "max_tokens",
    hub.Finish.TOOL_CALLS: "tool_use",
    hub.Finish.CONTENT_FILTER: "content_filtered",
    hub.Finish.PAUSE: "end_turn",
    hub.Finish.ERROR: "malformed_model_output",
}


def finish_of(stop_reason: str, *, calls: bool) -> hub.Finish:
    """Why the answer ended; *calls*: whether it calls tools of the caller's.

    Not every model behind Converse says `tool_use` then.
    """
    said = _FINISHES.get(stop_reason, hub.Finish.ERROR)
    return hub.Finish.TOOL_CALLS if calls and said is hub.Finish.STOP else said


def stop_reason_of(finish: hub.Finish | None, raw: str, *, calls: bool) -> str:
    """The stop reason for *finish*; *raw*, the provider's own word, if it is one of Converse's."""
    if raw in _FINISHES:
        return raw
    if calls and finish in {None, hub.Finish.STOP}:
        return "tool_use"
    return "end_turn" if finish is None else _STOP_REASONS[finish]
