import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.values import Measures, Usage
from engine.wire.measures import count, heard, read_tokens, seconds

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def test_pictures_are_made_of_image_tokens() -> None:
    """All output of a picture model is picture, where its report does not say otherwise."""
    reported = {
        "input_tokens": 60,
        "output_tokens": 272,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 50},
    }
    assert read_tokens(reported, made="image") == Usage(input=10, image_input=50, image_output=272)


def test_pictures_with_words() -> None:
    """Newer picture models report how much of their output is text."""
    reported = {
        "input_tokens": 8,
        "output_tokens": 100,
        "output_tokens_details": {"text_tokens": 20, "image_tokens": 80},
    }
    assert read_tokens(reported, made="image") == Usage(input=8, output=20, image_output=80)


def test_sound_and_cache_in_the_input() -> None:
    """The share of sound and of what was cached is taken out of the input, and nothing is counted twice."""
    details = {"audio_tokens": 37, "text_tokens": 3, "cached_tokens": 10}
    reported = {"input_tokens": 50, "output_tokens": 9, "input_token_details": details}
    assert read_tokens(reported, made="text") == Usage(input=3, cached_input=10, audio_input=37, output=9)
    assert read_tokens({"input_tokens": 5, "output_tokens": 9}, made="audio") == Usage(input=5, audio_output=9)


@pytest.mark.parametrize("reported", [None, 7, [], {}, {"cost_in_usd_ticks": 7}, {"type": "duration", "seconds": 7}])
def test_no_tokens_are_no_usage(reported: object) -> None:
    """What counts no tokens, xAI's price or seconds, is no usage."""
    assert read_tokens(reported, made="image") is None


@given(whole=st.integers(0, 10**6), details=st.dictionaries(st.sampled_from(["audio_tokens", "image_tokens"]), JSON))
def test_kinds_are_disjoint(whole: int, details: dict[str, Any]) -> None:
    """Whatever the details claim, the kinds add up to the whole."""
    usage = read_tokens({"input_tokens": whole, "output_tokens": whole, "input_tokens_details": details}, made="image")
    assert usage is not None
    assert usage.total_input == usage.total_output == whole
    assert min(usage.input, usage.image_input, usage.audio_input) >= 0


@given(reported=JSON)
def test_no_report_is_too_strange(reported: Any) -> None:
    """Any JSON in place of a report gives a figure or none."""
    assert read_tokens({"input_tokens": reported, "output_tokens_details": reported}, made="audio") is not None
    assert 0 <= count(reported) <= 10**12
    lasts = seconds(reported)
    assert lasts is None or (math.isfinite(lasts) and lasts >= 0)


def test_durations() -> None:
    """A duration is a number, or the text of one, as Whisper's own server writes it."""
    assert (seconds(3.5), seconds(3), seconds("3.5"), seconds("x"), seconds(-1), seconds(True)) == (
        3.5,
        3.0,
        3.5,
        None,
        None,
        None,
    )


def test_sound_is_measured_in_milliseconds() -> None:
    """A length is rounded to the millisecond; one that is not told is not 0."""
    assert (heard(8.4700002670), heard(0), heard(None)) == (
        Measures(audio_ms=8470),
        Measures(),
        Measures(audio_ms=None),
    )
