"""Token counts as Cohere reports them, and `Usage`, whose kinds are disjoint.

Cohere reports two counts: `tokens`, what the model read and wrote, and `billed_units`, what is charged, without what
Cohere puts around a prompt and an answer by itself (docs.cohere.com, "How Does Cohere's Pricing Work?", read 2026-11).
`billed_units` are what is taken where they are told, since costs and limits hang on them; `tokens` only where not.
"""

from typing import Any

from engine.values import Usage

__all__ = ["encode_usage", "read_usage"]

MOST_TOKENS = 10**12
"""More than any answer has; a larger figure is noise and not a count."""


def read_usage(reported: object) -> Usage | None:
    """The usage that was reported, its kinds made disjoint; None where none was.

    `cached_tokens` are among the input tokens and `reasoning_tokens` among the output tokens. `image_tokens` are beside
    the input tokens of `tokens` and among those of `billed_units`. What is not charged stands before the caller's own
    prompt, so it is what a cache has first.
    """
    if not isinstance(reported, dict):
        return None
    tokens, billed = _object(reported, "tokens"), _object(reported, "billed_units")
    counts = billed if _is_told(billed) else tokens
    if not _is_told(counts):
        return None
    whole, written = _count(tokens, "input_tokens") + _count(tokens, "image_tokens"), _count(counts, "output_tokens")
    read = _count(billed, "input_tokens") if counts is billed else whole
    pictures = min(_count(tokens, "image_tokens"), read)
    cached = min(max(_count(reported, "cached_tokens") - max(whole - read, 0), 0), read - pictures)
    reasoning = min(_count(tokens, "reasoning_tokens"), written)
    return Usage(
        input=read - pictures - cached,
        cached_input=cached,
        image_input=pictures,
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


def _is_told(counts: dict[str, Any]) -> bool:
    return "input_tokens" in counts or "output_tokens" in counts


def _object(reported: dict[str, Any], name: str) -> dict[str, Any]:
    counts = reported.get(name)
    return counts if isinstance(counts, dict) else {}


def _count(counts: dict[str, Any], name: str) -> int:
    count = counts.get(name)
    if isinstance(count, bool) or not isinstance(count, int | float):
        return 0
    return int(count) if 0 <= count <= MOST_TOKENS else 0
