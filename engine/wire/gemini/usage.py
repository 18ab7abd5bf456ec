"""Token counts as Gemini reports them ↔ `Usage`, whose kinds are disjoint.

`promptTokenCount` includes what came from the cache; `candidatesTokenCount` excludes thoughts and is missing when zero;
what built-in tools put into the prompt has a count of its own. The total is the sum of these three and the thoughts.

Source: https://ai.google.dev/api/generate-content#UsageMetadata, read 2026-11.
"""

import msgspec

from engine.values import Usage
from engine.wire.gemini.chunk import is_given

__all__ = ["read_service_tier", "read_usage", "write_usage"]

MOST_TOKENS = 10**12
"""More than any answer has; a larger figure is noise and not a count."""

MODALITIES = {2: "IMAGE", 4: "AUDIO"}
"""Numbers that stand for modalities, as far as these have a price of their own."""


class _Count(msgspec.Struct, rename="camel", gc=False):
    modality: str | int | None = None
    token_count: int | None = None


_Details = list[_Count] | None


class _Reported(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    prompt_tokens_details: _Details = None
    cache_tokens_details: _Details = None
    tool_use_prompt_tokens_details: _Details = None
    candidates_tokens_details: _Details = None
    service_tier: str | None = None


_REPORTED = msgspec.json.Decoder(_Reported)


def read_usage(raw: msgspec.Raw) -> Usage | None:
    """The usage in a `usageMetadata`; None where it counts nothing, as in Vertex's first chunks.

    Raises:
        msgspec.ValidationError: a count is no whole number.
    """
    if not is_given(raw):
        return None
    said = _REPORTED.decode(raw)
    if said.prompt_token_count is None and said.candidates_token_count is None and said.thoughts_token_count is None:
        return None
    all_input = _count(said.prompt_token_count) + _count(said.tool_use_prompt_token_count)
    audio = _of(said.prompt_tokens_details, "AUDIO") + _of(said.tool_use_prompt_tokens_details, "AUDIO")
    image = _of(said.prompt_tokens_details, "IMAGE") + _of(said.tool_use_prompt_tokens_details, "IMAGE")
    kinds = (
        _count(said.cached_content_token_count),
        max(0, audio - _of(said.cache_tokens_details, "AUDIO")),
        max(0, image - _of(said.cache_tokens_details, "IMAGE")),
    )
    cached, audio_input, image_input, text = _shares(all_input, kinds)
    spoken = (_of(said.candidates_tokens_details, "AUDIO"), _of(said.candidates_tokens_details, "IMAGE"))
    audio_output, image_output, output = _shares(_count(said.candidates_token_count), spoken)
    return Usage(
        input=text,
        cached_input=cached,
        audio_input=audio_input,
        image_input=image_input,
        output=output,
        reasoning=_count(said.thoughts_token_count),
        audio_output=audio_output,
        image_output=image_output,
    )


def read_service_tier(raw: msgspec.Raw) -> str:
    """The tier that served the answer; empty where it is not said."""
    return _REPORTED.decode(raw).service_tier or "" if is_given(raw) else ""


def write_usage(usage: Usage, service_tier: str = "") -> dict[str, object]:
    """The `usageMetadata` for *usage*. What was written to a cache is part of the prompt."""
    candidates = usage.output + usage.audio_output + usage.image_output
    told: dict[str, object] = {"promptTokenCount": usage.total_input, "candidatesTokenCount": candidates}
    told["totalTokenCount"] = usage.total_input + usage.total_output
    if usage.cached_input:
        told["cachedContentTokenCount"] = usage.cached_input
    if usage.reasoning:
        told["thoughtsTokenCount"] = usage.reasoning
    if usage.audio_input or usage.image_input:
        told["promptTokensDetails"] = _details(usage.total_input, usage.audio_input, usage.image_input)
    if usage.audio_output or usage.image_output:
        told["candidatesTokensDetails"] = _details(candidates, usage.audio_output, usage.image_output)
    if service_tier:
        told["serviceTier"] = service_tier
    return told


def _details(whole: int, audio: int, image: int) -> list[dict[str, object]]:
    counts = {"TEXT": whole - audio - image, "AUDIO": audio, "IMAGE": image}
    return [{"modality": name, "tokenCount": count} for name, count in counts.items() if count]


def _of(details: _Details, modality: str) -> int:
    found = 0
    for each in details or ():
        name = MODALITIES.get(each.modality) if isinstance(each.modality, int) else each.modality
        if name == modality:
            found += _count(each.token_count)
    return found


def _shares(whole: int, kinds: tuple[int, ...]) -> tuple[int, ...]:
    """*kinds*, cut so that together they do not exceed *whole*, and last what they leave of it."""
    shares = []
    for count in kinds:
        shares.append(min(count, whole))
        whole -= shares[-1]
    return (*shares, whole)


def _count(count: int | None) -> int:
    return count if count is not None and 0 <= count <= MOST_TOKENS else 0
