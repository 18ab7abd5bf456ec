"""The decision: from a caller and the facts of a request to the chain of offers that is tried. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from engine.errors import Forbidden, OutcomeKind
from engine.expr.condition import Sets
from engine.expr.facts import sticky
from engine.rules.chain import Expansion, Via
from engine.rules.decision import Candidate, Decision, Reason
from engine.rules.eligible import needs
from engine.rules.names import Named, is_granted, resolve
from engine.rules.order import hashed
from engine.rules.program import Caller, Pool, Program, Rule, Strategy
from engine.rules.refusal import refusal
from engine.rules.world import Live
from engine.values import Facts

__all__ = ["decide"]

_NO_CHAINS: Final[Mapping[OutcomeKind, tuple[Candidate, ...]]] = MappingProxyType({})
_PASSING: Final = frozenset({Reason.KEYS_RESTING, Reason.FULL})
_LASTING: Final = frozenset(
    {
        Reason.DENIED,
        Reason.REQUIRE,
        Reason.DISABLED,
        Reason.RETIRED,
        Reason.SURFACE,
        Reason.FEATURE,
        Reason.MODALITY,
        Reason.UNOFFERED,
        Reason.CUT,
    }
)
"""Reasons that hold as long as the configuration and the day do, whatever the size of the request."""


def decide(  # noqa: PLR0917 - the signature that the specification prints: what decides, then when and with which draw
    program: Program, caller: Caller, facts: Facts, live: Live, now_s: float, draw: float, sets: Sets
) -> Decision:
    """What is tried for a request, in which order and why; with a refusal when nothing can be.

    *draw* is the request's random number in [0, 1), used where neither a sticky fact nor a turn decides; *sets* tells
    conditions whether the request sets a path.

    Raises:
        NotFound: the name asked for does not exist.
        Forbidden: it is not granted to *caller*.
    """
    named = resolve(program, caller, facts.model)
    if not is_granted(caller, named.path):
        raise Forbidden(f"this key may not use '{facts.model}'; GET /v1/models lists what it may", param="model")
    rule = None if named.pinned else _rule(program, named.path[-1], caller, facts, sets)
    pool = rule.pool if rule else named.virtual.pool if named.virtual else None
    via = _via(named, rule, caller, draw)
    if named.virtual and named.virtual.sticky and (key := sticky(named.virtual.sticky.fact)(facts, caller)):
        via = via._replace(draw=hashed(named.virtual.name, key))
    elif pool and pool.strategy is Strategy.ROUND_ROBIN:
        turn = live.turn(via.pool)
        via = via._replace(draw=float(turn), turn=turn)
    expansion = Expansion(program, live, now_s, needs(facts))
    chain = expansion.chain(pool, via) if pool else expansion.chain_of_offers(named.offers, via)
    forced = () if chain else _least_bad(expansion)
    refused = None if chain or forced else refusal(facts.model, expansion.dropped, now_s)
    chains_for = _chains_for(pool, expansion, via) if pool and pool.fallback_for and not refused else _NO_CHAINS
    return Decision(
        asked=facts.model,
        path=named.path,
        retry=named.virtual.retry if named.virtual else program.retry,
        draw=via.draw,
        strategy=pool.strategy if pool else Strategy.ORDERED,
        virtual=named.virtual,
        rule=rule,
        pool=via.pool,
        chain=chain or forced,
        chains_for=chains_for,
        dropped=tuple(expansion.dropped),
        refusal=refused,
        forced=bool(forced),
        settled=_is_settled(program, named, expansion),
    )


def _is_settled(program: Program, named: Named, expansion: Expansion) -> bool:
    """Whether nothing but the name, the caller and what the request needs has decided."""
    sticky_or_wished = (named.virtual and named.virtual.sticky) or expansion.needed.facts.wishes
    if sticky_or_wished or not expansion.ordered or any(one.reason not in _LASTING for one in expansion.dropped):
        return False
    candidates = () if named.pinned else program.rule_index.candidates(named.path[-1])
    return all(program.rules[index].when is None for index in candidates)


def _rule(program: Program, name: str, caller: Caller, facts: Facts, sets: Sets) -> Rule | None:
    """The first rule in file order that is for *name* and whose condition holds."""
    for index in program.rule_index.candidates(name):
        rule = program.rules[index]
        if rule.when is None or rule.when(facts, caller, sets):
            return rule
    return None


def _via(named: Named, rule: Rule | None, caller: Caller, draw: float) -> Via:
    """The way into the request's own pool: its name, and what the caller and the virtual model bring."""
    virtual, name = named.virtual, named.path[-1]
    return Via(
        pool=rule.name if rule else name,
        draw=draw,
        bounds=(*caller.bounds, virtual.bounds) if virtual and virtual.bounds else caller.bounds,
        edits=virtual.edits if virtual else (),
        carried=(rule.models.carried(name) or "") if rule else "",
        why="" if rule or virtual else f"offers {name}",
    )


def _least_bad(expansion: Expansion) -> tuple[Candidate, ...]:
    """When breakers alone left nothing: the candidate whose breaker lets requests through first."""
    if not expansion.blocked or any(dropped.reason in _PASSING for dropped in expansion.dropped):
        return ()
    return (min(expansion.blocked, key=lambda blocked: blocked[0])[1],)


def _chains_for(pool: Pool, expansion: Expansion, via: Via) -> Mapping[OutcomeKind, tuple[Candidate, ...]]:
    """The chains that take over after one kind of failure."""
    wishes = expansion.needed.facts.wishes
    if wishes is not None and not wishes.allow_fallbacks:
        return _NO_CHAINS
    return MappingProxyType(
        {
            kind: expansion.chain_of_targets(targets, via._replace(why=f"for {kind} in {via.pool}", stage="fallback"))
            for kind, targets in pool.fallback_for.items()
        }
    )
