"""The circuit breaker as (state, event, now) → state: no clock, no I/O, no shared memory.

    closed ── failures in a row, or their share within a window ──► open
    open ── its pause is over and a trial starts ──► half-open
    half-open ── as many successes as trials are let through at once ──► closed
    half-open ── one failed trial ──► open, for twice as long

Instants are seconds of one monotonic clock.
"""

import struct
from enum import IntEnum
from typing import NamedTuple

import msgspec

__all__ = [
    "PACKED_BYTES",
    "Breaker",
    "BreakerSettings",
    "Cancelled",
    "Event",
    "Failure",
    "Phase",
    "Success",
    "TrialStarted",
    "blocked_until_s",
    "pack",
    "step",
    "unpack",
]

_LONGEST_PAUSE = 10
"""A pause grows to at most this many times `open_for_s`."""

_LAYOUT = struct.Struct("<BBHHxxIIIIIIddd")
PACKED_BYTES = _LAYOUT.size


class BreakerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When a breaker opens, for how long, and how it is tried again."""

    failures: int = 5
    """Consecutive failures that open it."""
    failure_rate: float = 0.5
    """Share of failures within the window that opens it, once there are `min_requests`."""
    min_requests: int = 10
    within_s: float = 30.0
    """Counted in halves: the window reaches back between half of this and all of it."""
    open_for_s: float = 60.0
    """First pause; doubles with every failed trial, up to ten times this. A trial that has not ended after this long is
    taken for lost, together with the process that made it."""
    half_open_requests: int = 2
    """Trials let through at once; as many successes close it."""


class Phase(IntEnum):
    """Whether requests are let through: all, none, or a few on trial."""

    CLOSED = 0
    OPEN = 1
    HALF_OPEN = 2


class Breaker(NamedTuple):
    """The state of one breaker. A tuple, since it is packed and read on every request; the order is the layout's."""

    phase: Phase = Phase.CLOSED
    opened: int = 0
    """Pauses in a row without a recovery between them; stays at 255."""
    trials: int = 0
    """Trials in flight."""
    successes: int = 0
    """Trials that succeeded since it became half-open."""
    failures: int = 0
    """Consecutive ones."""
    total: int = 0
    """Outcomes in the current half of the window."""
    failed: int = 0
    total_before: int = 0
    """Outcomes in the half before."""
    failed_before: int = 0
    generation: int = 0
    """Names the trials that count; earlier ones, given up for lost, are ignored when they end after all."""
    half_from_s: float = 0.0
    """When the current half of the window began."""
    opened_at_s: float = 0.0
    trial_at_s: float = 0.0
    """When the latest trial started."""


class TrialStarted(msgspec.Struct, frozen=True):
    """A request was let through a breaker that is not closed. The new state's `generation` is the trial's name."""


class Success(msgspec.Struct, frozen=True):
    """An attempt succeeded; *trial* is its generation, 0 when it began under a closed breaker."""

    trial: int = 0
    count: int = 1
    """How many attempts succeeded: successes under a closed breaker may be reported together."""


class Failure(msgspec.Struct, frozen=True):
    """An attempt failed in a way that counts."""

    trial: int = 0


class Cancelled(msgspec.Struct, frozen=True):
    """An attempt ended in a way that says nothing of the provider's health."""

    trial: int = 0


Event = TrialStarted | Success | Failure | Cancelled


def pack(breaker: Breaker) -> bytes:
    """The state in `PACKED_BYTES` bytes; all zeros are a new breaker."""
    return _LAYOUT.pack(*breaker)


def unpack(data: bytes) -> Breaker:
    """The state that was packed."""
    phase, *rest = _LAYOUT.unpack(data)
    return Breaker(Phase(phase), *rest)


def blocked_until_s(breaker: Breaker, now_s: float, settings: BreakerSettings) -> float:
    """When the next request is let through; 0.0 when it is now."""
    if breaker.phase is Phase.CLOSED:
        return 0.0
    until_s = _gate_s(breaker, settings)
    return until_s if until_s > now_s else 0.0


