from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from engine.config import bundle as bundles
from engine.config.build import build
from engine.snapshot import Parts, RootPart, Snapshot, assemble, assemble_steps, dump, load_steps, part_hash
from engine.values import Facts, ModelId, ProviderId
from tests.parts import load

GOOD = Path(__file__).parents[1] / "config" / "good" / "everything"


@pytest.fixture
def parts() -> Parts:
    """A configuration that uses every key there is."""
    built = build(bundles.read(GOOD))
    assert built.parts is not None
    return built.parts


@pytest.fixture
def snapshot(parts: Parts) -> Snapshot:
    return assemble(parts, git_rev="abc")


def _many(rules: int) -> Parts:
    """Parts with so many rules and virtual models."""
    lines = ["version: 1", "defaults: {providers: [alpha]}", "models:"]
    lines += [f"  v{n}: {{targets: [a/b]}}" for n in range(rules)]
    lines += ["routes:", *(f"  - {{name: r{n}, match: {{model: v{n}}}, to: a/c@alpha}}" for n in range(rules))]
    alpha = b"id: alpha\nprotocol: sandbox\nmodels: {a/b: {price: free}, a/c: {price: free}}\n"
    files = {"providers.d/alpha.yaml": alpha, "routes.yaml": "\n".join(lines).encode()}
    built = build(bundles.Bundle(files=files))
    assert built.parts is not None
    return built.parts


def _mutable(value: Any, seen: set[int], path: str) -> list[str]:
    """Paths of what can be changed inside *value*."""
    if id(value) in seen:
        return []
    seen.add(id(value))
    if isinstance(value, list | dict | set | bytearray):
        return [path]
    if isinstance(value, Mapping):
        return [found for key in value for found in _mutable(value[key], seen, f"{path}[{key}]")]
    if isinstance(value, tuple | frozenset):
        return [found for n, item in enumerate(value) for found in _mutable(item, seen, f"{path}[{n}]")]
    thawed = [] if _is_frozen(value) else [path]
    return [*thawed, *(found for n in _names(value) for found in _mutable(getattr(value, n), seen, f"{path}.{n}"))]


def _names(value: Any) -> Sequence[str]:
    """The fields of a record."""
    if isinstance(value, msgspec.Struct):
        return value.__struct_fields__
    return [field.name for field in fields(value)] if is_dataclass(value) and not isinstance(value, type) else ()


def _is_frozen(value: Any) -> bool:
    """Whether the fields of *value*, if it has some, can only be read."""
    if isinstance(value, msgspec.Struct):
        return value.__struct_config__.frozen
    return not is_dataclass(value) or isinstance(value, type) or value.__dataclass_params__.frozen  # type: ignore[attr-defined]  # dataclasses have it


def test_it_is_frozen_all_the_way_down(snapshot: Snapshot) -> None:
    """Nothing reachable from a snapshot is a list, dict, set or thawed record: requests share it unlocked."""
    assert _mutable(snapshot, set(), "snapshot") == []


def test_parts_travel(parts: Parts) -> None:
    """What is loaded is what was dumped; conditions still evaluate, and loaded parts are frozen as well."""
    root = load(dump(parts.root))
    assert isinstance(root, RootPart)
    # Conditions are equal to themselves only; everything else is compared by value.
    assert structs.replace(root, rules=()) == structs.replace(parts.root, rules=())
    assert structs.replace(root.rules[0], when=None) == structs.replace(parts.root.rules[0], when=None)
    alpha, beta, *_ = parts.providers
    assert load(dump(beta)) == beta
    assert part_hash(load(dump(alpha))) == part_hash(alpha)
    condition = root.rules[0].when
    assert condition is not None
    facts = Facts(model="support", at=datetime(2026, 11, 23, tzinfo=UTC), input_tokens=2000, headers={"x-tier": "gold"})
    assert condition(facts, None, lambda _: False)
    assert _mutable(root, set(), "root") == []


def test_only_parts_are_loaded() -> None:
    """Bytes that hold something else are refused."""
    with pytest.raises(TypeError, match="not a part"):
        load(b"\x80\x04K\x01.")


def test_parts_that_changed_are_told_by_their_hash(parts: Parts) -> None:
    """A provider's hash is of its own file, so that an edit elsewhere leaves it as it was."""
    files = dict(bundles.read(GOOD).files)
    files["providers.d/beta.yaml"] += b"# a comment\n"
    changed = build(bundles.Bundle(files=files)).parts
    assert changed is not None
    pairs = zip(parts.providers, changed.providers, strict=True)
    assert [a.provider.id for a, b in pairs if part_hash(a) != part_hash(b)] == ["beta"]
    assert part_hash(parts.root) != part_hash(changed.root)


def test_offers_come_in_the_order_of_providers() -> None:
    """A model's offers stand in the order of defaults.providers; what only a pin reaches is there, and empty."""
    model = b"protocol: sandbox\nmodels: {a/b: {price: free}, a/%s: {price: free}}\n"
    files = {f"providers.d/{p}.yaml": b"id: %s\n" % p.encode() + model % p.encode() for p in ("one", "three", "two")}
    files["routes.yaml"] = b"version: 1\ndefaults: {providers: [two, one]}\n"
    built = build(bundles.Bundle(files=dict(sorted(files.items()))))
    assert built.parts is not None
    program = assemble(built.parts).program
    assert [offer.id for offer in program.offers[ModelId("a/b")]] == ["a/b@two", "a/b@one"]
    assert program.offers[ModelId("a/three")] == ()
    assert program.pinned[ModelId("a/three"), ProviderId("three")].id == "a/three@three"


def test_targets_have_their_offers(snapshot: Snapshot) -> None:
    """Names and pins in pools are resolved; nested virtual models and carried names wait for the request."""
    support = snapshot.program.virtual["support"].pool
    assert [[offer.id for offer in target.offers] for target in support.targets] == [["openai/gpt-4o@alpha"], []]
    assert support.targets[1].virtual == "small"
    assert [offer.id for offer in support.fallback[0].offers] == ["qwen/qwen-3-32b@beta"]
    gold, qwen = snapshot.program.rules
    assert [offer.id for offer in gold.pool.targets[0].offers] == ["openai/gpt-4o@alpha"]
    assert (qwen.pool.targets[0].carried, qwen.pool.targets[0].offers) == ("qwen/*@beta", ())


def test_what_the_parts_say_is_kept(snapshot: Snapshot, parts: Parts) -> None:
    """Aliases of routes and models are one mapping; hashes, callers and the revision pass through."""
    assert snapshot.program.aliases == {"gpt-4": "openai/gpt-4o", "gpt-4-0314": "gpt-4", "gpt-4o": "openai/gpt-4o"}
    assert snapshot.callers is parts.root.callers
    assert (snapshot.config_hash, snapshot.git_rev) == (parts.root.config_hash, "abc")


def test_steps_are_small() -> None:
    """Loading and assembling stop at least once in ten rules or models, and end at what is made in one go."""
    parts = _many(200)
    data = dump(parts.root)
    assert sum(1 for _ in load_steps(data)) >= 40
    assert sum(1 for _ in assemble_steps(parts)) >= 40
    assert load(data) == parts.root
    assert len(assemble(parts).program.rules) == 200
