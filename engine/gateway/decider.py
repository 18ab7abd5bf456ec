"""Decisions, taken once for all requests that must be decided alike.

Most requests of a caller ask for the same name in the same way, and while nothing has happened to the offers of the
chain the answer is the same. What `decide` calls settled is kept for the program in force; everything else is decided
anew. What is kept can always be thrown away.
"""

from datetime import datetime
from typing import NamedTuple

import msgspec

from engine.rules.decide import decide
from engine.rules.decision import Candidate, Decision
from engine.rules.program import Caller, Program
from engine.rules.trace import around_draw, trace
from engine.rules.world import Live
from engine.values import Facts
from engine.wire.json_edit import Fields, sets

__all__ = ["Decided", "Decider"]

MOST_KEPT = 4096
"""Callers times names times shapes of requests. There is no end to the names that a pattern serves."""

_number = msgspec.json.Encoder().encode


class Decided(msgspec.Struct, frozen=True, gc=False):
    """A decision, and the line of JSON as which its row keeps it."""

    decision: Decision
    traced: str


class _Kept(NamedTuple):
    caller: Caller
    """Held, so that no other caller gets its `id`."""
    decision: Decision
    before_draw: str
    after_draw: str
    chains: tuple[Candidate, ...]
    """All that the decision may try: each must be calm for it to hold."""
    tokens_most: float
    """The smallest context among them."""
    until: datetime
    """The last microsecond of the day (UTC) by which lifecycles and prices were judged."""


class Decider:
    """One for each worker. Not shared between threads."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._program: Program | None = None
        self._epoch = live.epoch
        self._kept: dict[tuple[object, ...], _Kept] = {}

    def decide(
        self, program: Program, caller: Caller, facts: Facts, fields: Fields, *, now_s: float, draw: float
    ) -> Decided:
        """What `rules.decide` says. Raises what it raises."""
        if program is not self._program or self._live.epoch != self._epoch:
            self._program, self._epoch = program, self._live.epoch
            self._kept.clear()
        key = (
            id(caller),
            facts.model,
            facts.surface,
            facts.stream,
            facts.has_tools,
            facts.wants_json,
            facts.reasoning,
            facts.has_images,
            facts.has_audio,
            facts.has_files,
        )
        kept = self._kept.get(key)
        if kept is not None and facts.wishes is None and self._holds(kept, facts, now_s):
            decision = msgspec.structs.replace(kept.decision, draw=draw)
            return Decided(decision, f"{kept.before_draw}{_number(draw).decode()}{kept.after_draw}")
        decision = decide(program, caller, facts, self._live, now_s, draw, lambda path: sets(fields, path))
        if decision.settled:
            self._keep(key, caller, decision, facts)
        return Decided(decision, trace(decision))

    def _holds(self, kept: _Kept, facts: Facts, now_s: float) -> bool:
        if facts.at > kept.until or facts.input_tokens_low + (facts.max_tokens or 0) > kept.tokens_most:
            return False
        is_calm = self._live.is_calm
        for candidate in kept.chains:  # noqa: SIM110 - a generator costs as much as the question
            if not is_calm(candidate.offer, now_s):
                return False
        return True

    def _keep(self, key: tuple[object, ...], caller: Caller, decision: Decision, facts: Facts) -> None:
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        chains = (*decision.chain, *(one for chain in decision.chains_for.values() for one in chain))
        self._kept[key] = _Kept(
            caller,
            decision,
            *around_draw(decision),
            chains,
            min((one.offer.context for one in chains if one.offer.context is not None), default=float("inf")),
            facts.at.replace(hour=23, minute=59, second=59, microsecond=999_999),
        )
