"""The one namespace: aliases, virtual models, canonical models and pins, and what each reference to them stands for.

Names are gathered from documents as they are written: what has a mistake in it is not unknown. Where names themselves
could not be read, nobody can say that one does not exist, and nobody does.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import Any, Final

from engine.config.placed import Placed
from engine.config.report import Report
from engine.config.suggest import did_you_mean
from engine.config.tree import Document, Kind, Path
from engine.rules.match import specificity

__all__ = ["Names", "What", "gather"]


DEFINING: Final[Mapping[Kind, tuple[Path, ...]]] = {
    Kind.ROUTES: (("models",), ("aliases",)),
    Kind.PROVIDER: (("models",),),
    Kind.POLICY: (("teams",), ("access",), ("access", "roles")),
    Kind.ROUTING_TEST: (),
}
"""Sections whose keys are names."""


class What(StrEnum):
    """What a name is, in words for a sentence."""

    ALIAS = "an alias"
    VIRTUAL = "a virtual model"
    MODEL = "a model"
    PIN = "a pin"


@dataclass(slots=True, kw_only=True)
class Names:
    """Every name of a configuration, where it is written first. Values are as written: any kind, if not sound."""

    providers: set[str] = field(default_factory=set)
    virtual: dict[str, Placed] = field(default_factory=dict)
    aliases: dict[str, Placed] = field(default_factory=dict)
    """Exact aliases, from `aliases` and from models; the value is the name that the alias stands for."""
    alias_patterns: dict[str, Placed] = field(default_factory=dict)
    """The most specific first: of several that match, that one counts."""
    models: dict[str, dict[str, Placed]] = field(default_factory=dict)
    """Canonical model → provider → where it offers it."""
    patterns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Provider → the patterns of models that it offers unlisted; none without any."""
    teams: set[str] = field(default_factory=set)
    roles: set[str] = field(default_factory=set)
    """Those that are declared; shipped ones come on top."""
    unread: frozenset[str] = frozenset()
    """Folders (`providers.d`, `policies`) and root files of which something that defines names could not be read."""

    @property
    def is_complete(self) -> bool:
        """Whether every file that can name a model could be read."""
        return self.unread <= {"policies"}

    @property
    def has_all_policies(self) -> bool:
        """Whether every file that can name a team or a role could be read."""
        return "policies" not in self.unread

    def what(self, name: str) -> What | None:
        """What *name* is; None when it is nothing that is written down or covered by a provider's pattern."""
        if name in self.virtual:
            return What.VIRTUAL
        if name in self.models:
            return What.MODEL
        if name in self.aliases:
            return What.ALIAS
        model, provider = self.pin(name)
        if provider:
            return What.PIN if self.offers(provider, model) else None
        return What.MODEL if any(self.offers(p, name) for p in self.patterns) else None

    def pin(self, name: str) -> tuple[str, str]:
        """Model and provider of a pin: the last `@` counts, when a known provider follows. Else *name* and ""."""
        model, _, provider = name.rpartition("@")
        return (model, provider) if model and provider in self.providers else (name, "")

    def offers(self, provider: str, model: str) -> bool:
        """Whether a provider lists the model, or has a pattern for it."""
        if provider in self.models.get(model, ()):
            return True
        return "@" not in model and any(star_matches(glob, model) for glob in self.patterns.get(provider, ()))

    def resolved(self, alias: str) -> str:
        """The name at the end of a chain of exact aliases; the last one seen, when they go round in a circle."""
        seen: set[str] = set()
        while alias in self.aliases and alias not in seen:
            seen.add(alias)
            target = self.aliases[alias].value
            if not isinstance(target, str):  # a mistake of its own, reported as such
                break
            alias = target
        return alias

    def all(self) -> Iterator[str]:
        """Every name but pins."""
        return chain(self.virtual, self.models, self.aliases)

    def hint(self, name: str) -> str:
        """What may have been meant by an unknown name."""
        model, at, provider = name.rpartition("@")
        if at and model in self.models and provider not in self.providers:
            return did_you_mean(provider, self.providers)
        if at and provider in self.providers and model in self.models:
            return f"it is offered by {', '.join(sorted(self.models[model]))}"
        if at and provider in self.providers:
            return did_you_mean(name, (f"{known}@{provider}" for known, at in self.models.items() if provider in at))
        return did_you_mean(name, self.all())


