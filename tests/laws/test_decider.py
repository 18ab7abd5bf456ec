"""A decision that is remembered is the one that would be taken: whatever is asked, whatever has happened meanwhile."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config.build import build
from engine.config.bundle import read
from engine.errors import CallerFault
from engine.gateway.decider import Decider
from engine.rules.decide import decide
from engine.rules.program import Caller, Offer, Provider
from engine.rules.trace import trace
from engine.snapshot import assemble
from engine.values import Facts, Wishes
from engine.wire.json_edit import sets

PARTS = build(read(Path(__file__).parents[1] / "config" / "good" / "everything")).parts
assert PARTS is not None
SNAPSHOT = assemble(PARTS)
PROGRAM = SNAPSHOT.program
PROVIDERS = sorted(PROGRAM.providers)
NAMES = sorted({*PROGRAM.virtual, *PROGRAM.aliases, *PROGRAM.offers, *(f"{m}@{p}" for m, p in PROGRAM.pinned)})
CALLERS = (Caller(id="anyone"), *SNAPSHOT.callers.values())
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class World:
    """Providers are calm but for those in `trouble`, each with what is wrong there."""

    trouble: dict[str, str] = field(default_factory=dict)
    turns: int = 0
    epoch: int = 0

    def configured(self, provider: Provider) -> bool:
        return self.trouble.get(provider.id) != "unconfigured"

    def is_calm(self, offer: Offer, now_s: float) -> bool:
        return offer.provider.id not in self.trouble

    def blocked_until_s(self, offer: Offer, now_s: float) -> float:
        return now_s + 5 if self.trouble.get(offer.provider.id) == "blocked" else 0.0

    def rests_until_s(self, offer: Offer, key_label: str) -> float:
        return 1e9 if self.trouble.get(offer.provider.id) == "resting" else 0.0

    def full_until_s(self, offer: Offer, now_s: float) -> float:
        return now_s + 100 if self.trouble.get(offer.provider.id) == "full" else 0.0

    def expected_output_tokens(self, offer: Offer) -> float | None:
        return None

    def turn(self, pool: str) -> int:
        return self.turns

    def may_retry(self, now_s: float) -> bool:
        return True


FACTS = st.builds(
    Facts,
    model=st.sampled_from(NAMES),
    at=st.sampled_from([NOON, NOON + timedelta(hours=11), NOON + timedelta(days=400), NOON - timedelta(days=400)]),
    stream=st.booleans(),
    input_tokens_low=st.sampled_from([10, 50_000, 500_000]),
    max_tokens=st.sampled_from([None, 100, 200_000]),
    has_tools=st.booleans(),
    has_images=st.booleans(),
    user=st.sampled_from(["", "u-1", "u-2"]),
    wishes=st.sampled_from([None, None, None, Wishes(only=(PROVIDERS[0],))]),
)
TROUBLE = st.dictionaries(st.sampled_from(PROVIDERS), st.sampled_from(["blocked", "resting", "full", "unconfigured"]))
STEPS = st.lists(st.tuples(st.sampled_from(CALLERS), FACTS, TROUBLE, st.floats(0, 0.999)), min_size=1, max_size=12)


@settings(max_examples=150)
@given(steps=STEPS)
def test_what_is_remembered_is_what_would_be_decided(steps: list[tuple[Caller, Facts, dict[str, str], float]]) -> None:
    """Each request is asked three times: in trouble, and in calm before and after."""
    world = World()
    decider = Decider(world)
    for caller, facts, trouble, draw in steps:
        for happened in ({}, trouble, {}):
            changed = {*happened.items()} ^ {*world.trouble.items()}
            world.epoch += any(what == "unconfigured" for _, what in changed)
            world.trouble = happened
            world.turns += 1
            try:
                expected = decide(PROGRAM, caller, facts, world, 1.0, draw, lambda path: sets({}, path))
            except CallerFault:
                continue
            decided = decider.decide(PROGRAM, caller, facts, {}, now_s=1.0, draw=draw)

            assert decided.decision == expected
            assert decided.traced == trace(expected)


def test_a_plain_request_is_decided_once() -> None:
    """The second decision holds the very candidates of the first: it was remembered, not taken again."""
    decider = Decider(World())
    facts = Facts(model=next(name for name, offers in PROGRAM.offers.items() if offers), at=NOON)
    first, second = (decider.decide(PROGRAM, CALLERS[0], facts, {}, now_s=1.0, draw=d).decision for d in (0.1, 0.2))

    assert first.chain
    assert second.chain is first.chain
    assert second.draw == 0.2
