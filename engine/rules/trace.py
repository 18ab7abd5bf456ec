"""The trace of a decision: compact JSON for its row in the journal, and a tree for people."""

from collections.abc import Iterator

import msgspec

from engine.errors import Place
from engine.rules.decision import Candidate, Decision

__all__ = ["around_draw", "path", "trace", "tree"]

_ENCODER = msgspec.json.Encoder()


def trace(decision: Decision) -> str:
    """*decision* as one line of JSON: path, pool, rule, strategy, draw, chains and what was left out, with places.

    Entries of chains are `[offer, why, place]`, of `dropped` `[offer, reason, detail, place]`; empty parts are left
    out.
    """
    rule, refusal = decision.rule, decision.refusal
    parts: dict[str, object] = {
        "path": decision.path,
        "pool": decision.pool,
        "strategy": decision.strategy,
        "draw": decision.draw,
        "chain": _entries(decision.chain),
    }
    if rule is not None:
        parts["rule"] = [rule.name, _line(rule.place)]
    if decision.virtual is not None:
        parts["virtual"] = [decision.virtual.name, _line(decision.virtual.place)]
    if decision.chains_for:
        parts["chains_for"] = {kind: _entries(chain) for kind, chain in decision.chains_for.items()}
    if decision.dropped:
        parts["dropped"] = [[one.offer, one.reason, one.detail, _line(one.place)] for one in decision.dropped]
    if decision.forced:
        parts["forced"] = True
    if refusal is not None:
        parts["refusal"] = [refusal.status, refusal.code, _line(refusal.place) if refusal.place else ""]
    return _ENCODER.encode(parts).decode()


def around_draw(decision: Decision) -> tuple[str, str]:
    """The trace of *decision* before and after the number that was drawn, for decisions that differ in it alone."""
    drawn = f'"draw":{_ENCODER.encode(decision.draw).decode()},'
    before, _, after = trace(decision).partition(drawn)
    return f'{before}"draw":', f",{after}"


def tree(traced: str) -> list[str]:
    """The decision that *traced* tells, as indented lines: each step with the file and line that made it so."""
    return list(_lines(msgspec.json.decode(traced, type=_Traced)))


def path(traced: str) -> tuple[str, ...]:
    """The name asked for in *traced*, and every alias it went through."""
    return tuple(msgspec.json.decode(traced, type=_Traced).path)


class _Traced(msgspec.Struct, kw_only=True):
    """A trace, read back."""

    path: list[str]
    pool: str
    strategy: str
    draw: float
    chain: list[tuple[str, str, str]]
    rule: tuple[str, str] | None = None
    virtual: tuple[str, str] | None = None
    chains_for: dict[str, list[tuple[str, str, str]]] = {}
    dropped: list[tuple[str, str, str, str]] = []
    forced: bool = False
    refusal: tuple[int, str, str] | None = None


def _entries(chain: tuple[Candidate, ...]) -> list[tuple[str, str, str]]:
    return [(candidate.offer.id, candidate.why, _line(candidate.place)) for candidate in chain]


def _line(place: Place) -> str:
    return f"{place.file}:{place.line}"


def _lines(told: _Traced) -> Iterator[str]:
    yield " -> ".join(told.path)
    if told.virtual is not None:
        yield "  virtual model {}  ({})".format(*told.virtual)
    if told.rule is not None:
        yield "  rule {}  ({})".format(*told.rule)
    yield f"  pool {told.pool}, {told.strategy}, draw {told.draw:.6g}"
    if told.forced:
        yield "  breakers alone left nothing: the least bad is tried"
    yield from _chain_lines("chain", told.chain)
    for kind, chain in told.chains_for.items():
        yield from _chain_lines(f"chain for {kind}", chain)
    if told.dropped:
        yield "  left out"
        for offer, reason, detail, place in told.dropped:
            yield f"    {offer}: {reason}: {detail}  ({place})"
    if told.refusal is not None:
        yield "  refused with {} {}".format(*told.refusal)


def _chain_lines(title: str, chain: list[tuple[str, str, str]]) -> Iterator[str]:
    yield f"  {title}" if chain else f"  {title}: nothing"
    for at, (offer, why, place) in enumerate(chain, start=1):
        yield f"    {at}. {offer}  {why}  ({place})"
