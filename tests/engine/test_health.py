from collections.abc import Iterable
from functools import reduce

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.health import (
    PACKED_BYTES,
    Breaker,
    BreakerSettings,
    Cancelled,
    Event,
    Failure,
    Phase,
    Success,
    TrialStarted,
    blocked_until_s,
    pack,
    step,
    unpack,
)

SETTINGS = BreakerSettings()
NEW = Breaker()


def after(events: Iterable[Event], state: Breaker = NEW, now_s: float = 100.0) -> Breaker:
    """The state after *events*, all at one instant."""
    return reduce(lambda breaker, event: step(breaker, event, now_s, SETTINGS), events, state)


OPEN = after([Failure()] * 5)
ON_TRIAL = step(OPEN, TrialStarted(), 160.0, SETTINGS)


def test_consecutive_failures_open_it_and_one_success_starts_the_count_again() -> None:
    """Five failures in a row open a breaker; a success between them does not let them add up."""
    assert after([Failure()] * 4).phase is Phase.CLOSED
    assert after([*[Failure()] * 4, Success(), *[Failure()] * 4]).phase is Phase.CLOSED
    assert after([Failure()] * 5).phase is Phase.OPEN


def test_a_share_of_failures_opens_it_once_there_are_enough_requests() -> None:
    """Half of ten failing opens it, half of eight does not, a third of many does not."""
    assert after([Success(), Failure()] * 4).phase is Phase.CLOSED
    assert after([Success(), Failure()] * 5).phase is Phase.OPEN
    assert after([Success(), Success(), Failure()] * 20).phase is Phase.CLOSED


def test_the_window_forgets() -> None:
    """Failures older than the window no longer count; those of half a window ago still do."""
    calm = after([Failure(), Success()] * 4)
    assert step(calm, Failure(), 100.0 + 16, SETTINGS).total_before == 8
    assert after([Success(), Failure()], calm, 100.0 + 16).phase is Phase.OPEN
    assert after([Success(), Failure()], calm, 100.0 + 31).phase is Phase.CLOSED


def test_an_open_breaker_blocks_until_its_pause_is_over() -> None:
    """The end of the pause is known to whoever asks, and holds to the instant."""
    assert blocked_until_s(NEW, 100.0, SETTINGS) == 0.0
    assert blocked_until_s(OPEN, 100.0, SETTINGS) == 160.0
    assert blocked_until_s(OPEN, 159.9, SETTINGS) == 160.0
    assert blocked_until_s(OPEN, 160.0, SETTINGS) == 0.0
    assert step(OPEN, TrialStarted(), 159.9, SETTINGS) == OPEN


def test_a_bounded_number_of_trials_is_let_through() -> None:
    """Half-open takes two at once; a third waits until one has ended."""
    assert ON_TRIAL.phase is Phase.HALF_OPEN
    assert blocked_until_s(ON_TRIAL, 160.0, SETTINGS) == 0.0
    full = after([TrialStarted()], ON_TRIAL, 161.0)
    assert blocked_until_s(full, 161.0, SETTINGS) == 221.0
    assert after([TrialStarted()], full, 161.0) == full
    assert blocked_until_s(after([Cancelled(full.generation)], full, 162.0), 162.0, SETTINGS) == 0.0


def test_as_many_successes_as_trials_close_it() -> None:
    """A recovered provider starts with a clean sheet."""
    trial = ON_TRIAL.generation
    once = after([Success(trial)], ON_TRIAL, 161.0)
    assert once.phase is Phase.HALF_OPEN
    closed = after([TrialStarted(), Success(trial)], once, 162.0)
    assert closed == Breaker(generation=trial, half_from_s=162.0)


def test_failed_trials_double_the_pause_up_to_ten_times() -> None:
    """60, 120, 240, 480 and then 600 seconds, for as long as trials keep failing."""
    state, now_s, pauses = OPEN, 100.0, []
    for _ in range(300):
        until_s = blocked_until_s(state, now_s, SETTINGS)
        pauses.append(until_s - now_s)
        now_s = until_s
        state = step(state, TrialStarted(), now_s, SETTINGS)
        state = step(state, Failure(state.generation), now_s, SETTINGS)
    assert pauses[:6] == [60.0, 120.0, 240.0, 480.0, 600.0, 600.0]
    assert set(pauses[6:]) == {600.0}


