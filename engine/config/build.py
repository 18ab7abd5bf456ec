"""A bundle of files → the parts of a snapshot, or every problem that keeps it from becoming one.

The order is shape, link, compile, lint. Each stage goes as far as it can on what the one before let pass, so that
problems of different kinds are found together; a configuration without errors compiles, always.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from types import MappingProxyType

from engine.config.bundle import Bundle
from engine.config.cache import Cache
from engine.config.canonical import config_hash
from engine.config.compile import models, policies, routes
from engine.config.grants import check_policies
from engine.config.link import Tree, link
from engine.config.lint import lint
from engine.config.names import Names, gather
from engine.config.reach import check_reach
from engine.config.references import check_routes, check_tests
from engine.config.report import Report
from engine.config.shape import check
from engine.config.tables import rows
from engine.errors import Problem, Severity
from engine.rules.match import specificity
from engine.snapshot import Parts, RootPart, assemble
from engine.values import ModelRow, PriceRow, ProviderId, ProviderRow

__all__ = ["Built", "build"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What became of a bundle."""

    parts: Parts | None
    """None exactly when one of `problems` is an error, other than in a routing test: those are not served."""
    problems: tuple[Problem, ...]
    """Sorted by place."""
    config_hash: str
    """Empty without parts."""
    bundle_hash: str
    counts: Mapping[str, int] = field(default_factory=dict)
    """How many there are of each noun, for one line that says what was read."""
    tables: tuple[ModelRow | ProviderRow | PriceRow, ...] = ()
    """Rows for the usage store; empty without parts."""


def build(bundle: Bundle, cache: Cache | None = None, *, today: date | None = None) -> Built:
    """Read, check and compile *bundle*. *today* (UTC) lets expired, deprecated and retired things be warned about."""
    checked = check(bundle, cache)
    report = Report(list(checked.problems), bundle.files)
    names = gather(checked.written, checked.broken, report)
    tree = link(checked.documents, checked.broken, report)
    check_routes(tree, names, report)
    check_tests(checked.documents, names, report)
    check_policies(tree, names, report)
    parts = _parts(tree, names, bundle, report)
    lint(tree, names, parts, today, report)
    check_reach(tree, names, assemble(parts).program, today, report)
    problems = tuple(sorted(report.problems, key=lambda problem: problem.order))
    if any(problem.severity is Severity.ERROR and not problem.place.file.startswith("tests/") for problem in problems):
        return Built(parts=None, problems=problems, config_hash="", bundle_hash=bundle.bundle_hash)
    return Built(
        parts=parts,
        problems=problems,
        config_hash=parts.root.config_hash,
        bundle_hash=bundle.bundle_hash,
        counts=_counts(parts, tree, bundle),
        tables=tuple(rows(parts)),
    )


def _parts(tree: Tree, names: Names, bundle: Bundle, report: Report) -> Parts:
    providers = [models.part(at, _source_hash(at.document.file, bundle), report) for at in tree.providers.values()]
    defaults, access = tree.routes["defaults"], tree.policies["access"]
    retry = routes.default_retry(defaults)
    aliases = {name: at.value for name, at in tree.routes["aliases"].items()}
    root = RootPart(
        order=tuple(map(ProviderId, defaults["providers"].value)),
        retry=retry,
        aliases=MappingProxyType({name: target for name, target in aliases.items() if "*" not in name}),
        alias_patterns=tuple((name, aliases[name]) for name in sorted(aliases, key=specificity) if "*" in name),
        virtual=routes.virtual(tree.routes["models"], retry, names, report),
        rules=routes.rules(tree.rules, names, report),
        callers=policies.callers(tree.policies, report),
        anonymous=policies.anonymous(access, report),
        recording=policies.recording(tree.policies["record"]),
        privacy=policies.privacy(tree.policies["privacy"]),
        config_hash=config_hash(tree),
        bundle_hash=bundle.bundle_hash,
    )
    return Parts(root=root, providers=tuple(providers))


def _source_hash(file: str, bundle: Bundle) -> str:
    """SHA-256 (hex) of what a provider is compiled from: its file, and the overlay in force."""
    overlay = bundle.files.get(f"overlays/{bundle.overlay}.yaml", b"")
    digest = sha256(len(overlay).to_bytes(8) + overlay)
    digest.update(bundle.files.get(file, b""))
    return digest.hexdigest()


def _counts(parts: Parts, tree: Tree, bundle: Bundle) -> Mapping[str, int]:
    root = parts.root
    aliases = {*root.aliases, *(alias for part in parts.providers for alias in part.aliases)}
    return MappingProxyType(
        {
            "files": len(bundle.files),
            "providers": len(parts.providers),
            "models": len({offer.model for part in parts.providers for offer in part.offers}),
            "virtual models": len(root.virtual),
            "aliases": len(aliases) + len(root.alias_patterns),
            "rules": len(root.rules),
            "consumers": len(tree.policies["consumers"].value),
        }
    )
