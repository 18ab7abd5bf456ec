"""What an answer is charged by: tokens, and beside them pictures, seconds of sound, characters, searches."""

from typing import Any, Literal

from engine.values import Measures, Usage

__all__ = ["count", "heard", "object_in", "read_tokens", "seconds"]

MOST_TOKENS = 10**12
"""More than any answer has; a larger figure is noise and not a count."""

MOST_SECONDS = 10**7
"""Some four months, longer than any recording; a larger figure is noise."""


def count(reported: object) -> int:
    """A count as it was reported; 0 for anything that is no count."""
    if isinstance(reported, bool) or not isinstance(reported, int | float):
        return 0
    return int(reported) if 0 <= reported <= MOST_TOKENS else 0


def seconds(reported: object) -> float | None:
    """A duration as it was reported, as a number or, by Whisper's servers, in a string; None for anything else."""
    if isinstance(reported, str):
        try:
            reported = float(reported)
        except ValueError:
            return None
    if isinstance(reported, bool) or not isinstance(reported, int | float):
        return None
    return float(reported) if 0 <= reported <= MOST_SECONDS else None


def heard(lasts_s: float | None) -> Measures:
    """Sound of that duration; *lasts_s* is None where the answer does not tell it."""
    return Measures(audio_ms=None if lasts_s is None else round(lasts_s * 1000))


def object_in(reported: object, name: str) -> dict[str, Any]:
    """The object under *name*; an empty one where there is none."""
    found = reported.get(name) if isinstance(reported, dict) else None
    return found if isinstance(found, dict) else {}


def read_tokens(reported: object, *, made: Literal["text", "image", "audio"]) -> Usage | None:
    """The usage of a media surface, its kinds made disjoint; None where none was reported.

    OpenAI counts `input_tokens`, with the share of pictures and sound in `input_tokens_details` (images) or
    `input_token_details` (audio), and `output_tokens`, which are of the kind that the surface *made* unless
    `output_tokens_details` says otherwise.

    Source: OpenAI's OpenAPI document, ImageGenUsage and TranscriptTextUsageTokens, read 2026-11.
    """
    if not isinstance(reported, dict) or not ("input_tokens" in reported or "output_tokens" in reported):
        return None
    whole = count(reported.get("input_tokens"))
    details = object_in(reported, "input_tokens_details") or object_in(reported, "input_token_details")
    cached = min(count(details.get("cached_tokens")), whole)
    audio = min(count(details.get("audio_tokens")), whole - cached)
    image = min(count(details.get("image_tokens")), whole - cached - audio)
    all_output = count(reported.get("output_tokens"))
    text = all_output if made == "text" else _text_made(reported, all_output)
    return Usage(
        input=whole - cached - audio - image,
        cached_input=cached,
        audio_input=audio,
        image_input=image,
        output=text,
        image_output=all_output - text if made == "image" else 0,
        audio_output=all_output - text if made == "audio" else 0,
    )


def _text_made(reported: dict[str, Any], whole: int) -> int:
    details = object_in(reported, "output_tokens_details") or object_in(reported, "output_token_details")
    return min(count(details.get("text_tokens")), whole)
