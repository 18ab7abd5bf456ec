"""Rates as data: what a limit allows. Pure: the state and the instant come in, the new state and a verdict go out.

The algorithm is GCRA. The whole state of a bucket is one number, its *theoretical arrival time* (tat): the instant at
which the bucket is full again. 0.0 is a bucket that nobody has used. Instants are seconds of one monotonic clock.
"""

from dataclasses import dataclass

__all__ = ["Rate", "correct", "peek", "take"]

_TOLERANCE_S = 1e-6
"""Early arrivals that are let through, so that rounding never refuses the last whole thing of a burst. A monotonic
clock of a year (3e7 s) resolves 4e-9 s in a double; a microsecond leaves room for the sums of a long busy period."""


@dataclass(frozen=True, slots=True)
class Rate:
    """*count* things per *per_s* seconds, refilled evenly; the bucket holds *burst* of them (by default *count*)."""

    count: int
    per_s: float
    burst: int


def take(tat_s: float, rate: Rate, amount: int, now_s: float) -> tuple[float, float]:
    """The bucket after *amount* was asked of it, and how long to wait: 0.0 when it was taken, else nothing was.

    An amount above the burst is taken from a full bucket only, and the excess is owed: otherwise it could never pass.
    """
    wait_s = peek(tat_s, rate, amount, now_s)
    if wait_s > 0.0:
        return tat_s, wait_s
    return max(tat_s, now_s) + amount * rate.per_s / rate.count, 0.0


def peek(tat_s: float, rate: Rate, amount: int, now_s: float) -> float:
    """How long to wait until *amount* can be taken; 0.0 when it can be now."""
    room_s = max(rate.burst - amount, 0) * rate.per_s / rate.count
    wait_s = tat_s - room_s - now_s
    return wait_s if wait_s > _TOLERANCE_S else 0.0


def correct(tat_s: float, rate: Rate, amount: int) -> float:
    """The bucket after an estimate was found to be *amount* too low; a negative amount gives back what was not used.

    What is given back must have been taken from the same bucket: then no interleaving can let more through.
    """
    return tat_s + amount * rate.per_s / rate.count