def star_matches(glob: str, name: str) -> bool:
    """Whether *name* is *glob* with something in place of its one `*`."""
    head, star, tail = glob.partition("*")
    return bool(star) and len(name) > len(head) + len(tail) and name.startswith(head) and name.endswith(tail)


def gather(documents: Iterable[Document], broken: Sequence[str], report: Report) -> Names:
    """All names in *documents*; names that are two things at once are reported."""
    documents = tuple(documents)
    unread = [*(d.file for d in documents if _hides_names(d)), *broken]
    names = Names(unread=frozenset(file.partition("/")[0] for file in unread if not file.startswith("tests/")))
    names.providers = {_stem(d.file) for d in documents if d.kind is Kind.PROVIDER} | {
        _stem(file) for file in broken if file.startswith("providers.d/")
    }
    for document in documents:
        if document.kind is Kind.ROUTES:
            _gather_routes(names, document)
        if document.kind is Kind.POLICY:
            names.teams |= _mapping(document.value, "teams").keys()
            names.roles |= _mapping(_mapping(document.value, "access"), "roles").keys()
    names.alias_patterns = dict(sorted(names.alias_patterns.items(), key=lambda entry: specificity(entry[0])))
    for document in documents:
        if document.kind is Kind.PROVIDER:
            _gather_models(names, document, report)
    _check_collisions(names, report)
    return names


def _hides_names(document: Document) -> bool:
    """Whether something is wrong with a whole section that defines names, or with one of the keys there."""
    sections = ((), *DEFINING[document.kind])
    return any(gap in DEFINING[document.kind] or (gap[-1:] == ("?",) and gap[:-1] in sections) for gap in document.gaps)


def _mapping(value: Any, key: str) -> Mapping[str, Any]:
    """The mapping under *key*; empty where something else stands, since the document may not be sound."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _stem(file: str) -> str:
    return file.rpartition("/")[2].removesuffix(".yaml")


def _gather_routes(names: Names, document: Document) -> None:
    for name, value in _mapping(document.value, "models").items():
        names.virtual.setdefault(name, Placed(document, ("models", name), value))
    for name, value in _mapping(document.value, "aliases").items():
        kind = names.alias_patterns if "*" in name else names.aliases
        kind.setdefault(name, Placed(document, ("aliases", name), value))


def _gather_models(names: Names, document: Document, report: Report) -> None:
    provider = _stem(document.file)
    patterns = []
    for name, value in _mapping(document.value, "models").items():
        at = Placed(document, ("models", name), value)
        if "*" in name:
            patterns.append(name)
        else:
            names.models.setdefault(name, {})[provider] = at
        aliases = value.get("aliases") if isinstance(value, dict) else None
        for n, alias in enumerate(aliases if isinstance(aliases, list) else ()):
            if isinstance(alias, str):
                _gather_alias(names, alias, at, n, report)
    if patterns:
        names.patterns[provider] = tuple(patterns)


def _gather_alias(names: Names, alias: str, model: Placed, n: int, report: Report) -> None:
    """An alias that stands at a provider's model: the same one may stand at several, if they are the same model."""
    at = Placed(model.document, (*model.path, "aliases", n), model.name)
    first = names.aliases.setdefault(alias, at)
    if first.value != at.value:
        message = f"'{alias}' is an alias of '{first.value}' already"
        report.error("alias-conflict", at, message, hint="keep one", related=(("first", first.key_place),))


def _check_collisions(names: Names, report: Report) -> None:
    """A name that is two of virtual model, model, alias and pin is reported at the later of the two."""
    models = {name: next(iter(at.values())) for name, at in names.models.items()}
    seen: dict[str, tuple[What, Placed]] = {}
    for what, entries in ((What.MODEL, models), (What.VIRTUAL, names.virtual), (What.ALIAS, names.aliases)):
        for name, at in entries.items():
            model, provider = names.pin(name)
            if provider:
                message = f"'{name}' is {what} and reads as a pin of '{model}' to the provider '{provider}'"
                report.key_error("name-collision", at, message, hint="give it a name without '@'")
            if name in seen:
                other, first = seen[name]
                message = f"'{name}' is {what} here and {other} elsewhere"
                related = ((str(other), first.key_place),)
                report.key_error("name-collision", at, message, hint="rename one of them", related=related)
            seen.setdefault(name, (what, at))
