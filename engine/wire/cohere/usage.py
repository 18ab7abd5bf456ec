"""Token counts as Cohere reports them, and `Usage`, whose kinds are disjoint.

Cohere reports two counts: `tokens`, what the model read and wrote, and `billed_units`, what is charged, which excludes
what Cohere itself puts around prompts and answers (docs.cohere.com, "How Does Cohere's Pricing Work?", read 2026-11).
`billed_units` are used where they are reported, since costs and limits depend on them; otherwise `tokens`.
"""

from typing import Any

from engine.values import Usage

__all__ = ["encode_usage", "read_usage"]

MOST_TOKENS = 10**12
"""More than any answer has; a larger figure is noise and not a count."""


def read_usage(reported: object) -> Usage | None:
    """The usage that was reported, its kinds made disjoint; None where none was.

    The input tokens include `cached_tokens`, the output tokens `reasoning_tokens`. `image_tokens` are included in the
    input tokens of `billed_units`, but not in those of `tokens`. What is not charged comes before the caller's own
    prompt, so the cached tokens are taken to begin with it.
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
    """*usage* in Cohere's words. All that was read and written is taken to be billed."""
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
