from typing import Any

import pytest

from engine.values import Usage
from engine.wire.anthropic_messages.usage import read_usage, written, written_delta


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        (None, None),
        ("7", None),
        ({}, None),
        ({"service_tier": "standard"}, None),
        ({"input_tokens": 3, "output_tokens": 4}, Usage(input=3, output=4)),
        ({"output_tokens": 4}, Usage(output=4)),
        (
            {"input_tokens": 3, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 6, "output_tokens": 4},
            Usage(input=3, cached_input=5, cache_write=6, output=4),
        ),
        (
            {
                "input_tokens": 3,
                "output_tokens": 9,
                "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 4},
                "output_tokens_details": {"thinking_tokens": 7},
            },
            Usage(input=3, cache_write=2, cache_write_1h=4, output=2, reasoning=7),
        ),
        (
            {"input_tokens": 3, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 70}},
            Usage(input=3, reasoning=9),
        ),
        ({"input_tokens": True, "output_tokens": -1, "cache_read_input_tokens": 10**15}, Usage()),
        (
            {"input_tokens": 3, "output_tokens": 4, "cache_creation": 7, "cache_creation_input_tokens": None},
            Usage(input=3, output=4),
        ),
    ],
)
def test_reports_are_read(reported: Any, usage: Usage | None) -> None:
    """Cached and written tokens stand beside the input, thinking inside the output; noise counts nothing."""
    assert read_usage(reported) == usage


def test_the_sum_counts_before_its_split() -> None:
    """A sum of written tokens that a later event corrects holds against the split of the first."""
    split = {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 4}
    reported = {"input_tokens": 1, "cache_creation_input_tokens": 10, "cache_creation": split}
    assert read_usage(reported) == Usage(input=1, cache_write=6, cache_write_1h=4)
    assert read_usage(reported | {"cache_creation_input_tokens": 3}) == Usage(input=1, cache_write_1h=3)


def test_what_is_written_reads_the_same() -> None:
    """Counts go out in this protocol's own shape; media count as input and as output."""
    usage = Usage(input=1, cached_input=2, cache_write=3, output=4, reasoning=5)
    assert read_usage(written(usage)) == usage
    hour = Usage(input=1, cache_write=3, cache_write_1h=6, output=4)
    assert read_usage(written(hour)) == hour
    assert read_usage(written_delta(hour)) == hour
    media = Usage(input=1, audio_input=2, image_input=3, output=4, audio_output=5, image_output=6)
    assert read_usage(written_delta(media)) == Usage(input=6, output=15)


def test_nothing_known_is_written_as_zeros() -> None:
    """The SDKs' types want both counts."""
    assert written(None, "standard") == {
        "input_tokens": 0,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 0,
        "service_tier": "standard",
    }
