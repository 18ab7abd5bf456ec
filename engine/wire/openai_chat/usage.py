"""Token counts as OpenAI and its look-alikes report them ↔ `Usage`, whose kinds are disjoint."""

from math import isfinite
from typing import Annotated, Any

import msgspec

from engine.values import Usage

__all__ = ["read_usage", "write_usage"]

NUMBERS = frozenset({int, float})
"""The types of a count; `bool` is not among them, though Python calls it an `int`."""

PLAIN = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})
"""All that many providers report; there is nothing in it to take apart."""

MOST_TOKENS = 10**12
"""More than any answer has; a larger figure is noise and not a count."""

_Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_TOKENS)]


class _Details(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: _Count = 0
    cache_write_tokens: _Count = 0
    reasoning_tokens: _Count = 0
    audio_tokens: _Count = 0
    image_tokens: _Count = 0


_NO_DETAILS = _Details()


class _Reported(msgspec.Struct, frozen=True, gc=False):
    prompt_tokens: _Count
    completion_tokens: _Count = 0
    total_tokens: _Count = 0
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    prompt_cache_hit_tokens: _Count = 0
    """Cached tokens, as DeepSeek calls them."""
    cached_tokens: _Count = 0
    """The same, at Together and Moonshot."""
    num_cached_tokens: _Count = 0
    """The same, at Mistral."""
    cache_creation_input_tokens: _Count = 0
    """Tokens written to the cache, at Vercel."""
    reasoning_tokens: _Count = 0


def read_usage(reported: object) -> Usage | None:
    """The usage a provider reported, its kinds made disjoint; None where it reported none.

    Whatever the details say, `total_input` is `prompt_tokens`. Completion tokens include reasoning, unless the total
    says that they do not: xAI reports `total = prompt + completion + reasoning`, and Gemini's compatible endpoint has
    its reasoning in the total alone.
    """
    if not isinstance(reported, dict):
        return None
    try:
        said = msgspec.convert(reported, _Reported)
    except msgspec.ValidationError:
        if not (_has(reported, "prompt_tokens") or _has(reported, "completion_tokens")):
            return None
        said = msgspec.convert(_mended(reported), _Reported)
    prompt, completion = said.prompt_tokens, said.completion_tokens
    beyond = said.total_tokens - prompt - completion
    if reported.keys() <= PLAIN:
        return Usage(input=prompt, output=completion, reasoning=max(0, beyond))
    inputs, outputs = said.prompt_tokens_details or _NO_DETAILS, said.completion_tokens_details or _NO_DETAILS
    cached = inputs.cached_tokens or said.prompt_cache_hit_tokens or said.cached_tokens or said.num_cached_tokens
    written = inputs.cache_write_tokens or said.cache_creation_input_tokens
    cached, written, audio_input, image_input, text = _shares(
        prompt, (cached, written, inputs.audio_tokens, inputs.image_tokens)
    )
    all_output, reasoning = _output(completion, outputs.reasoning_tokens or said.reasoning_tokens, beyond)
    reasoning, audio_output, image_output, output = _shares(
        all_output, (reasoning, outputs.audio_tokens, outputs.image_tokens)
    )
    return Usage(
        input=text,
        cached_input=cached,
        cache_write=written,
        audio_input=audio_input,
        image_input=image_input,
        output=output,
        reasoning=reasoning,
        audio_output=audio_output,
        image_output=image_output,
    )


def _output(completion: int, reasoning: int, beyond: int) -> tuple[int, int]:
    """All output tokens, and how many of them are reasoning. *beyond* is by how much the total exceeds its parts."""
    if beyond > 0 and reasoning in (0, beyond):
        return completion + beyond, beyond
    if reasoning > completion:
        return completion + reasoning, reasoning
    return completion, reasoning


def _shares(whole: int, kinds: tuple[int, ...]) -> tuple[int, ...]:
    """*kinds*, cut so that together they do not exceed *whole*, and last what they leave of it."""
    left = whole - sum(kinds)
    if left >= 0:
        return (*kinds, left)
    shares = []
    for count in kinds:
        shares.append(min(count, whole))
        whole -= shares[-1]
    return (*shares, whole)


def _mended(reported: dict[str, Any]) -> dict[str, Any]:
    """What was *reported*, with 0 for each figure that is no count."""
    details = {name: _counts(reported.get(name)) for name in ("prompt_tokens_details", "completion_tokens_details")}
    return {"prompt_tokens": 0} | _counts(reported) | details


def _counts(figures: object) -> dict[str, int]:
    return {name: _count(figure) for name, figure in figures.items()} if isinstance(figures, dict) else {}


def _count(figure: Any) -> int:
    if type(figure) is not int:
        figure = int(figure) if type(figure) is float and isfinite(figure) else 0
    return figure if 0 <= figure <= MOST_TOKENS else 0


def _has(figures: dict[str, Any], name: str) -> bool:
    return type(figures.get(name)) in NUMBERS


def write_usage(usage: Usage) -> dict[str, Any]:
    """OpenAI's usage object: the counts nested again, in the details that OpenAI sends and, if there are any, others.

    `read_usage` turns it back into *usage*, except for its source and for how long a cache is kept: OpenAI has no word
    for either.
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
