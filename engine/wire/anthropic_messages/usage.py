"""Token counts as the Messages API reports them ↔ `Usage`, whose kinds are disjoint."""

from collections.abc import Mapping
from typing import Any

from engine.values import Usage

__all__ = ["COUNTS", "read_usage", "written", "written_delta"]

MOST_TOKENS = 10**12
"""More than any answer has; a larger figure is noise and not a count."""

COUNTS = frozenset(
    {
        "cache_creation",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "input_tokens",
        "output_tokens",
        "output_tokens_details",
    }
)
"""The keys of a report that are read."""


def read_usage(reported: object) -> Usage | None:
    """The usage a provider reported; None where it reported none.

    `input_tokens` excludes tokens read from and written to the cache; `output_tokens` includes thinking. What a
    compaction or an advisor used beside the answer is reported only in `iterations`, and not counted here.

    Source: platform.claude.com/docs/en/api/messages, `usage`, read 2026-11.
    """
    if not isinstance(reported, dict) or not ("input_tokens" in reported or "output_tokens" in reported):
        return None
    output = _count(reported, "output_tokens")
    reasoning = min(_count(_details(reported, "output_tokens_details"), "thinking_tokens"), output)
    five_minutes, hour = _cache_writes(reported)
    return Usage(
        input=_count(reported, "input_tokens"),
        cached_input=_count(reported, "cache_read_input_tokens"),
        cache_write=five_minutes,
        cache_write_1h=hour,
        output=output - reasoning,
        reasoning=reasoning,
    )


def written(usage: Usage | None, service_tier: str = "") -> dict[str, Any]:
    """*usage* as a whole answer carries it. The SDKs' types want both counts, so None is written as zeros."""
    counts = written_delta(usage or Usage())
    return {**counts, "service_tier": service_tier} if service_tier else counts


def written_delta(usage: Usage) -> dict[str, Any]:
    """*usage* as the last `message_delta` carries it. `input_tokens` includes media.

    The tokens written to the cache are split by lifetime only when some of them are kept for an hour.
    """
    counts: dict[str, Any] = {
        "input_tokens": usage.input + usage.audio_input + usage.image_input,
        "cache_creation_input_tokens": usage.total_cache_write,
        "cache_read_input_tokens": usage.cached_input,
        "output_tokens": usage.total_output,
    }
    if usage.cache_write_1h:
        split = {"ephemeral_5m_input_tokens": usage.cache_write, "ephemeral_1h_input_tokens": usage.cache_write_1h}
        counts["cache_creation"] = split
    if usage.reasoning:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return counts


def _cache_writes(reported: Mapping[str, Any]) -> tuple[int, int]:
    """Tokens written to the cache for five minutes, and for an hour.

    `cache_creation` splits the sum by lifetime. The last event of a stream may carry only a new sum, while the split is
    still that of the first event. So the sum counts, and what exceeds the hour's part is taken to last five minutes.
    """
    split = _details(reported, "cache_creation")
    five_minutes, hour = _count(split, "ephemeral_5m_input_tokens"), _count(split, "ephemeral_1h_input_tokens")
    if reported.get("cache_creation_input_tokens") is None:
        return five_minutes, hour
    whole = _count(reported, "cache_creation_input_tokens")
    hour = min(hour, whole)
    return whole - hour, hour


def _count(counts: Mapping[str, Any], name: str) -> int:
    count = counts.get(name)
    return count if type(count) is int and 0 <= count <= MOST_TOKENS else 0


def _details(reported: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    details = reported.get(name)
    return details if isinstance(details, dict) else {}