def step(breaker: Breaker, event: Event, now_s: float, settings: BreakerSettings) -> Breaker:
    """The state after *event*. A trial that may not start, and the end of one that no longer counts, change nothing."""
    match breaker.phase:
        case Phase.CLOSED:
            return _closed(breaker, event, now_s, settings)
        case Phase.OPEN:
            return _open(breaker, event, now_s, settings)
        case Phase.HALF_OPEN:
            return _half_open(breaker, event, now_s, settings)


def _gate_s(breaker: Breaker, settings: BreakerSettings) -> float:
    if breaker.phase is Phase.OPEN:
        return breaker.opened_at_s + _pause_s(breaker.opened, settings)
    if breaker.trials < settings.half_open_requests:
        return 0.0
    return breaker.trial_at_s + settings.open_for_s


def _pause_s(opened: int, settings: BreakerSettings) -> float:
    return settings.open_for_s * min(1 << opened - 1, _LONGEST_PAUSE)


def _closed(breaker: Breaker, event: Event, now_s: float, settings: BreakerSettings) -> Breaker:
    match event:
        case Success():
            rolled = _rolled(breaker, now_s, settings)
            return rolled._replace(failures=0, total=rolled.total + event.count)
        case Failure():
            rolled = _rolled(breaker, now_s, settings)
            counted = rolled._replace(failures=rolled.failures + 1, total=rolled.total + 1, failed=rolled.failed + 1)
            return _opened(counted, now_s) if _is_failing(counted, settings) else counted
        case TrialStarted() | Cancelled():
            return breaker


def _rolled(breaker: Breaker, now_s: float, settings: BreakerSettings) -> Breaker:
    """With the window moved up to *now_s*."""
    age_s, half_s = now_s - breaker.half_from_s, settings.within_s / 2
    if age_s < half_s:
        return breaker
    recent = age_s < settings.within_s
    return breaker._replace(
        total=0,
        failed=0,
        total_before=breaker.total if recent else 0,
        failed_before=breaker.failed if recent else 0,
        half_from_s=breaker.half_from_s + half_s if recent else now_s,
    )


def _is_failing(breaker: Breaker, settings: BreakerSettings) -> bool:
    total = breaker.total + breaker.total_before
    failed = breaker.failed + breaker.failed_before
    return breaker.failures >= settings.failures or (
        total >= settings.min_requests and failed >= settings.failure_rate * total
    )


def _opened(breaker: Breaker, now_s: float) -> Breaker:
    return Breaker(
        phase=Phase.OPEN,
        opened=min(breaker.opened + 1, 255),
        generation=breaker.generation,
        opened_at_s=now_s,
    )


def _open(breaker: Breaker, event: Event, now_s: float, settings: BreakerSettings) -> Breaker:
    if not isinstance(event, TrialStarted) or _gate_s(breaker, settings) > now_s:
        return breaker
    return breaker._replace(phase=Phase.HALF_OPEN, trials=1, generation=_next(breaker.generation), trial_at_s=now_s)


def _half_open(breaker: Breaker, event: Event, now_s: float, settings: BreakerSettings) -> Breaker:
    if isinstance(event, TrialStarted):
        return _tried(breaker, now_s, settings)
    if event.trial != breaker.generation or not breaker.trials:
        return breaker
    left = breaker._replace(trials=breaker.trials - 1)
    match event:
        case Success() if left.successes + 1 >= settings.half_open_requests:
            return Breaker(generation=left.generation, half_from_s=now_s)
        case Success():
            return left._replace(successes=left.successes + 1)
        case Failure():
            return _opened(left, now_s)
        case Cancelled():
            return left


def _tried(breaker: Breaker, now_s: float, settings: BreakerSettings) -> Breaker:
    if breaker.trials < settings.half_open_requests:
        return breaker._replace(trials=breaker.trials + 1, trial_at_s=now_s)
    if _gate_s(breaker, settings) > now_s:
        return breaker
    # Not even the latest trial has said anything in all this time: its process is gone, so the count begins anew.
    return breaker._replace(trials=1, generation=_next(breaker.generation), trial_at_s=now_s)


def _next(generation: int) -> int:
    """The generation after this one: 0 is kept for what is no trial, and the number stays within four bytes."""
    return generation % 0xFFFFFFFF + 1
