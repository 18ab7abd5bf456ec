import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.limits.bucket import Rate, correct, peek, take

MINUTE = Rate(count=60, per_s=60.0, burst=20)
RATES = st.builds(
    Rate, count=st.integers(1, 10**6), per_s=st.sampled_from([1.0, 60.0, 86_400.0]), burst=st.integers(1, 10**6)
)


def taken(rate: Rate, amounts: list[int], at_s: list[float]) -> list[tuple[float, int]]:
    """When and how much was let through."""
    tat_s, passed = 0.0, []
    for amount, now_s in zip(amounts, at_s, strict=True):
        tat_s, wait_s = take(tat_s, rate, amount, now_s)
        if wait_s == 0.0:
            passed.append((now_s, amount))
    return passed


@pytest.mark.parametrize("now_s", [0.0, 5.0, 31_536_000.1])
@pytest.mark.parametrize("count", [1, 3, 7, 60, 999_983])
def test_a_full_bucket_gives_its_whole_burst_and_no_more(count: int, now_s: float) -> None:
    """Rounding never costs the last whole thing, however the seconds divide and however long the host is up."""
    rate, tat_s = Rate(count=count, per_s=60.0, burst=min(count, 60)), 0.0
    for _ in range(rate.burst):
        tat_s, wait_s = take(tat_s, rate, 1, now_s)
        assert wait_s == 0.0
    assert take(tat_s, rate, 1, now_s)[1] == pytest.approx(60.0 / count, rel=1e-3, abs=1e-6)


def test_a_refusal_takes_nothing_and_says_when_to_come_back() -> None:
    """Whoever waits as long as it was told to gets through."""
    tat_s, _ = take(0.0, MINUTE, 20, 100.0)
    refused_s, wait_s = take(tat_s, MINUTE, 5, 100.0)
    assert (refused_s, wait_s) == (tat_s, 5.0)
    assert peek(tat_s, MINUTE, 5, 105.0) == 0.0
    assert take(tat_s, MINUTE, 5, 105.0) == (125.0, 0.0)


def test_what_exceeds_the_burst_passes_from_a_full_bucket_and_is_owed() -> None:
    """A single large request is slowed, not shut out for ever, and the rate holds in the long run."""
    tat_s, wait_s = take(0.0, MINUTE, 50, 100.0)
    assert wait_s == 0.0
    assert peek(tat_s, MINUTE, 1, 100.0) == 31.0
    assert peek(tat_s, MINUTE, 50, 149.0) == 1.0


def test_a_corrected_estimate_counts_as_if_it_had_been_right() -> None:
    """Settling to the truth leaves the bucket as though the truth had been taken at first."""
    reserved_s, _ = take(0.0, MINUTE, 15, 100.0)
    exact_s, _ = take(0.0, MINUTE, 4, 100.0)
    assert correct(reserved_s, MINUTE, -11) == exact_s
    assert correct(exact_s, MINUTE, 11) == reserved_s


@given(RATES, st.lists(st.tuples(st.integers(1, 10**6), st.floats(0, 1e5)), max_size=30))
def test_no_interleaving_lets_more_through_than_burst_and_rate(rate: Rate, asks: list[tuple[int, float]]) -> None:
    """Over any stretch of time, what passes is at most the burst (or one larger request) and what was refilled."""
    gaps_s = [gap_s for _, gap_s in asks]
    passed = taken(rate, [amount for amount, _ in asks], list(itertools.accumulate(gaps_s)))
    for first, last in itertools.combinations_with_replacement(range(len(passed)), 2):
        stretch = passed[first : last + 1]
        most = max(rate.burst, *(amount for _, amount in stretch), 0)
        refilled = (stretch[-1][0] - stretch[0][0] + 1e-5) * rate.count / rate.per_s
        assert sum(amount for _, amount in stretch) <= most + refilled
