"""The circuit breaker as (state, event, now) → state: no clock, no I/O, no shared memory."""

from dataclasses import dataclass

__all__ = ["BreakerSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """When a breaker opens, for how long, and how it is tried again."""

    failures: int = 5
    """Consecutive failures that open it."""
    failure_rate: float = 0.5
    """Share of failures within the window that opens it, once there are `min_requests`."""
    min_requests: int = 10
    within_s: float = 30.0
    open_for_s: float = 60.0
    """First pause; doubles with every failed trial, up to ten times this."""
    half_open_requests: int = 2
    """Trials let through at once; as many successes close it."""
