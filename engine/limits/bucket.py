"""Rates as data: what a limit allows. Pure: the state and the instant come in, the new state and a verdict go out."""

from dataclasses import dataclass

__all__ = ["Rate"]


@dataclass(frozen=True, slots=True)
class Rate:
    """*count* things per *per_s* seconds, refilled evenly; the bucket holds *burst* of them (by default *count*)."""

    count: int
    per_s: float
    burst: int
