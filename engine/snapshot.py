"""The snapshot: the one immutable value that a configuration becomes, and how it travels between processes.

The compile subprocess makes `Parts` (one per provider, one for everything else) and `dump`s each; a worker loads
the parts whose `part_hash` changed, keeps the others, and assembles. `assemble_steps` is the only constructor of
`Snapshot`; it yields often, so that a worker can go on serving while it builds the next one.
"""

import io
import marshal
import pickle
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from types import CodeType, MappingProxyType
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

from engine.rules.match import RuleIndex
from engine.rules.names import offers_of
from engine.rules.program import (
    Caller,
    Offer,
    OfferPattern,
    Pool,
    Program,
    Provider,
    RetryPolicy,
    Rule,
    Target,
    VirtualModel,
)
from engine.values import ModelId, ProviderId

__all__ = [
    "Part",
    "Parts",
    "Privacy",
    "ProviderPart",
    "Recording",
    "RootPart",
    "Snapshot",
    "assemble",
    "assemble_steps",
    "dump",
    "load_steps",
    "part_hash",
]


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """Which of a caller's headers and metadata are kept: for rules, for replay and as columns of reports."""

    headers: frozenset[str] = frozenset()
    """Lower case."""
    metadata: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()


class Privacy(msgspec.Struct, frozen=True, kw_only=True):
    """How long usage is kept. Prompts and completions are never stored (`prompts: none`)."""

    retention_days: int


class ProviderPart(msgspec.Struct, frozen=True, kw_only=True):
    """One provider file, compiled."""

    provider: Provider
    offers: tuple[Offer, ...]
    patterns: tuple[OfferPattern, ...] = ()
    aliases: Mapping[str, ModelId]
    """Bare upstream spellings listed under a model's `aliases`."""
    source_hash: str
    """SHA-256 (hex) of the bytes it was compiled from; two parts with the same one are equal."""


class RootPart(msgspec.Struct, frozen=True, kw_only=True):
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
    """SHA-256 (hex) of all files: equal roots come from equal files."""


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """A compiled configuration in the pieces that travel."""

    root: RootPart
    providers: tuple[ProviderPart, ...]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
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


Part = ProviderPart | RootPart

CHUNK: Final = 10
"""Rules, models or the like between two stops of `load_steps` and `assemble_steps`: less than a millisecond."""

T = TypeVar("T")


def part_hash(part: Part) -> str:
    """The hash of what a part was made from: a worker that holds a part with this hash need not be sent it again."""
    return part.source_hash if isinstance(part, ProviderPart) else part.bundle_hash


def dump(part: Part) -> bytes:
    """The part as bytes, for `load_steps` in another process of the same engine and Python.

    Pickles in a row: the part (the root's without virtual models and rules), then those, a chunk at a time.
    """
    buffer = io.BytesIO()
    if isinstance(part, ProviderPart):
        _write(buffer, part)
        return buffer.getvalue()
    _write(buffer, replace(part, virtual=(), rules=()))
    for chunk in (*_chunks(part.virtual), *_chunks(part.rules)):
        _write(buffer, chunk)
    return buffer.getvalue()


def _chunks(items: tuple[T, ...]) -> Iterable[tuple[T, ...]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))


def load_steps(data: bytes) -> Generator[None, None, Part]:
    """Load what `dump` wrote, piece by piece, stopping after each; the part is the generator's return value.

    Only for bytes from our own compile subprocess: pickles can run code.
    """
    buffer = io.BytesIO(data)
    part = _read(buffer)
    if isinstance(part, ProviderPart):
        return part
    if not isinstance(part, RootPart):
        raise TypeError(f"not a part of a snapshot: {type(part).__name__}")
    items: list[VirtualModel | Rule] = []
    while buffer.tell() < len(data):
        yield
        items += _read(buffer)
    virtual = tuple(item for item in items if isinstance(item, VirtualModel))
    return replace(part, virtual=virtual, rules=tuple(item for item in items if isinstance(item, Rule)))


def _write(buffer: io.BytesIO, value: object) -> None:
    _Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(value)


def _read(buffer: io.BytesIO) -> Any:
    return pickle.load(buffer)  # noqa: S301 - written by `dump` in a process that we started, read from its pipe


