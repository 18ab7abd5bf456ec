"""The chain: a pool expanded into the offers to try, in order, each one eligible, with what was left out and why.

One `Expansion` lives for one decision. Nested virtual models bring their targets, strategy and fallback; what binds
them (`require`) and what they edit accumulates on the way down.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from engine.errors import Place
from engine.rules.decision import Candidate, Dropped, Reason
from engine.rules.eligible import Needs, obstacle, pause
from engine.rules.names import offers_of
from engine.rules.order import by_weight, expected_cost_pusd, hashed, rank
from engine.rules.program import Bounds, Offer, Pool, Program, Strategy, Target, VirtualModel
from engine.rules.world import Live
from engine.values import Wishes
from engine.wire.json_edit import Edit

__all__ = ["MAX_OFFERS", "Expansion", "Via"]

MAX_OFFERS: Final = 8
"""The longest chain. Source: the specification's decisions, "Names and chains"."""


class Via(NamedTuple):
    """How offers are reached: the name and draw of the pool, and what has accumulated on the way."""

    pool: str
    draw: float
    bounds: tuple[Bounds, ...] = ()
    edits: tuple[Edit, ...] = ()
    """Inner virtual models' first."""
    carried: str = ""
    """What the `*` of the rule's pattern stands for."""
    turn: int | None = None
    """Of a round-robin pool that takes turns; None where the draw decides."""
    why: str = ""
    stage: str = "pool"


class _Unit(NamedTuple):
    """What a strategy moves as one: a target's candidates, or one candidate. Never empty."""

    candidates: tuple[Candidate, ...]
    label: str
    weight: int


