"""The retry budget on the board: retries must not make an outage worse. One for all workers of a host."""

from typing import Final

from engine.live.board import Board

__all__ = ["RetryBudget"]

SHARE: Final = 0.2
"""Extra attempts for each request, as in Envoy's retry budget."""
AT_LEAST: Final = 3
"""Extra attempts that are always allowed within a window."""
HALF_S: Final = 10.0
"""The window is counted in halves: it reaches back between 10 and 20 seconds."""

# Words of the slot.
HALF_FROM: Final = 0
ATTEMPTS: Final = 1
EXTRA: Final = 2
ATTEMPTS_BEFORE: Final = 3
EXTRA_BEFORE: Final = 4


class RetryBudget:
    """Counts attempts, and allows extra ones as a share of the others."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._unreported = 0
        self._last_s = 0.0
        """When the last attempt was made."""

    def attempted(self, now_s: float) -> None:
        """Count an attempt, extra or not: here, until `take` or `report`, or until `HALF_S` pass without an attempt."""
        if now_s - self._last_s > HALF_S:
            self._unreported = 0
        self._last_s = now_s
        self._unreported += 1

    def take(self, word: int | None, now_s: float) -> bool:
        """Whether one more extra attempt may be made; it is counted as made when it may.

        *word* is the first word of the budget's slot. None, before the slot is known, allows everything.
        """
        if word is None:
            return True
        words = self._board.words
        with self._board:
            self._report(word, now_s)
            extra = words[word + EXTRA] + words[word + EXTRA_BEFORE]
            requests = words[word + ATTEMPTS] + words[word + ATTEMPTS_BEFORE] - extra
            if extra >= max(AT_LEAST, SHARE * requests):
                return False
            words[word + EXTRA] += 1
            return True

    def report(self, word: int | None, now_s: float) -> None:
        """Tell the board what this worker has counted."""
        if word is not None:
            with self._board:
                self._report(word, now_s)

    def _report(self, word: int, now_s: float) -> None:
        """Move the window up to *now_s* and add what is unreported; under the lock."""
        words, doubles = self._board.words, self._board.doubles
        age_s = now_s - doubles[word + HALF_FROM]
        if age_s >= HALF_S:
            recent = age_s < 2 * HALF_S
            words[word + ATTEMPTS_BEFORE] = words[word + ATTEMPTS] if recent else 0
            words[word + EXTRA_BEFORE] = words[word + EXTRA] if recent else 0
            words[word + ATTEMPTS] = words[word + EXTRA] = 0
            doubles[word + HALF_FROM] = now_s
        words[word + ATTEMPTS] += self._unreported
        self._unreported = 0
