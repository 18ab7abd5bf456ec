"""The living state of a planned request: in memory, new for each one, by the same pure rules as the real one."""

from engine.errors import OutcomeKind
from engine.gateway.ports import Admission
from engine.health import Breaker, Event, Failure, Success, blocked_until_s, step
from engine.rules.outcomes import BREAKER_COUNTS, Rest, rest, rest_bounds_s
from engine.rules.program import Offer, Provider
from engine.values import Outcome, Usage

__all__ = ["PlannedLive"]


class PlannedLive:
    """Implements `gateway.LiveState`.

    Breakers move and keys rest as in production. Limits at providers and the retry budget never stand in the way:
    they depend on other traffic, of which there is none.
    """

    def __init__(self, *, unconfigured: frozenset[str] = frozenset(), down: frozenset[str] = frozenset()) -> None:
        self._unconfigured = unconfigured
        self._down = down
        self._breakers: dict[str, Breaker] = {}
        self._rests: dict[tuple[str, ...], float] = {}
        self._turns: dict[str, int] = {}

    epoch = 0

    def configured(self, provider: Provider) -> bool:
        """Every provider is, but for those named."""
        return provider.id not in self._unconfigured

    def is_calm(self, offer: Offer, now_s: float) -> bool:  # noqa: ARG002 - the port's signature
        """A planned request is decided once."""
        return False

    def blocked_until_s(self, offer: Offer, now_s: float) -> float:
        """A provider that is down stays so for its `open_for`."""
        provider = offer.provider
        if provider.id in self._down:
            return now_s + provider.breaker.open_for_s
        breakers = (self._breakers.get(name, Breaker()) for name in (provider.id, offer.id))
        return max(blocked_until_s(breaker, now_s, provider.breaker) for breaker in breakers)

    def rests_until_s(self, offer: Offer, key_label: str) -> float:
        """Until when the key rests, for all models of its provider or for this one."""
        key = (offer.provider.id, key_label)
        return max(self._rests.get(key, 0.0), self._rests.get((*key, offer.model), 0.0))

    def full_until_s(self, offer: Offer, now_s: float) -> float:  # noqa: ARG002 - the port's signature
        """There is always room."""
        return 0.0

    def expected_output_tokens(self, offer: Offer) -> float | None:  # noqa: ARG002 - the port's signature
        """Nothing has been learnt."""
        return None

    def turn(self, pool: str) -> int:
        """The first request takes the first turn."""
        return self._turns.get(pool, 0)

    def advance(self, pool: str) -> None:
        """The next request takes the next turn."""
        self._turns[pool] = self.turn(pool) + 1

    def may_retry(self, now_s: float) -> bool:  # noqa: ARG002 - the port's signature
        """Always: the budget is a share of other traffic."""
        return True

    def admit(self, offer: Offer, key_label: str, tokens: int, now_s: float) -> Admission:  # noqa: ARG002 - the port's
        """There is always room."""
        return Admission(offer, key_label, tokens)

    def settle(self, admission: Admission, outcome: Outcome, usage: Usage | None, now_s: float) -> None:  # noqa: ARG002 - the port's
        """Learn from the outcome: breakers and resting keys."""
        offer = admission.offer
        if outcome.kind is OutcomeKind.OK:
            self._step(offer, Success(), now_s)
        elif outcome.kind in BREAKER_COUNTS:
            self._step(offer, Failure(), now_s)
        until_s = now_s + _rest_s(outcome)
        match rest(outcome):
            case Rest.KEY:
                self._rests[offer.provider.id, admission.key_label] = until_s
            case Rest.KEY_FOR_MODEL:
                self._rests[offer.provider.id, admission.key_label, offer.model] = until_s
            case Rest.NOTHING:
                pass

    def _step(self, offer: Offer, event: Event, now_s: float) -> None:
        for name in (offer.provider.id, offer.id):
            before = self._breakers.get(name, Breaker())
            self._breakers[name] = step(before, event, now_s, offer.provider.breaker)


def _rest_s(outcome: Outcome) -> float:
    """How long a first rest is: as the provider says, else by the table."""
    if outcome.retry_after_s is not None:
        return outcome.retry_after_s
    return rest_bounds_s(outcome.kind)[0]