def _to_end(steps: Generator[None, None, T]) -> T:
    """What *steps* returns, in one go."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: T = done.value
            return result


class _Pickler(pickle.Pickler):
    """Pickle, and the two frozen kinds that it does not know: read-only mappings and compiled conditions."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, MappingProxyType):
            return _read_only, (dict(obj),)
        if isinstance(obj, CodeType):
            return marshal.loads, (marshal.dumps(obj),)
        return NotImplemented


def _read_only(mapping: dict[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(mapping)


def assemble(parts: Parts, git_rev: str = "") -> Snapshot:
    """The snapshot that *parts* make, in one go."""
    return _to_end(assemble_steps(parts, git_rev))


def assemble_steps(parts: Parts, git_rev: str = "") -> Generator[None, None, Snapshot]:
    """Build the snapshot piece by piece, stopping after each; the snapshot is the generator's return value."""
    root = parts.root
    market = yield from _market(parts)
    resolve = _Resolver(market)
    virtual = yield from _each(resolve.virtual, root.virtual)
    rules = yield from _each(resolve.rule, root.rules)
    yield
    index = RuleIndex(tuple(rule.models for rule in rules))
    yield
    program = replace(
        market,
        virtual=MappingProxyType({model.name: model for model in virtual}),
        rules=tuple(rules),
        rule_index=index,
    )
    return Snapshot(
        program=program,
        callers=root.callers,
        anonymous=root.anonymous,
        recording=root.recording,
        privacy=root.privacy,
        config_hash=root.config_hash,
        bundle_hash=root.bundle_hash,
        git_rev=git_rev,
    )


def _market(parts: Parts) -> Generator[None, None, Program]:
    """A program that has everything the providers offer, and no virtual models and rules yet.

    Providers of `order` are taken first and in that order, so that the offers of each model are in it too.
    """
    order, rank = parts.root.order, {provider: n for n, provider in enumerate(parts.root.order)}
    aliases = dict(parts.root.aliases)
    offers: dict[ModelId, tuple[Offer, ...]] = {}
    pinned: dict[tuple[ModelId, ProviderId], Offer] = {}
    for part in sorted(parts.providers, key=lambda p: (rank.get(p.provider.id, len(rank)), p.provider.id)):
        aliases.update(part.aliases)
        for offer in part.offers:
            pinned[offer.model, part.provider.id] = offer
            before = offers.get(offer.model, ())
            offers[offer.model] = (*before, offer) if part.provider.id in rank else before
        yield
    return Program(
        order=order,
        retry=parts.root.retry,
        providers=MappingProxyType({part.provider.id: part.provider for part in parts.providers}),
        offers=MappingProxyType(offers),
        pinned=MappingProxyType(pinned),
        patterns=MappingProxyType({part.provider.id: part.patterns for part in parts.providers if part.patterns}),
        aliases=MappingProxyType(aliases),
        alias_patterns=parts.root.alias_patterns,
        virtual=MappingProxyType({}),
        rules=(),
        rule_index=RuleIndex(()),
    )


class _Resolver(msgspec.Struct, frozen=True):
    """Puts into targets the offers that they stand for."""

    market: Program

    def virtual(self, model: VirtualModel) -> VirtualModel:
        """The virtual model with the offers of its targets."""
        return replace(model, pool=self.pool(model.pool))

    def rule(self, rule: Rule) -> Rule:
        """The rule with the offers of its targets."""
        return replace(rule, pool=self.pool(rule.pool))

    def pool(self, pool: Pool) -> Pool:
        """The pool with the offers of its targets."""
        return replace(
            pool,
            targets=self.targets(pool.targets),
            fallback=self.targets(pool.fallback),
            fallback_for=MappingProxyType({kind: self.targets(t) for kind, t in pool.fallback_for.items()}),
        )

    def targets(self, targets: Iterable[Target]) -> tuple[Target, ...]:
        """Targets that name a model get its offers; nested and carried ones are resolved while deciding."""
        return tuple(
            target if target.virtual or target.carried else replace(target, offers=offers_of(self.market, target.text))
            for target in targets
        )


def _each(made: Callable[[T], T], items: Sequence[T]) -> Generator[None, None, list[T]]:
    """*made* of every item, stopping after each chunk."""
    results: list[T] = []
    for n, item in enumerate(items, 1):
        results.append(made(item))
        if n % CHUNK == 0:
            yield
    return results
