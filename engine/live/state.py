"""The living state of a worker: the port `gateway.LiveState` over the board that all workers of a host share.

On the healthy path an attempt costs a few reads and writes of single words. Locks are taken for what must be exact:
limits, trials of a breaker, failures, rests.
"""

from collections.abc import Callable, Iterator, Mapping

from engine.errors import OutcomeKind
from engine.gateway import Admission, NoRoom
from engine.health import Cancelled, Event, Failure, Phase, Success
from engine.limits.bucket import Rate, correct, peek, take
from engine.live.board import COLUMNS, Board, state_word
from engine.live.breakers import Breakers, Emit
from engine.live.rests import Rests
from engine.live.retry_budget import RetryBudget
from engine.live.slots import MEAN_OUTPUT, RETRY_BUDGET, TAT_REQUESTS, TAT_TOKENS, OfferSlots, ProviderSlots, Slots
from engine.rules.outcomes import BREAKER_COUNTS
from engine.rules.program import Offer, Provider, ProviderLimits
from engine.snapshot import ProviderPart
from engine.values import Outcome, Usage

__all__ = ["BoardState"]

FULL_FOR_S = 0.05
"""A full provider is looked at again after this: nobody knows when an attempt in flight will end."""
_OK = OutcomeKind.OK
"""Bound to a name of its own: looking a member up in its enum costs four times as much."""
REPORT_EVERY = 256
REPORT_AFTER_S = 0.25
"""Successes are reported to quiet breakers in batches: at this many, or at the first one this long after the last."""
MEAN_WEIGHT = 0.1
"""Of the newest answer in the mean of output tokens: the mean follows a change within some twenty answers."""


