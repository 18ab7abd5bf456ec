"""Resting keys on the board: until when, and how often in a row, for all models of a provider or for one."""

from collections.abc import Iterable, Mapping
from typing import Final

from engine.live.board import Board, state_word
from engine.live.slots import DOUBLINGS, UNTIL, KeySlot
from engine.rules.outcomes import Rest, rest, rest_bounds_s
from engine.values import Outcome

__all__ = ["LONGEST_S", "Rests", "wake"]

LONGEST_S: Final = 3600.0
"""A provider that asks for more in Retry-After is asked again after an hour all the same."""
MOST_DOUBLINGS: Final = 16
"""More would only overflow: every rest has reached its longest by then."""


class Rests:
    """The rests of keys. Reads take no lock."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def one_is_awake(self, keys: Mapping[str, KeySlot], now_s: float) -> bool:
        """Whether at least one of *keys* does not rest now."""
        doubles = self._board.doubles
        for key in keys.values():
            if doubles[key.all_models + UNTIL] <= now_s and doubles[key.this_model + UNTIL] <= now_s:
                return True
        return False

    def until_s(self, key: KeySlot) -> float:
        """Until when the key rests for this model; in the past, or 0.0, when it does not."""
        doubles = self._board.doubles
        return max(doubles[key.all_models + UNTIL], doubles[key.this_model + UNTIL])

    def after(self, key: KeySlot, outcome: Outcome, now_s: float) -> float:
        """Lay *key* to rest if *outcome* asks for it. Until when; 0.0 if it does not, or the key rested already."""
        what = rest(outcome)
        if what is Rest.NOTHING:
            return 0.0
        word = key.all_models if what is Rest.KEY else key.this_model
        with self._board:
            until_s = now_s + self._length_s(word, outcome)
            awake = self._board.doubles[word + UNTIL] <= now_s
            self._board.doubles[word + UNTIL] = max(until_s, self._board.doubles[word + UNTIL])
            if awake:
                # Answers to requests that were under way together are one reason to rest, not several.
                self._board.words[word + DOUBLINGS] = min(self._board.words[word + DOUBLINGS] + 1, MOST_DOUBLINGS)
        return until_s if awake else 0.0

    def worked(self, key: KeySlot) -> None:
        """The key was good: its next rest is as short as a first one."""
        words = self._board.words
        if words[key.all_models + DOUBLINGS] or words[key.this_model + DOUBLINGS]:
            words[key.all_models + DOUBLINGS] = words[key.this_model + DOUBLINGS] = 0

    def _length_s(self, word: int, outcome: Outcome) -> float:
        """How long to rest, from the outcome and the number of rests in a row."""
        if outcome.retry_after_s is not None:
            return min(outcome.retry_after_s, LONGEST_S)
        first_s, longest_s = rest_bounds_s(outcome.kind)
        return float(min(first_s * 2 ** self._board.words[word + DOUBLINGS], longest_s))


def wake(board: Board, slots: Iterable[int]) -> None:
    """End the rests in these slots: the key's secret has changed."""
    for slot in slots:
        word = state_word(slot)
        board.doubles[word + UNTIL] = 0.0
        board.words[word + DOUBLINGS] = 0
