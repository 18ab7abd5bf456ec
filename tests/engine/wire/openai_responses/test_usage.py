from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.values import Usage
from engine.wire.openai_responses.usage import read_usage, write_usage

COUNTS = st.integers(0, 10**9)


@given(
    usage=st.builds(
        Usage,
        input=COUNTS,
        cached_input=COUNTS,
        cache_write=COUNTS,
        audio_input=COUNTS,
        image_input=COUNTS,
        output=COUNTS,
        reasoning=COUNTS,
        audio_output=COUNTS,
        image_output=COUNTS,
    )
)
def test_usage_that_is_written_reads_the_same(usage: Usage) -> None:
    """No kind of token is lost or counted twice."""
    assert read_usage(write_usage(usage)) == usage


def test_cached_and_reasoning_tokens_are_parts_of_the_totals() -> None:
    """As OpenAI counts them."""
    reported = {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
        "output_tokens": 8,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 18,
        "cost": 0.1,
    }
    assert read_usage(reported) == Usage(input=5, cached_input=4, cache_write=1, output=3, reasoning=5)


@pytest.mark.parametrize("reported", [None, [], "7", {}, {"prompt_tokens": 3}, {"input_tokens": "3"}])
def test_no_counts_are_no_usage(reported: Any) -> None:
    """What has neither input nor output tokens reports nothing."""
    assert read_usage(reported) is None
