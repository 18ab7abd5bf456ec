"""What policies name: teams, roles, and the names that are granted or denied."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from itertools import chain

from engine.config.compile.roles import SHIPPED
from engine.config.link import Tree
from engine.config.names import Names
from engine.config.placed import Placed
from engine.config.report import Report
from engine.config.suggest import did_you_mean
from engine.errors import PatternInvalid
from engine.rules.match import Globs

__all__ = ["Matches", "check_policies"]


class Matches:
    """Whether globs match any of *among*, each looked up once."""

    def __init__(self, names: Names, among: Iterable[str]) -> None:
        self._names = names
        self._among = sorted(among)
        self._heads = tuple(glob.partition("*")[0] for globs in names.patterns.values() for glob in globs)
        self._known: dict[str, bool] = {}

    def has_any(self, text: str) -> bool:
        """Whether *text* is a name, or a glob that matches one.

        True also where a provider's patterns leave that open, and for a glob that cannot be read: that is reported
        where it is compiled.
        """
        if text not in self._known:
            self._known[text] = self._names.what(text) is not None or self._matches(text)
        return self._known[text]

    def _matches(self, text: str) -> bool:
        try:
            globs = Globs((text,))
        except PatternInvalid:
            return True
        if any(self._names.what(name) for name in globs.exact):
            return True
        heads = [pattern.head for pattern in globs.patterns]
        if any(mine.startswith(other) or other.startswith(mine) for mine in heads for other in self._heads):
            return True
        return any(pattern.matches(name) for pattern in globs.patterns for name in self._beginning_with(pattern.head))

    def _beginning_with(self, head: str) -> Iterator[str]:
        for index in range(bisect_left(self._among, head), len(self._among)):
            if not self._among[index].startswith(head):
                return
            yield self._among[index]


def check_policies(tree: Tree, names: Names, report: Report) -> None:
    """Teams, roles and names that the policies name."""
    pins = (f"{model}@{provider}" for model, at in names.models.items() for provider in at)
    matches = Matches(names, chain(names.all(), pins))
    known_roles = names.roles | SHIPPED.keys()
    for consumer in tree.policies["consumers"].values():
        if "team" in consumer:
            _check_known(consumer["team"], names.teams, "team", names, report)
        for role in consumer["roles"].each():
            _check_known(role, known_roles, "role", names, report)
    for section in ("teams", "consumers"):
        for subject in tree.policies[section].values():
            _check_names(subject, names, matches, report)
    anonymous = tree.policies["access"]["anonymous"]
    if anonymous.value != "deny":
        _check_names(anonymous, names, matches, report)


def _check_known(at: Placed, known: Collection[str], what: str, names: Names, report: Report) -> None:
    if at.value in known or not names.has_all_policies:
        return
    hint = did_you_mean(at.value, known) or f"declare it in policies, or use one of: {', '.join(sorted(known))}"
    report.error(f"unknown-{what}", at, f"there is no {what} '{at.value}'", hint=hint)


def _check_names(subject: Placed, names: Names, matches: Matches, report: Report) -> None:
    """Granted names exist; denied ones that do not may be meant for the future."""
    if not names.is_complete:
        return
    for at in subject["models"].each() if "models" in subject else ():
        if not matches.has_any(at.value):
            hint = names.hint(at.value) or "`engine models` lists the names"
            report.error("grants-nothing", at, f"'{at.value}' is no name and matches none", hint=hint)
    for at in subject["deny"].each() if "deny" in subject else ():
        if not matches.has_any(at.value):
            report.warning("denies-nothing", at, f"'{at.value}' matches no model", hint=names.hint(at.value))
