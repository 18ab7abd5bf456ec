from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.values import Usage
from engine.wire.openai_chat.usage import read_usage, write_usage

COUNTS = [field.name for field in msgspec.structs.fields(Usage) if field.name != "source"]


def usage(prompt: int, completion: int, **more: Any) -> Usage | None:
    return read_usage({"prompt_tokens": prompt, "completion_tokens": completion, **more})


@pytest.mark.parametrize(
    "more",
    [
        {"prompt_tokens_details": {"cached_tokens": 4}},
        {"prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6},
        {"cached_tokens": 4},
        {"num_cached_tokens": 4},
        {"prompt_tokens_details": {"cached_tokens": 4}, "prompt_cache_hit_tokens": 4},
    ],
)
def test_cached_tokens_under_each_name(more: dict[str, Any]) -> None:
    """Cached tokens are part of the prompt under every provider's name for them, and counted once."""
    assert usage(10, 1, **more) == Usage(input=6, cached_input=4, output=1)


def test_cache_writes_under_both_names() -> None:
    """Written tokens are told in the details at OpenRouter and at the top at Vercel."""
    assert usage(10, 1, prompt_tokens_details={"cache_write_tokens": 3}) == Usage(input=7, cache_write=3, output=1)
    assert usage(10, 1, cache_creation_input_tokens=3) == Usage(input=7, cache_write=3, output=1)


def test_reasoning_within_the_completion() -> None:
    """OpenAI counts reasoning as part of the completion."""
    details = {"reasoning_tokens": 40}
    assert usage(10, 50, total_tokens=60, completion_tokens_details=details) == Usage(input=10, output=10, reasoning=40)


def test_reasoning_beside_the_completion() -> None:
    """At xAI it stands beside, which shows in the total."""
    details = {"reasoning_tokens": 40}
    assert usage(10, 50, total_tokens=100, completion_tokens_details=details) == Usage(
        input=10, output=50, reasoning=40
    )


def test_reasoning_in_the_total_alone() -> None:
    """Gemini's compatible endpoint tells of its thoughts in the total only."""
    assert usage(35, 12, total_tokens=109) == Usage(input=35, output=12, reasoning=62)


def test_more_reasoning_than_completion() -> None:
    """Vercel's gateway bills reasoning beside the completion, though its total leaves it out."""
    details = {"reasoning_tokens": 25}
    assert usage(9, 2, total_tokens=11, completion_tokens_details=details) == Usage(input=9, output=2, reasoning=25)


@pytest.mark.parametrize("reported", [None, {}, [], "7", 7, {"total_tokens": 3}, {"prompt_tokens": None}])
def test_no_counts_are_no_usage(reported: object) -> None:
    """What has neither prompt nor completion tokens reports nothing."""
    assert read_usage(reported) is None


@pytest.mark.parametrize("odd", [None, "7", True, -1, 10**13, 10**30, float("inf"), [], {}])
def test_a_figure_that_is_no_count_is_none(odd: object) -> None:
    """It counts as nothing wherever it stands, and what stands beside it still counts."""
    assert usage(10, 1, prompt_tokens_details={"cached_tokens": 4, "audio_tokens": odd}) == usage(
        10, 1, cached_tokens=4
    )
    assert usage(10, 1, cached_tokens=4, prompt_tokens_details=odd) == Usage(input=6, cached_input=4, output=1)
    assert read_usage({"prompt_tokens": odd, "completion_tokens": 3}) == Usage(output=3)
    assert read_usage({"prompt_tokens": 3, "completion_tokens": odd}) == Usage(input=3)


def test_a_fraction_is_cut() -> None:
    """Some providers count in floats."""
    assert read_usage({"prompt_tokens": 2.5, "completion_tokens": 3.0}) == Usage(input=2, output=3)


VALUES: st.SearchStrategy[Any] = st.integers() | st.sampled_from([None, "7", True, 2.0, 2.5, float("inf"), [], {}])
DETAILS = st.dictionaries(
    st.sampled_from(["cached_tokens", "cache_write_tokens", "audio_tokens", "image_tokens", "reasoning_tokens"]), VALUES
)
NAMES = ["prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "reasoning_tokens"]
REPORTED = st.dictionaries(st.sampled_from(NAMES), VALUES)


@given(
    prompt=st.integers(0, 10**6),
    completion=st.integers(0, 10**6),
    inside=DETAILS,
    outside=DETAILS,
    more=REPORTED,
)
def test_kinds_are_disjoint(
    prompt: int, completion: int, inside: dict[str, Any], outside: dict[str, Any], more: dict[str, Any]
) -> None:
    """Whatever the details claim, input kinds add up to the prompt, and output is never less than the completion."""
    reported = more | {"prompt_tokens": prompt, "completion_tokens": completion}
    found = read_usage(reported | {"prompt_tokens_details": inside, "completion_tokens_details": outside})
    assert found is not None
    assert found.total_input == prompt
    assert found.total_output >= completion
    assert min(found.input, found.output, found.cached_input, found.reasoning) >= 0


@given(reported=REPORTED)
def test_no_report_is_too_strange(reported: dict[str, Any]) -> None:
    """Any JSON in place of usage gives usage or none."""
    found = read_usage(reported)
    assert found is None or isinstance(found, Usage)


@given(st.builds(Usage, **{name: st.integers(0, 9) for name in COUNTS}))
def test_what_is_written_is_read_again(usage: Usage) -> None:
    """Every kind of token has a place in OpenAI's object or beside it; how long a cache is kept has none."""
    told = msgspec.structs.replace(usage, cache_write=usage.total_cache_write, cache_write_1h=0)
    assert read_usage(write_usage(usage)) == told
