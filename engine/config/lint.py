"""Meaning: settings that are well-formed, lead somewhere, and still cannot do what their author wanted."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple

from engine import __version__
from engine.config import scalars
from engine.config.grants import Matches
from engine.config.link import Tree
from engine.config.names import Names, What
from engine.config.placed import Placed
from engine.config.pools import named
from engine.config.report import Report
from engine.rules.match import covers
from engine.rules.program import Rule
from engine.snapshot import Parts
from engine.wire.dialect import CLOUDS, HAVE_RESPONSES

__all__ = ["lint"]

KEYED: Final = re.compile(r"(headers|metadata)\[['\"](.+)['\"]\]")
"""A fact that is there only when it is recorded."""


class Switch(NamedTuple):
    """A key of a dialect that has a provider asked by another API than its protocol's own."""

    key: str
    protocols: frozenset[str]
    """Where it means something."""
    own: str
    """The protocol that is this API."""
    api: str
    slug: str
    lack: str
    hint: str


SWITCHES = (
    Switch(
        key="messages",
        protocols=CLOUDS,
        own="anthropic",
        api="Messages API",
        slug="messages-unspoken",
        lack="wraps no Messages API; bedrock and vertex do",
        hint="remove it, or say where it is under `paths.messages`",
    ),
    Switch(
        key="responses",
        protocols=HAVE_RESPONSES,
        own="openai-responses",
        api="Responses API",
        slug="responses-unspoken",
        lack="has no Responses API beside its own; openai has",
        hint="remove it",
    ),
)


def lint(tree: Tree, names: Names, parts: Parts, today: date | None, report: Report) -> None:
    """Everything that can be told without knowing which offers a target has. Without *today* no date is judged."""
    _check_version(tree.routes, report)
    _check_rule_names(tree.rules, report)
    _check_matches(tree.rules, names, report)
    _check_reach(tree.rules, parts.root.rules, report)
    for pool in (*tree.routes["models"].values(), *(rule["to"] for rule in tree.rules)):
        _check_pool(pool, report)
    if names.has_all_policies:
        _check_recorded(tree, parts, report)
    _check_grants(tree, report)
    for provider in tree.providers.values():
        _check_dialect(provider, report)
    if today is not None:
        _check_keys(tree.policies["consumers"], today, report)


def _check_version(routes: Placed, report: Report) -> None:
    at = routes["requires"]
    wanted, have = at.value.removeprefix(">="), __version__
    if _numbers(have) < _numbers(wanted):
        report.error("engine-too-old", at, f"requires engine {at.value}, and this is {have}", hint="upgrade engine")


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _check_rule_names(rules: Iterable[Placed], report: Report) -> None:
    first: dict[str, Placed] = {}
    for rule in rules:
        name = rule["name"]
        if not rule.is_whole("name"):
            continue
        other = first.setdefault(name.value, name)
        if other is not name:
            message = f"two rules are called '{name.value}'"
            hint = "the name stands on each row of usage; give each rule its own"
            report.error("rule-twice", name, message, hint=hint, related=(("first", other.place),))


def _check_matches(rules: Iterable[Placed], names: Names, report: Report) -> None:
    """Every pattern of a rule can match a name as rules see it: after aliases, and never a pin."""
    if not names.is_complete:
        return
    matches = Matches(names, (*names.virtual, *names.models))
    for rule in rules:
        for at in rule["match"]["model"].each():
            what = names.what(at.value)
            if what is What.ALIAS:
                hint = f"write '{names.resolved(at.value)}'"
                report.error("unmatched-rule", at, f"'{at.value}' is an alias, and rules come after aliases", hint=hint)
            elif what is What.PIN:
                hint = "remove it: a pin goes where it says"
                report.error("unmatched-rule", at, f"'{at.value}' is a pin, and no rule matches a pin", hint=hint)
            elif not matches.has_any(at.value):
                report.error("unmatched-rule", at, f"'{at.value}' matches no name", hint=names.hint(at.value))


@dataclass(slots=True)
class _Earlier:
    """Rules with one condition, or none: what they leave to those after them."""

    by_name: dict[str, Rule] = field(default_factory=dict)
    wide: list[Rule] = field(default_factory=list)
    """Those with patterns."""

    def add(self, rule: Rule) -> None:
        for name in rule.models.exact:
            self.by_name.setdefault(name, rule)
        if rule.models.patterns:
            self.wide.append(rule)

    def covering(self, rule: Rule) -> Rule | None:
        """An earlier rule that takes everything that *rule* matches."""
        name = next(iter(rule.models.exact), None)
        exact = self.by_name.get(name) if name is not None else None
        candidates = (exact, *self.wide) if exact else self.wide
        return next((other for other in candidates if covers(other.models, rule.models)), None)


