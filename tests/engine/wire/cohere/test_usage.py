import pytest

from engine.values import Usage
from engine.wire.cohere.usage import encode_usage, read_usage


def test_what_is_billed_is_taken() -> None:
    """`billed_units` counts, since that is what Cohere charges; `tokens` only where it stands alone."""
    billed, tokens = {"input_tokens": 12, "output_tokens": 3}, {"input_tokens": 212, "output_tokens": 4}
    assert read_usage({"billed_units": billed, "tokens": tokens}) == Usage(input=12, output=3)
    assert read_usage({"billed_units": billed}) == Usage(input=12, output=3)
    for nothing in (None, {}, {"search_units": 1}):
        assert read_usage({"billed_units": nothing, "tokens": tokens}) == Usage(input=212, output=4)


@pytest.mark.parametrize(("cached", "charged"), [(112, 0), (1472, 62), (1508, 98), (9_999, 98)])
def test_a_cache_has_first_what_is_not_charged(cached: int, charged: int) -> None:
    """Of the cached tokens those are left out that Cohere puts before a prompt and does not charge."""
    tokens = {"input_tokens": 1508, "output_tokens": 67, "reasoning_tokens": 40}
    billed = {"input_tokens": 98, "output_tokens": 35}
    usage = read_usage({"billed_units": billed, "tokens": tokens, "cached_tokens": cached})
    assert usage == Usage(input=98 - charged, cached_input=charged, reasoning=35)


def test_pictures_are_among_what_is_billed() -> None:
    """The tokens of pictures stand beside the input that was read, and inside the input that is charged."""
    tokens = {"input_tokens": 34, "output_tokens": 56, "image_tokens": 259}
    billed = {"input_tokens": 267, "output_tokens": 52}
    assert read_usage({"tokens": tokens, "billed_units": billed}) == Usage(input=8, image_input=259, output=52)


def test_kinds_are_disjoint() -> None:
    """Cached and reasoning tokens are taken out of what they are counted in; those of pictures stand beside it."""
    tokens = {"input_tokens": 100, "output_tokens": 50, "reasoning_tokens": 40, "image_tokens": 9}
    usage = read_usage({"tokens": tokens, "cached_tokens": 80})
    assert usage == Usage(input=20, cached_input=80, image_input=9, output=10, reasoning=40)


@pytest.mark.parametrize("reported", [None, [], 7, {}, {"tokens": None}, {"tokens": {}}, {"cached_tokens": 4}])
def test_nothing_reported_is_no_usage(reported: object) -> None:
    """Where there are no counts there is no usage, and not one of zeros."""
    assert read_usage(reported) is None


@pytest.mark.parametrize("count", [-1, True, "7", None, 1e30, [], float("nan")])
def test_noise_is_no_count(count: object) -> None:
    """A count that cannot be one is zero."""
    assert read_usage({"tokens": {"input_tokens": count, "output_tokens": 2}}) == Usage(output=2)


def test_it_comes_back() -> None:
    """Written and read again, every kind that Cohere knows is what it was."""
    usage = Usage(input=20, cached_input=80, image_input=9, output=10, reasoning=40)
    assert read_usage(encode_usage(usage)) == usage