class BoardState:
    """One worker's view of the board. *column* is where this worker counts its attempts in flight."""

    def __init__(
        self,
        board: Board,
        *,
        column: int,
        configured: Callable[[Provider], bool],
        emit: Emit,
        first_turn: int = 0,
    ) -> None:
        self._board = board
        self._column = column
        self._is_configured = configured
        self._emit = emit
        self._first_turn = first_turn
        self._slots = Slots()
        self._breakers = Breakers(board, emit)
        self._rests = Rests(board)
        self._budget = RetryBudget(board)
        self._inflight: dict[str, int] = {}
        self._turns: dict[str, int] = {}
        self._configured: dict[str, bool] = {}
        self.epoch = 0
        """Rises whenever providers are to be asked anew whether they have their secrets."""

    # What a reload changes.

    def adopt_root(self, slots: Mapping[str, int]) -> None:
        """Take over the slots of the root part, and ask anew which providers have their secrets."""
        self._slots.retry_word = state_word(slots[RETRY_BUDGET])
        self._configured.clear()
        self.epoch += 1

    def adopt(self, part: ProviderPart, slots: Mapping[str, int]) -> None:
        """Take over the slots of one provider's part."""
        self._slots.put(part, slots)

    def drop(self, provider: str) -> None:
        """A provider is no longer in the configuration."""
        self._slots.drop(provider)

    # What decisions read.

    def configured(self, provider: Provider) -> bool:
        """Whether the provider has the secrets it needs."""
        known = self._configured.get(provider.id)
        if known is None:
            known = self._configured[provider.id] = self._is_configured(provider)
        return known

    def is_calm(self, offer: Offer, now_s: float) -> bool:
        """Whether nothing at all stands against the offer. Reads single words, takes no lock."""
        slots = self._slots.of(offer)
        if slots is None or slots.provider.limited or not self.configured(offer.provider):
            return False
        return not self._breakers.barred(slots) and self._rests.one_is_awake(slots.keys, now_s)

    def blocked_until_s(self, offer: Offer, now_s: float) -> float:
        """When the breakers of this offer let the next request through; 0.0 when they do now."""
        slots = self._slots.of(offer)
        return self._breakers.blocked_until_s(slots, now_s, offer.provider.breaker) if slots else 0.0

    def rests_until_s(self, offer: Offer, key_label: str) -> float:
        """Until when a key rests for this offer."""
        slots = self._slots.of(offer)
        key = slots and slots.keys.get(key_label)
        return self._rests.until_s(key) if key else 0.0

    def full_until_s(self, offer: Offer, now_s: float) -> float:
        """When our own limit at the provider has room again; 0.0 when it has now."""
        slots = self._slots.of(offer)
        if slots is None or not slots.provider.limited:
            return 0.0
        wait_s = self._wait_s(slots.provider, offer.provider.limits, 1, now_s)
        return now_s + wait_s if wait_s > 0.0 else 0.0

    def expected_output_tokens(self, offer: Offer) -> float | None:
        """The decayed mean of the output tokens of this offer's model, whoever offers it; None before the first answer.

        A mean of each offer's own would depend on which requests were sent there: a dear offer that happened to give
        short answers would pass for the cheaper one.
        """
        slots = self._slots.of(offer)
        return (self._board.doubles[slots.model_word + MEAN_OUTPUT] or None) if slots else None

    def turn(self, pool: str) -> int:
        """The round-robin turn of a pool; each worker starts at its own."""
        return self._turns.get(pool, self._first_turn)

    def may_retry(self, now_s: float) -> bool:
        """Whether the retry budget allows one more extra attempt; a yes is counted as that attempt."""
        return self._budget.take(self._slots.retry_word, now_s)

    # What attempts change.

    def advance(self, pool: str) -> None:
        """Take the round-robin turn of *pool*."""
        self._turns[pool] = self.turn(pool) + 1

    def admit(self, offer: Offer, key_label: str, tokens: int, now_s: float) -> Admission | NoRoom:
        """Take room for one attempt. A breaker never refuses here: whoever asks has already been told if it is open."""
        slots = self._slots.of(offer)
        if slots is not None and slots.provider.limited:
            wait_s = self._take(slots.provider, offer.provider.limits, tokens, now_s)
            if wait_s:
                return NoRoom(now_s + wait_s)
        self._budget.attempted(now_s)
        self._count_inflight(offer.provider.id, slots, 1)
        if slots is None or not self._breakers.barred(slots):
            return Admission(offer, key_label, tokens)
        trials = self._breakers.try_both(slots, now_s, offer.provider.breaker)
        return Admission(offer, key_label, tokens, *trials)

    def settle(self, admission: Admission, outcome: Outcome, usage: Usage | None, now_s: float) -> None:
        """Give the room back and learn from how the attempt ended."""
        offer = admission.offer
        slots = self._slots.of(offer)
        self._count_inflight(offer.provider.id, slots, -1)
        if slots is None:
            return
        if offer.provider.limits.tokens is not None:
            self._settle_tokens(slots.provider, offer.provider.limits.tokens, admission.tokens, usage)
        if outcome.kind is _OK:
            self._succeeded(slots, admission, usage, now_s)
        else:
            self._failed(slots, admission, outcome, now_s)

    # What is shown.

    def phases(self) -> Iterator[tuple[str, str, Phase]]:
        """(provider, model, phase) of every breaker; the model is empty for a provider's own."""
        for provider, offers in self._slots.providers.items():
            for n, slots in enumerate(offers):
                of_provider, of_offer = self._breakers.phases(slots)
                if n == 0:
                    yield provider, "", of_provider
                yield provider, slots.id.removeprefix(f"{provider}/"), of_offer

    def inflight(self) -> Iterator[tuple[str, int]]:
        """(provider, attempts in flight over all workers)."""
        for provider, offers in self._slots.providers.items():
            if offers:
                yield provider, self._inflight_at(offers[0].provider)

    # Parts of the above.

    def _count_inflight(self, provider: str, slots: OfferSlots | None, change: int) -> None:
        """Count here, and publish the count in this worker's column."""
        count = self._inflight[provider] = self._inflight.get(provider, 0) + change
        if slots is not None:
            self._board.columns[slots.provider.columns + self._column] = count

    def _inflight_at(self, provider: ProviderSlots) -> int:
        return sum(self._board.columns[provider.columns : provider.columns + COLUMNS])

    def _take(self, slots: ProviderSlots, limits: ProviderLimits, tokens: int, now_s: float) -> float:
        """Take from both rates if everything has room; how long to wait if not, and 0.0 when it was taken."""
        with self._board:
            wait_s = self._wait_s(slots, limits, tokens, now_s)
            if wait_s == 0.0:
                self._take_from(limits.requests, slots.word + TAT_REQUESTS, 1, now_s)
                self._take_from(limits.tokens, slots.word + TAT_TOKENS, tokens, now_s)
        return wait_s

    def _take_from(self, rate: Rate | None, word: int, amount: int, now_s: float) -> None:
        if rate is not None:
            self._board.doubles[word], _ = take(self._board.doubles[word], rate, amount, now_s)

    def _wait_s(self, slots: ProviderSlots, limits: ProviderLimits, tokens: int, now_s: float) -> float:
        """How long until all limits have room; 0.0 when they have now."""
        doubles = self._board.doubles
        full = limits.concurrency is not None and self._inflight_at(slots) >= limits.concurrency
        return max(
            FULL_FOR_S if full else 0.0,
            peek(doubles[slots.word + TAT_REQUESTS], limits.requests, 1, now_s) if limits.requests else 0.0,
            peek(doubles[slots.word + TAT_TOKENS], limits.tokens, tokens, now_s) if limits.tokens else 0.0,
        )

    def _settle_tokens(self, slots: ProviderSlots, rate: Rate, reserved: int, usage: Usage | None) -> None:
        """Charge the tokens that were used instead of those reserved; without usage none were used."""
        used = usage.total_input - usage.cached_input + usage.total_output if usage else 0
        word = slots.word + TAT_TOKENS
        with self._board:
            self._board.doubles[word] = correct(self._board.doubles[word], rate, used - reserved)

    def _succeeded(self, slots: OfferSlots, admission: Admission, usage: Usage | None, now_s: float) -> None:
        if key := slots.keys.get(admission.key_label):
            self._rests.worked(key)
        if usage is not None and (output := usage.total_output):
            self._learn_output(slots.model_word + MEAN_OUTPUT, output)
        slots.unreported += 1
        many = slots.unreported >= REPORT_EVERY or now_s - slots.reported_at_s >= REPORT_AFTER_S
        if many or not self._breakers.quiet(slots):
            self._report(slots, admission, now_s)

    def _failed(self, slots: OfferSlots, admission: Admission, outcome: Outcome, now_s: float) -> None:
        self._lay_to_rest(slots, admission, outcome, now_s)
        if outcome.kind in BREAKER_COUNTS:
            self._report_before(slots, admission, now_s)
            self._tell(slots, admission, (Failure(admission.provider_trial), Failure(admission.offer_trial)), now_s)
        elif admission.provider_trial or admission.offer_trial:
            self._tell(slots, admission, (Cancelled(admission.provider_trial), Cancelled(admission.offer_trial)), now_s)

    def _lay_to_rest(self, slots: OfferSlots, admission: Admission, outcome: Outcome, now_s: float) -> None:
        """Let the key rest if the outcome asks for it, and say so."""
        key = slots.keys.get(admission.key_label)
        if key is not None and (until_s := self._rests.after(key, outcome, now_s)):
            self._emit(
                "key_rests",
                f"key/{slots.provider.id}/{admission.key_label}",
                {"model": admission.offer.model, "for_s": f"{until_s - now_s:.0f}", "after": outcome.kind},
            )

    def _report(self, slots: OfferSlots, admission: Admission, now_s: float) -> None:
        """Tell the breakers, and the retry budget, of the successes up to this one."""
        count = slots.unreported
        self._tell(
            slots,
            admission,
            (Success(admission.provider_trial, count), Success(admission.offer_trial, count)),
            now_s,
        )
        slots.unreported, slots.reported_at_s = 0, now_s
        self._budget.report(self._slots.retry_word, now_s)

    def _report_before(self, slots: OfferSlots, admission: Admission, now_s: float) -> None:
        """Tell the breakers of successes that came before a failure, before they hear of it."""
        if slots.unreported:
            self._tell(slots, admission, (Success(0, slots.unreported), Success(0, slots.unreported)), now_s)
            slots.unreported, slots.reported_at_s = 0, now_s

    def _tell(self, slots: OfferSlots, admission: Admission, events: tuple[Event, Event], now_s: float) -> None:
        self._breakers.tell_both(slots, events, now_s, admission.offer.provider.breaker)

    def _learn_output(self, word: int, tokens: int) -> None:
        """Move the mean. Two workers at once may lose one answer's weight, which a mean can bear."""
        mean = self._board.doubles[word]
        self._board.doubles[word] = mean + MEAN_WEIGHT * (tokens - mean) if mean else float(tokens)
