"""Token counts as OpenAI and its look-alikes report them ↔ `Usage`, whose kinds are disjoint."""

from math import isfinite
from typing import Any

from engine.values import Usage

__all__ = ["read_usage", "write_usage"]

NUMBERS = frozenset({int, float})
"""What a count may be; `bool` is neither, though Python calls it an `int`."""

PLAIN = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})
"""What most providers report, and nothing to take apart in it."""

MOST_TOKENS = 10**12
"""More than any answer has; a larger figure is noise and not a count."""


def read_usage(reported: object) -> Usage | None:
    """The usage a provider reported, its kinds made disjoint; None where it reported none.

    Whatever the details say, `total_input` is `prompt_tokens`. Completion tokens include reasoning, unless the total
    says that they do not: xAI reports `total = prompt + completion + reasoning`, and Gemini's compatible endpoint has
    its reasoning in the total alone.
    """
    if not isinstance(reported, dict) or not (_has(reported, "prompt_tokens") or _has(reported, "completion_tokens")):
        return None
    prompt = _count(reported, "prompt_tokens")
    if reported.keys() <= PLAIN:
        completion = _count(reported, "completion_tokens")
        return Usage(input=prompt, output=completion, reasoning=max(0, _beyond(reported, prompt + completion)))
    cached, cache_write, audio_input, image_input, text = _shares(prompt, _input_kinds(reported))
    all_output, reasoning = _output(reported, prompt)
    details = _details(reported, "completion_tokens_details")
    kinds = (reasoning, _count(details, "audio_tokens"), _count(details, "image_tokens"))
    reasoning, audio_output, image_output, output = _shares(all_output, kinds)
    return Usage(
        input=text,
        cached_input=cached,
        cache_write=cache_write,
        audio_input=audio_input,
        image_input=image_input,
        output=output,
        reasoning=reasoning,
        audio_output=audio_output,
        image_output=image_output,
    )


def _input_kinds(reported: dict[str, Any]) -> tuple[int, int, int, int]:
    """Cached, cache-written, audio and image tokens.

    Cached tokens stand in `prompt_tokens_details` at most providers, at the top as `prompt_cache_hit_tokens`
    (DeepSeek), `cached_tokens` (Together, Moonshot) or `num_cached_tokens` (Mistral); written ones likewise, at the top
    at Vercel.
    """
    details = _details(reported, "prompt_tokens_details")
    cached = (
        _count(details, "cached_tokens")
        or _count(reported, "prompt_cache_hit_tokens")
        or _count(reported, "cached_tokens")
        or _count(reported, "num_cached_tokens")
    )
    written = _count(details, "cache_write_tokens") or _count(reported, "cache_creation_input_tokens")
    return cached, written, _count(details, "audio_tokens"), _count(details, "image_tokens")


def _output(reported: dict[str, Any], prompt: int) -> tuple[int, int]:
    """All output tokens, and how many of them are reasoning."""
    completion = _count(reported, "completion_tokens")
    details = _details(reported, "completion_tokens_details")
    reasoning = _count(details, "reasoning_tokens") or _count(reported, "reasoning_tokens")
    beyond = _beyond(reported, prompt + completion)
    if beyond > 0 and reasoning in (0, beyond):
        return completion + beyond, beyond
    if reasoning > completion:
        return completion + reasoning, reasoning
    return completion, reasoning


def _beyond(reported: dict[str, Any], counted: int) -> int:
    """By how many tokens the total exceeds what was *counted*; below 0 where there is none."""
    return _count(reported, "total_tokens") - counted


def _shares(whole: int, kinds: tuple[int, ...]) -> tuple[int, ...]:
    """*kinds*, cut so that they do not exceed *whole* together, and what is left of it as the last."""
    shares = []
    for count in kinds:
        shares.append(min(count, whole))
        whole -= shares[-1]
    return (*shares, whole)


def _has(counts: dict[str, Any], name: str) -> bool:
    return type(counts.get(name)) in NUMBERS


def _count(counts: dict[str, Any], name: str) -> int:
    count: Any = counts.get(name)
    if type(count) is not int:
        count = int(count) if type(count) is float and isfinite(count) else 0
    return count if 0 <= count <= MOST_TOKENS else 0


def _details(reported: dict[str, Any], name: str) -> dict[str, Any]:
    details = reported.get(name)
    return details if isinstance(details, dict) else {}


def write_usage(usage: Usage) -> dict[str, Any]:
    """OpenAI's usage object: the counts nested again, in the details that OpenAI sends and, if there are any, others.

    `read_usage` of it is *usage*, except for its source, and that OpenAI has no word for how long a cache is kept.
    """
    written = {"cache_write_tokens": usage.total_cache_write, "image_tokens": usage.image_input}
    made = {"image_tokens": usage.image_output}
    return {
        "prompt_tokens": usage.total_input,
        "completion_tokens": usage.total_output,
        "total_tokens": usage.total_input + usage.total_output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_input,
            "audio_tokens": usage.audio_input,
            **{name: count for name, count in written.items() if count},
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": usage.audio_output,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
            **{name: count for name, count in made.items() if count},
        },
    }