def _check_reach(nodes: tuple[Placed, ...], rules: Iterable[Rule], report: Report) -> None:
    """No rule stands behind one that takes all its requests: one with the same condition, or with none."""
    earlier: dict[str, _Earlier] = {}
    for rule in rules:
        conditions = ("", rule.when.text) if rule.when else ("",)
        groups = (earlier[condition] for condition in conditions if condition in earlier)
        first = next((found for group in groups if (found := group.covering(rule))), None)
        if first is not None:
            message = f"the rule '{first.name or first.index}' takes every request that this one matches"
            related = ((f"rule '{first.name}'", first.place),)
            at = nodes[rule.index]["match"]
            report.error("unreachable-route", at, message, hint="put the narrower rule first", related=related)
        earlier.setdefault(conditions[-1], _Earlier()).add(rule)


def _check_pool(pool: Placed, report: Report) -> None:
    if not isinstance(pool.value, dict):
        return
    for chain in pool["fallback_for"].values():
        _check_once(chain.each(), report)
    _check_once((*pool["targets"].each(), *pool["fallback"].each()), report)
    weights = (at["weight"] for at in pool["targets"].each() if isinstance(at.value, dict))
    weight = next((weight for weight in weights if weight.value != 1), None)
    if weight is not None and pool["strategy"].value != "weighted" and pool.is_whole("strategy"):
        message = f"a weight has no effect under the strategy '{pool['strategy'].value}'"
        report.warning("weight-unused", weight, message, hint="write `strategy: weighted`")


def _check_once(targets: Iterable[Placed], report: Report) -> None:
    """A chain tries an offer once, so that a target that was named before is never reached."""
    first: dict[str, Placed] = {}
    for target in targets:
        name = named(target)
        other = first.setdefault(name.value, name)
        if other is not name:
            message = f"'{name.value}' is tried before this"
            report.error("unreachable-target", name, message, hint="remove it", related=(("first", other.place),))


def _check_recorded(tree: Tree, parts: Parts, report: Report) -> None:
    """Headers and metadata that decide something are kept, so that the decision can be explained and replayed."""
    recording, record = parts.root.recording, tree.policies["record"]
    for at, fact in _keyed(tree, parts):
        of, key = fact
        kept = recording.headers if of == "headers" else recording.metadata
        if (key.lower() if of == "headers" else key) not in kept and record.is_whole(of):
            message = f"{of}['{key}'] decides here and is not recorded, so it is always empty"
            report.error("not-recorded", at, message, hint=f"list '{key}' under record.{of} in policies")


def _keyed(tree: Tree, parts: Parts) -> Iterator[tuple[Placed, tuple[str, str]]]:
    """Every header and metadata key that a condition or `sticky` looks at, and where."""
    for rule in parts.root.rules:
        if rule.when:
            at = tree.rules[rule.index]["match"]["when"]
            yield from ((at, fact) for fact in _facts(rule.when.reads))
    for part in parts.providers:
        for n, quirk in enumerate(part.provider.quirks):
            for key, condition in (("when", quirk.when), ("unless", quirk.unless)):
                if condition:
                    at = tree.providers[part.provider.id]["quirks"][n][key]
                    yield from ((at, fact) for fact in _facts(condition.reads))
    for model in parts.root.virtual:
        if model.sticky:
            at = tree.routes["models"][model.name]["sticky"]
            yield from ((at, fact) for fact in _facts((model.sticky.fact,)))


def _facts(reads: Iterable[str]) -> Iterator[tuple[str, str]]:
    for read in sorted(reads):
        if found := KEYED.fullmatch(read):
            yield found[1], found[2]


def _check_grants(tree: Tree, report: Report) -> None:
    for section in ("teams", "consumers"):
        for subject in tree.policies[section].values():
            if "models" in subject and not subject["models"].value and subject.is_whole("models"):
                message = f"'{subject.name}' may ask for nothing"
                report.warning("empty-grant", subject["models"], message, hint="list names, or leave `models` out")


def _check_dialect(provider: Placed, report: Report) -> None:
    """Nobody asks by another API than the protocol's own where there is no such way."""
    protocol = provider["protocol"]
    for switch in SWITCHES if provider.is_whole("protocol") else ():
        if protocol.value in switch.protocols:
            continue
        hint = f"remove it: that is the {switch.api}" if protocol.value == switch.own else switch.hint
        message = f"the protocol '{protocol.value}' {switch.lack}"
        for at in (provider, *provider["models"].values()):
            said = at["dialect"].get(switch.key)
            if said is not None and said.value:
                report.error(switch.slug, said, message, hint=hint, related=(("protocol", protocol.place),))


def _check_keys(consumers: Placed, today: date, report: Report) -> None:
    for consumer in consumers.values():
        for label, key in consumer["keys"].items():
            if "expires" in key and scalars.day(key["expires"].value) <= today:
                message = f"the key '{label}' no longer works since '{key['expires'].value}'"
                report.warning("key-expired", key["expires"], message, hint="remove it, or make a new one")
