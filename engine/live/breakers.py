"""Breakers on the board: `health`'s pure steps, applied to packed bytes that all workers share."""

from collections.abc import Callable, Mapping
from typing import Final

from engine.health import (
    PACKED_BYTES,
    Breaker,
    BreakerSettings,
    Event,
    Phase,
    TrialStarted,
    blocked_until_s,
    pack,
    step,
    unpack,
)
from engine.live.board import Board
from engine.live.slots import HINT, OfferSlots, ProviderSlots

__all__ = ["QUIET", "Breakers", "Emit"]

Emit = Callable[[str, str, Mapping[str, str]], None]
"""Takes what happened, what it happened to, and details: see `EventRecord`."""

QUIET: Final = 0.0
"""The hint of a breaker that is closed and remembers no failure: successes need not be reported at once."""
REMEMBERS: Final = 1.0
"""Closed, with failures in its window or in a row."""
BARRED: Final = 2.0
"""Open or half-open."""

_MOVES: Final[Mapping[Phase, str]] = {
    Phase.OPEN: "breaker_opened",
    Phase.HALF_OPEN: "breaker_tried",
    Phase.CLOSED: "breaker_closed",
}


class Breakers:
    """The two breakers of every offer: its provider's, and its own."""

    def __init__(self, board: Board, emit: Emit) -> None:
        self._board = board
        self._emit = emit

    def quiet(self, slots: OfferSlots) -> bool:
        """Whether both are closed and remember no failure. Two reads without a lock."""
        doubles = self._board.doubles
        return doubles[slots.provider.word + HINT] == QUIET and doubles[slots.word + HINT] == QUIET

    def barred(self, slots: OfferSlots) -> bool:
        """Whether one of them is not closed. Two reads without a lock."""
        doubles = self._board.doubles
        return doubles[slots.provider.word + HINT] == BARRED or doubles[slots.word + HINT] == BARRED

    def phases(self, slots: OfferSlots) -> tuple[Phase, Phase]:
        """Of the provider and of the offer, for metrics."""
        with self._board:
            return self._read(slots.provider.breaker).phase, self._read(slots.breaker).phase

    def blocked_until_s(self, slots: OfferSlots, now_s: float, settings: BreakerSettings) -> float:
        """When both let the next request through; 0.0 when they do now."""
        if not self.barred(slots):
            return 0.0
        with self._board:
            of_provider = blocked_until_s(self._read(slots.provider.breaker), now_s, settings)
            return max(of_provider, blocked_until_s(self._read(slots.breaker), now_s, settings))

    def try_both(self, slots: OfferSlots, now_s: float, settings: BreakerSettings) -> tuple[int, int]:
        """Start a trial at each that is not closed; their generations, 0 where none began (closed, or no trial left).

        The lock must not be held.
        """
        with self._board:
            return (
                self._step("provider", slots.provider, TrialStarted(), now_s, settings),
                self._step("offer", slots, TrialStarted(), now_s, settings),
            )

    def tell_both(
        self, slots: OfferSlots, events: tuple[Event, Event], now_s: float, settings: BreakerSettings
    ) -> None:
        """Report how an attempt ended, to the provider's breaker and to the offer's."""
        with self._board:
            self._step("provider", slots.provider, events[0], now_s, settings)
            self._step("offer", slots, events[1], now_s, settings)

    def _step(
        self, kind: str, at: ProviderSlots | OfferSlots, event: Event, now_s: float, settings: BreakerSettings
    ) -> int:
        """Apply one event under the lock. The generation after it, by which a trial is known; 0 if nothing changed."""
        before = self._read(at.breaker)
        after = step(before, event, now_s, settings)
        if after == before:
            return 0
        self._board.bytes[at.breaker : at.breaker + PACKED_BYTES] = pack(after)
        self._board.doubles[at.word + HINT] = _hint(after)
        if after.phase is not before.phase:
            self._emit(_MOVES[after.phase], f"{kind}/{at.id}", _detail(after))
        return after.generation

    def _read(self, at: int) -> Breaker:
        return unpack(bytes(self._board.bytes[at : at + PACKED_BYTES]))


def _hint(breaker: Breaker) -> float:
    if breaker.phase is not Phase.CLOSED:
        return BARRED
    return REMEMBERS if breaker.failures or breaker.failed or breaker.failed_before else QUIET


def _detail(breaker: Breaker) -> dict[str, str]:
    return {"opened": str(breaker.opened)} if breaker.phase is Phase.OPEN else {}