@dataclass(slots=True)
class Expansion:
    """Everything one decision needs while it expands pools, and the offers that it has left out so far."""

    program: Program
    live: Live
    now_s: float
    needed: Needs
    dropped: list[Dropped] = field(default_factory=list)
    blocked: list[tuple[float, Candidate]] = field(default_factory=list)
    """Candidates that only a breaker stops, each with the instant at which it lets requests through."""
    ordered: bool = True
    """Every pool so far is tried in the order written."""

    def chain(self, pool: Pool, via: Via) -> tuple[Candidate, ...]:
        """The pool in the order of its strategy, then its fallback; each offer once, at most `MAX_OFFERS`."""
        return self._limited([*self._wished(self._pool(pool, via)), *self._wished(self._fallback(pool, via))])

    def chain_of_offers(self, offers: tuple[Offer, ...], via: Via) -> tuple[Candidate, ...]:
        """A canonical model's or pin's own chain: its offers in their order."""
        return self._limited(self._wished(self._sifted(offers, None, via)))

    def chain_of_targets(self, targets: Iterable[Target], via: Via) -> tuple[Candidate, ...]:
        """The targets in the order written, as in a chain for one kind of failure."""
        return self._limited(self._wished(self._listed(targets, via)))

    def _pool(self, pool: Pool, via: Via) -> list[Candidate]:
        via = via._replace(why=f"{pool.strategy} in {via.pool}")
        if pool.strategy is Strategy.ORDERED:
            return self._listed(pool.targets, via)
        self.ordered = False
        units = [unit for target in pool.targets for unit in self._units(target, pool.strategy, via)]
        return [candidate for unit in self._ordered(units, pool.strategy, via) for candidate in unit.candidates]

    def _fallback(self, pool: Pool, via: Via) -> list[Candidate]:
        if not pool.fallback:
            return []
        return self._listed(pool.fallback, via._replace(why=f"fallback of {via.pool}", stage="fallback"))

    def _listed(self, targets: Iterable[Target], via: Via) -> list[Candidate]:
        return [candidate for target in targets for candidate in self._reached(target, via)]

    def _reached(self, target: Target, via: Via) -> list[Candidate]:
        """The eligible candidates that *target* stands for."""
        if target.virtual:
            return self._nested(self.program.virtual[target.virtual], via)
        if not target.carried:
            return self._sifted(target.offers, target.place, via)
        name = target.carried.replace("*", via.carried, 1)
        offers = offers_of(self.program, name)
        if not offers:
            detail = f"no provider offers {name}"
            self.dropped.append(Dropped(offer=name, reason=Reason.UNOFFERED, detail=detail, place=target.place))
        return self._sifted(offers, target.place, via)

    def _nested(self, virtual: VirtualModel, via: Via) -> list[Candidate]:
        inner = via._replace(
            pool=virtual.name,
            draw=hashed(via.draw, virtual.name),
            bounds=via.bounds if virtual.bounds is None else (*via.bounds, virtual.bounds),
            edits=(*virtual.edits, *via.edits),
            turn=None,
        )
        return [*self._pool(virtual.pool, inner), *self._fallback(virtual.pool, inner)]

    def _sifted(self, offers: Iterable[Offer], place: Place | None, via: Via) -> list[Candidate]:
        """The eligible ones of *offers* as candidates; the others are noted. *place* None is each offer's own."""
        candidates = []
        for offer in offers:
            dropped = obstacle(offer, via.bounds, self.needed, self.live) or pause(offer, self.live, self.now_s)
            if dropped is not None:
                self.dropped.append(dropped)
                if dropped.reason is not Reason.BREAKER:
                    continue
            candidate = Candidate(
                offer=offer, stage=via.stage, why=via.why, place=place or offer.place, edits=via.edits
            )
            if dropped is None:
                candidates.append(candidate)
            else:
                self.blocked.append((dropped.until_s, candidate))
        return candidates

    def _units(self, target: Target, strategy: Strategy, via: Via) -> list[_Unit]:
        """A target as what *strategy* orders: weights are the target's, other strategies order single offers."""
        candidates = self._reached(target, via)
        if not candidates:
            return []
        if strategy is Strategy.WEIGHTED or target.virtual:
            return [_Unit(tuple(candidates), target.text, target.weight)]
        return [_Unit((candidate,), candidate.offer.id, 1) for candidate in candidates]

    def _ordered(self, units: list[_Unit], strategy: Strategy, via: Via) -> Sequence[_Unit]:
        if strategy is Strategy.CHEAPEST:
            return sorted(units, key=self._cost)
        if strategy is Strategy.ROUND_ROBIN and via.turn is not None:
            first = via.turn % max(1, len(units))
            return [*units[first:], *units[:first]]
        return by_weight(via.draw, units, lambda unit: unit.label, lambda unit: unit.weight)

    def _cost(self, unit: _Unit) -> tuple[float, tuple[int, str]]:
        """A unit is as dear as what it tries first."""
        offer = unit.candidates[0].offer
        return expected_cost_pusd(offer, self.needed.facts, self.live), rank(self.program, offer.provider.id)

    def _wished(self, candidates: list[Candidate]) -> list[Candidate]:
        """*candidates* with the providers that the caller put first in front, in the caller's order."""
        wishes = self.needed.facts.wishes
        if wishes is None or not wishes.order:
            return candidates
        return sorted(candidates, key=_preference(wishes))

    def _limited(self, candidates: list[Candidate]) -> tuple[Candidate, ...]:
        """Each (provider, upstream model) once, and no more than the longest chain; the rest is noted."""
        wishes = self.needed.facts.wishes
        is_single = wishes is not None and not wishes.allow_fallbacks and not wishes.order
        chain: dict[tuple[str, str], Candidate] = {}
        for candidate in candidates:
            offer = candidate.offer
            key = (offer.provider.id, offer.upstream_model)
            if key in chain:
                self._cut(candidate, Reason.CUT, f"{offer.id} is in the chain already")
            elif is_single and chain:
                self._cut(candidate, Reason.WISH, "the request wants no fallbacks")
            elif len(chain) == MAX_OFFERS:
                self._cut(candidate, Reason.CUT, f"the chain holds {MAX_OFFERS} offers already")
            else:
                chain[key] = candidate
        return tuple(chain.values())

    def _cut(self, candidate: Candidate, reason: Reason, detail: str) -> None:
        place = candidate.place
        self.dropped.append(Dropped(offer=candidate.offer.id, reason=reason, detail=detail, place=place))


def _preference(wishes: Wishes) -> Callable[[Candidate], int]:
    ranks = {provider: at for at, provider in enumerate(wishes.order)}
    return lambda candidate: ranks.get(candidate.offer.provider.id, len(ranks))