@pytest.mark.parametrize("event", [Success(), Failure(), Cancelled(), Success(77), Failure(77)])
@pytest.mark.parametrize("state", [OPEN, ON_TRIAL])
def test_stragglers_decide_nothing(state: Breaker, event: Event) -> None:
    """What began before the breaker opened, or was given up for lost, neither closes it nor frees a trial's place."""
    assert after([event], state, 161.0) == state


def test_lost_trials_give_their_places_back() -> None:
    """A process that is killed with trials in flight does not block a provider for ever."""
    full = after([TrialStarted()], ON_TRIAL, 161.0)
    assert after([TrialStarted()], full, 220.9) == full
    anew = after([TrialStarted()], full, 221.0)
    assert (anew.trials, anew.generation) == (1, full.generation + 1)
    assert after([Failure(full.generation)], anew, 222.0) == anew


EVENTS = st.one_of(
    st.just(TrialStarted()), *(st.builds(kind, st.integers(0, 4)) for kind in (Success, Failure, Cancelled))
)
HISTORIES = st.lists(st.tuples(EVENTS, st.floats(0.0, 100.0)), max_size=60)
ANY_SETTINGS = st.builds(
    BreakerSettings,
    failures=st.integers(1, 5),
    failure_rate=st.floats(0.01, 1.0),
    min_requests=st.integers(1, 20),
    within_s=st.floats(1.0, 100.0),
    open_for_s=st.floats(1.0, 50.0),
    half_open_requests=st.integers(1, 4),
)


@given(HISTORIES, ANY_SETTINGS)
@example(
    [(Failure(0), 0.0), (TrialStarted(), 1.0), (Success(1), 0.0), (Cancelled(1), 0.0)],
    BreakerSettings(failures=1, min_requests=1, within_s=1.0, open_for_s=1.0, half_open_requests=2),
)
def test_every_state_that_can_be_reached_is_valid(
    history: list[tuple[Event, float]], settings: BreakerSettings
) -> None:
    """Whatever happens in whatever order: places are counted right, the state packs, and nobody waits for ever."""
    state, now_s = NEW, 1000.0
    for event, gap_s in history:
        now_s += gap_s
        state = step(state, event, now_s, settings)
        assert 0 <= state.trials <= settings.half_open_requests
        assert 0 <= state.successes < settings.half_open_requests
        assert state.failed <= state.total
        assert state.failures < settings.failures
        assert blocked_until_s(state, now_s, settings) <= now_s + 10 * settings.open_for_s
        assert unpack(pack(state)) == state


def ended(move: str, trial: int) -> Event:
    """What a breaker is told of a trial; one that is lost says nothing."""
    match move:
        case "ok":
            return Success(trial)
        case "fail":
            return Failure(trial)
        case _:
            return Cancelled()


@given(st.lists(st.tuples(st.sampled_from(["start", "ok", "fail", "lost"]), st.floats(0.0, 20.0)), max_size=60))
def test_never_more_trials_are_in_flight_than_allowed(moves: list[tuple[str, float]]) -> None:
    """Counting trials from outside, by what was let through, agrees with the breaker's own books."""
    state, now_s, in_flight = OPEN, 200.0, list[int]()
    for move, gap_s in moves:
        now_s += gap_s
        if move == "start" and state.phase is not Phase.CLOSED and not blocked_until_s(state, now_s, SETTINGS):
            state = step(state, TrialStarted(), now_s, SETTINGS)
            in_flight.append(state.generation)
        elif in_flight and move != "start":
            trial = in_flight.pop()
            state = step(state, ended(move, trial), now_s, SETTINGS)
        assert in_flight.count(state.generation) <= SETTINGS.half_open_requests


def test_a_packed_state_is_small_and_zeros_are_a_new_breaker() -> None:
    """A slot of shared memory that nobody has written to is a closed breaker."""
    assert PACKED_BYTES == 56
    assert unpack(bytes(PACKED_BYTES)) == NEW
    assert unpack(pack(ON_TRIAL)) == ON_TRIAL


def test_successes_that_are_reported_together_count_as_many() -> None:
    """Batching the good news changes nothing but when it is known."""
    assert after([Success(count=7)]) == after([Success()] * 7)
