"""Token counts as Cohere reports them, and `Usage`, whose kinds are disjoint.

Cohere reports two counts: `tokens`, what the model read and wrote, and `billed_units`, what is paid for, which leaves
out what Cohere puts around a prompt by itself (docs.cohere.com, "How Does Cohere's Pricing Work?", read 2026-11).
`tokens` is what is taken, and `billed_units` only where it stands alone: context limits, cached and reasoning tokens
refer to `tokens`, and other providers count likewise.
"""

from typing import Any

from engine.values import Usage

__all__ = ["encode_usage", "read_usage"]

MOST_TOKENS = 10**12
"""More than any answer has; a larger figure is noise and not a count."""


def read_usage(reported: object) -> Usage | None:
    """The usage that was reported, its kinds made disjoint; None where none was.

    `cached_tokens` are among the input tokens and `reasoning_tokens` among the output tokens; `image_tokens` are beside
    the input tokens.
    """
    if not isinstance(reported, dict):
        return None
    counts = _object(reported, "tokens") or _object(reported, "billed_units")
    if "input_tokens" not in counts and "output_tokens" not in counts:
        return None
    read, written = _count(counts, "input_tokens"), _count(counts, "output_tokens")
    cached = min(_count(reported, "cached_tokens"), read)
    reasoning = min(_count(counts, "reasoning_tokens"), written)
    return Usage(
        input=read - cached,
        cached_input=cached,
        image_input=_count(counts, "image_tokens"),
        output=written - reasoning,
        reasoning=reasoning,
    )


def encode_usage(usage: Usage) -> dict[str, Any]:
    """*usage* in Cohere's words. What is billed is taken to be what was read and written."""
    read, written = usage.total_input - usage.image_input, usage.total_output
    tokens = {"input_tokens": read, "output_tokens": written}
    beside = {"reasoning_tokens": usage.reasoning, "image_tokens": usage.image_input}
    return {
        "billed_units": {"input_tokens": read + usage.image_input, "output_tokens": written},
        "tokens": tokens | {name: count for name, count in beside.items() if count},
        "cached_tokens": usage.cached_input,
    }


def _object(reported: dict[str, Any], name: str) -> dict[str, Any]:
    counts = reported.get(name)
    return counts if isinstance(counts, dict) else {}


def _count(counts: dict[str, Any], name: str) -> int:
    count = counts.get(name)
    if isinstance(count, bool) or not isinstance(count, int | float):
        return 0
    return int(count) if 0 <= count <= MOST_TOKENS else 0
