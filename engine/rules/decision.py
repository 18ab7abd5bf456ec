"""What a decision says: the chain to try, everything that was left out and why, each with its place."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec

from engine.errors import OutcomeKind, Place
from engine.rules.program import Offer, RetryPolicy, Rule, Strategy, VirtualModel
from engine.wire.json_edit import Edit

__all__ = ["Candidate", "Decision", "Dropped", "Reason", "Refusal"]


NO_CHAINS: Mapping[OutcomeKind, "tuple[Candidate, ...]"] = MappingProxyType({})


class Reason(StrEnum):
    """Why a candidate is not tried. If nothing is left, the reason that comes first here decides what a caller gets."""

    DENIED = "denied"
    REQUIRE = "require"
    UNCONFIGURED = "unconfigured"
    DISABLED = "disabled"
    RETIRED = "retired"
    UNPRICED = "unpriced"
    SURFACE = "surface"
    FEATURE = "feature"
    MODALITY = "modality"
    CONTEXT = "context"
    WISH = "wish"
    KEYS_RESTING = "keys_resting"
    FULL = "full"
    BREAKER = "breaker"
    UNOFFERED = "unoffered"
    """A pattern's `*` was filled with a model that no provider offers there."""
    CUT = "cut"
    """The chain already holds this offer, or eight others."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One offer of the chain."""

    offer: Offer
    stage: str
    """`pool` or `fallback`."""
    why: str
    """In words: `ordered in support`, `fallback of support`, `for rate_limited in support`, `offers openai/gpt-4o`."""
    place: Place
    """Of the target that named it."""
    edits: tuple[Edit, ...] = ()
    """Of the virtual models it was reached through, inner first."""


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """One offer that was considered and left out."""

    offer: str
    """`model@provider`."""
    reason: Reason
    detail: str
    """One sentence for people: `needs tools, which qwen-3-32b at cerebras does not have`."""
    place: Place
    """Of what decided: the deny, the require, the model."""
    until_s: float = 0.0
    """When it could be eligible again (monotonic), for resting keys, limits and breakers."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing is tried, as the caller is told."""

    status: int
    code: str
    message: str
    type: str = "api_error"
    retry_after_s: float | None = None
    place: Place | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of `decide`, complete enough to be explained and replayed."""

    asked: str
    path: tuple[str, ...]
    """The name and every alias it went through, the resolved name last."""
    retry: RetryPolicy
    draw: float
    """The random number used, a hash when sticky, or the round-robin turn."""
    strategy: Strategy = Strategy.ORDERED
    virtual: VirtualModel | None = None
    rule: Rule | None = None
    pool: str = ""
    """Name under which the pool takes turns: the virtual model, the rule, or the canonical name."""
    chain: tuple[Candidate, ...] = ()
    chains_for: Mapping[OutcomeKind, tuple[Candidate, ...]] = NO_CHAINS
    """Chains that replace what is left of `chain` after an outcome of that kind."""
    dropped: tuple[Dropped, ...] = ()
    refusal: Refusal | None = None
    """Set exactly when `chain` is empty."""
    forced: bool = False
    """Breakers alone left nothing, so the least bad offer is tried."""
    settled: bool = False
    """While the offers of the chains are calm, the same caller asking the same again gets the same decision: no
    condition, draw, turn, wish or passing state had a say."""
