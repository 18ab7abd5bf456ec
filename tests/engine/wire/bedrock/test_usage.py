from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import hub
from engine.values import Usage
from engine.wire.bedrock.usage import TokenUsage, finish_of, read_usage, stop_reason_of, write_usage

COUNTS = st.integers(0, 10**6)


def read(said: Mapping[str, object]) -> Usage | None:
    return read_usage(msgspec.json.decode(msgspec.json.encode(said), type=TokenUsage))


def test_the_cache_is_counted_once() -> None:
    """Both spellings of the cache's counts are one count, and input is without them."""
    said = {
        "inputTokens": 7,
        "outputTokens": 2,
        "totalTokens": 49,
        "cacheReadInputTokens": 30,
        "cacheReadInputTokenCount": 30,
        "cacheWriteInputTokens": 10,
        "cacheWriteInputTokenCount": 10,
        "cacheDetails": [{"ttl": "5m", "inputTokens": 10}],
        "serverToolUsage": {},
    }
    assert read(said) == Usage(input=7, cached_input=30, cache_write=10, output=2)


def test_the_older_spelling_alone_is_read() -> None:
    """Some models send only the names that end in `Count`."""
    said = {"inputTokens": 7, "outputTokens": 2, "cacheReadInputTokenCount": 3, "cacheWriteInputTokenCount": 4}
    assert read(said) == Usage(input=7, cached_input=3, cache_write=4, output=2)


def test_no_counts_are_no_usage() -> None:
    """Where nothing is counted nothing is reported; a count that cannot be one is noise."""
    assert read_usage(None) is None
    assert read({}) is None
    assert read({"inputTokens": -1, "outputTokens": 1e300}) == Usage()


@pytest.mark.parametrize("details", [7, None, [7], [{}], [{"ttl": "1h"}], [{"ttl": "1h", "inputTokens": "9"}]])
def test_details_of_the_cache_that_say_nothing_are_noise(details: object) -> None:
    """What is not told to be kept for an hour is of five minutes."""
    said = {"inputTokens": 1, "cacheWriteInputTokens": 9, "cacheDetails": details}
    assert read(said) == Usage(input=1, cache_write=9)


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_usage_is_read_as_it_was_written(into: int, out: int, cached: int, written: int, hour: int) -> None:
    """Counts that Converse can tell survive the way there and back."""
    usage = Usage(input=into, output=out, cached_input=cached, cache_write=written, cache_write_1h=hour)
    assert read(dict(write_usage(usage))) == usage


@pytest.mark.parametrize(
    ("said", "calls", "finish"),
    [
        ("end_turn", False, hub.Finish.STOP),
        ("end_turn", True, hub.Finish.TOOL_CALLS),
        ("stop_sequence", False, hub.Finish.STOP),
        ("tool_use", True, hub.Finish.TOOL_CALLS),
        ("max_tokens", True, hub.Finish.LENGTH),
        ("model_context_window_exceeded", False, hub.Finish.LENGTH),
        ("guardrail_intervened", False, hub.Finish.CONTENT_FILTER),
        ("content_filtered", False, hub.Finish.CONTENT_FILTER),
        ("malformed_model_output", False, hub.Finish.ERROR),
        ("malformed_tool_use", False, hub.Finish.ERROR),
        ("something_new", False, hub.Finish.ERROR),
        ("", False, hub.Finish.ERROR),
    ],
)
def test_stop_reasons_are_known(said: str, calls: bool, finish: hub.Finish) -> None:
    """Each word of Converse's is one finish; an answer that wants tools says so whatever the model calls its end."""
    assert finish_of(said, calls=calls) is finish


@pytest.mark.parametrize("finish", list(hub.Finish))
def test_every_finish_has_a_stop_reason(finish: hub.Finish) -> None:
    """What another protocol ended with is said in Converse's words, and Converse's own word is kept."""
    assert finish_of(stop_reason_of(finish, "", calls=False), calls=False) in {finish, hub.Finish.STOP}
    assert stop_reason_of(finish, "stop_sequence", calls=False) == "stop_sequence"
    assert stop_reason_of(hub.Finish.STOP, "stop", calls=True) == "tool_use"
    assert stop_reason_of(None, "", calls=False) == "end_turn"
