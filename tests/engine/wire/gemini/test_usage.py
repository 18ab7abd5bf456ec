from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.values import Usage
from engine.wire.gemini.usage import read_service_tier, read_usage, write_usage


def read(**said: Any) -> Usage | None:
    return read_usage(msgspec.Raw(msgspec.json.encode(said)))


def details(**counts: int) -> list[dict[str, Any]]:
    return [{"modality": name, "tokenCount": count} for name, count in counts.items()]


CASES: list[tuple[dict[str, Any], Usage | None]] = [
    ({"promptTokenCount": 10, "candidatesTokenCount": 4, "totalTokenCount": 14}, Usage(input=10, output=4)),
    ({"promptTokenCount": 10, "totalTokenCount": 10}, Usage(input=10)),
    (
        {"promptTokenCount": 10, "candidatesTokenCount": 4, "thoughtsTokenCount": 30},
        Usage(input=10, output=4, reasoning=30),
    ),
    (
        {"promptTokenCount": 10, "toolUsePromptTokenCount": 90, "candidatesTokenCount": 4},
        Usage(input=100, output=4),
    ),
    ({"promptTokenCount": 100, "cachedContentTokenCount": 60}, Usage(input=40, cached_input=60)),
    (
        {
            "promptTokenCount": 100,
            "cachedContentTokenCount": 60,
            "promptTokensDetails": details(TEXT=20, AUDIO=50, IMAGE=30),
            "cacheTokensDetails": details(AUDIO=40, TEXT=20),
        },
        Usage(cached_input=60, audio_input=10, image_input=30),
    ),
    (
        {"promptTokenCount": 5, "candidatesTokenCount": 9, "candidatesTokensDetails": details(IMAGE=7, TEXT=2)},
        Usage(input=5, output=2, image_output=7),
    ),
    (
        {"promptTokenCount": 5, "promptTokensDetails": [{"modality": 4, "tokenCount": 3}, {"modality": 1}]},
        Usage(input=2, audio_input=3),
    ),
    ({"promptTokenCount": 5, "promptTokensDetails": details(AUDIO=99)}, Usage(audio_input=5)),
    ({"promptTokenCount": -5, "candidatesTokenCount": 1}, Usage(output=1)),
    ({"trafficType": "ON_DEMAND"}, None),
]


@pytest.mark.parametrize(("said", "usage"), CASES)
def test_kinds_are_made_disjoint(said: dict[str, Any], usage: Usage | None) -> None:
    """Caches are part of the prompt, thoughts are no part of the candidates, and what is missing is zero."""
    assert read(**said) == usage


def test_no_metadata_is_no_usage() -> None:
    """Nothing is made up where nothing was said."""
    assert read_usage(msgspec.Raw(b"null")) is None
    assert read_service_tier(msgspec.Raw(b"null")) == ""
    assert read_service_tier(msgspec.Raw(b'{"serviceTier": "flex"}')) == "flex"


COUNTS = st.integers(0, 10**6)


@given(
    usage=st.builds(
        Usage,
        input=COUNTS,
        cached_input=COUNTS,
        audio_input=COUNTS,
        image_input=COUNTS,
        output=COUNTS,
        reasoning=COUNTS,
        audio_output=COUNTS,
        image_output=COUNTS,
    )
)
def test_counts_come_back(usage: Usage) -> None:
    """What is written is read as the same counts, and its total is all of them."""
    told = write_usage(usage)
    assert read(**told) == usage
    assert told["totalTokenCount"] == usage.total_input + usage.total_output


def test_a_written_cache_is_part_of_the_prompt() -> None:
    """Gemini does not tell writing to a cache apart."""
    assert read(**write_usage(Usage(input=1, cache_write=2))) == Usage(input=3)
