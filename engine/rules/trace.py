"""The trace of a decision: compact JSON for its row in the journal, and a tree for people."""

from collections.abc import Iterator

import msgspec

from engine.errors import Place
from engine.rules.decision import Candidate, Decision

__all__ = ["trace", "tree"]

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


def tree(decision: Decision) -> list[str]:
    """*decision* as indented lines: each step with the file and line that made it so."""
    return list(_lines(decision))


def _entries(chain: tuple[Candidate, ...]) -> list[tuple[str, str, str]]:
    return [(candidate.offer.id, candidate.why, _line(candidate.place)) for candidate in chain]


def _line(place: Place) -> str:
    return f"{place.file}:{place.line}"


def _lines(decision: Decision) -> Iterator[str]:
    yield " -> ".join(decision.path)
    if decision.virtual is not None:
        yield f"  virtual model {decision.virtual.name}  ({_line(decision.virtual.place)})"
    if decision.rule is not None:
        yield f"  rule {decision.rule.name}  ({_line(decision.rule.place)})"
    yield f"  pool {decision.pool}, {decision.strategy}, draw {decision.draw:.6g}"
    if decision.forced:
        yield "  breakers alone left nothing: the least bad is tried"
    yield from _chain_lines("chain", decision.chain)
    for kind, chain in decision.chains_for.items():
        yield from _chain_lines(f"chain for {kind}", chain)
    if decision.dropped:
        yield "  left out"
        for one in decision.dropped:
            yield f"    {one.offer}: {one.reason}: {one.detail}  ({_line(one.place)})"
    if decision.refusal is not None:
        yield f"  refused with {decision.refusal.status} {decision.refusal.code}: {decision.refusal.message}"


def _chain_lines(title: str, chain: tuple[Candidate, ...]) -> Iterator[str]:
    if not chain:
        return
    yield f"  {title}"
    for at, candidate in enumerate(chain, start=1):
        yield f"    {at}. {candidate.offer.id}  {candidate.why}  ({_line(candidate.place)})"
