"""Token counts of this protocol ↔ `Usage`, whose kinds are disjoint."""

from typing import Any

from engine.values import Usage
from engine.wire.openai_chat.usage import read_usage as read_chat_usage

__all__ = ["read_usage", "write_usage"]

NAMES = {
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "total_tokens": "total_tokens",
    "input_tokens_details": "prompt_tokens_details",
    "output_tokens_details": "completion_tokens_details",
}
"""The counts are those of OpenAI's chat under other names: cached and written tokens are part of the input, reasoning
is part of the output."""


def read_usage(reported: object) -> Usage | None:
    """The usage that `usage` reports; None where it reports none."""
    if not isinstance(reported, dict):
        return None
    return read_chat_usage({NAMES[name]: value for name, value in reported.items() if name in NAMES})


def write_usage(usage: Usage) -> dict[str, Any]:
    """`usage` as this protocol has it; sound and pictures, which it has no word for, only where there are any."""
    inputs = {"cached_tokens": usage.cached_input, "cache_write_tokens": usage.total_cache_write}
    outputs = {"reasoning_tokens": usage.reasoning}
    inputs |= _some(audio_tokens=usage.audio_input, image_tokens=usage.image_input)
    outputs |= _some(audio_tokens=usage.audio_output, image_tokens=usage.image_output)
    return {
        "input_tokens": usage.total_input,
        "input_tokens_details": inputs,
        "output_tokens": usage.total_output,
        "output_tokens_details": outputs,
        "total_tokens": usage.total_input + usage.total_output,
    }


def _some(**counts: int) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
