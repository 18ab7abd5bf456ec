"""The snapshot: one immutable value that a whole configuration has become, and how it travels between processes.

The compile subprocess makes `Parts` (one per provider, one for everything else) and `dump`s each; a worker `load`s
the parts whose bytes changed, keeps the others, and `assemble`s. `assemble` is the only constructor of `Snapshot`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.rules.program import (
    Caller,
    Offer,
    OfferPattern,
    Program,
    Provider,
    RetryPolicy,
    Rule,
    VirtualModel,
)
from engine.values import ModelId, ProviderId

__all__ = ["Parts", "Privacy", "ProviderPart", "Recording", "RootPart", "Snapshot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What of a caller's headers and metadata is kept: for rules, for replay and as columns of reports."""

    headers: frozenset[str] = frozenset()
    """Lower case."""
    metadata: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """How long usage is kept. Prompts and completions are never stored (`prompts: none`)."""

    retention_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPart:
    """One provider file, compiled."""

    provider: Provider
    offers: tuple[Offer, ...]
    patterns: tuple[OfferPattern, ...] = ()
    aliases: Mapping[str, ModelId]
    """Bare upstream spellings listed under a model's `aliases`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RootPart:
    """Everything else. Targets of pools still have empty `offers`; `assemble` fills them from the provider parts."""

    order: tuple[ProviderId, ...]
    retry: RetryPolicy
    aliases: Mapping[str, str]
    alias_patterns: tuple[tuple[str, str], ...]
    virtual: tuple[VirtualModel, ...]
    rules: tuple[Rule, ...]
    callers: Mapping[bytes, Caller]
    """SHA-256 digest (32 bytes) of a key → who presents it."""
    anonymous: Caller | None
    recording: Recording
    privacy: Privacy
    config_hash: str
    bundle_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A compiled configuration in the pieces that travel."""

    root: RootPart
    providers: tuple[ProviderPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A configuration ready to serve. Frozen all the way down; a request keeps the one it began with."""

    program: Program
    callers: Mapping[bytes, Caller]
    anonymous: Caller | None
    recording: Recording
    privacy: Privacy
    config_hash: str
    """SHA-256 (hex) of the linked tree in canonical form: comments and order of mappings do not count."""
    bundle_hash: str
    """SHA-256 (hex) of the files' bytes."""
    git_rev: str = ""
    """Short git revision of the configuration root; empty outside a repository."""
