"""References between names: every alias and target leads somewhere, and none leads in a circle."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from engine.config.link import Tree
from engine.config.names import Names, What
from engine.config.placed import Placed
from engine.config.pools import target_names
from engine.config.report import Report
from engine.config.suggest import did_you_mean
from engine.config.tree import Document, Kind

__all__ = ["check_routes", "check_tests"]


def check_routes(tree: Tree, names: Names, report: Report) -> None:
    """Providers, aliases and targets that the routes name."""
    _check_order(tree.routes["defaults"]["providers"], names, report)
    _check_aliases(tree.routes["aliases"], names, report)
    for model in tree.routes["models"].values():
        for target in target_names(model):
            _check_target(target, names, report)
    for rule in tree.rules:
        for target in target_names(rule["to"]):
            if "*" in target.value:
                _check_carried(target, rule["match"]["model"], names, report)
            else:
                _check_target(target, names, report)
    _check_nesting(tree.routes["models"], names, report)


def check_tests(documents: Iterable[Document], names: Names, report: Report) -> None:
    """Providers that routing tests say something of: what is said of one that is not there changes nothing."""
    for document in documents:
        if document.kind is Kind.ROUTING_TEST:
            tests = Placed(document, (), document.value).get("tests")
            for test in tests.each() if tests else ():
                _check_world(test["given"].get("world"), names, report)


def _check_world(world: Placed | None, names: Names, report: Report) -> None:
    if world is None:
        return
    for key in ("unconfigured", "down"):
        if key in world:
            _check_order(world[key], names, report)
    for name, at in world["answers"].items() if "answers" in world else ():
        if name not in names.providers:
            _unknown_provider(at, name, names, report, is_key=True)


def _check_order(order: Placed, names: Names, report: Report) -> None:
    for at in order.each():
        if at.value not in names.providers:
            _unknown_provider(at, at.value, names, report)


def _unknown_provider(at: Placed, provider: str, names: Names, report: Report, *, is_key: bool = False) -> None:
    """Nothing has that name. *is_key* says that it stands in the key of *at*, and not in its value."""
    tell = report.key_error if is_key else report.error
    hint = did_you_mean(provider, names.providers) or f"there is no file providers.d/{provider}.yaml"
    tell("unknown-provider", at, f"there is no provider '{provider}'", hint=hint)


def _unknown_model(at: Placed, name: str, names: Names, report: Report) -> None:
    """*name* is nothing. Its provider is told apart, since that is the likelier mistake in a pin."""
    if not names.is_complete:
        return
    model, at_sign, provider = name.rpartition("@")
    if at_sign and provider not in names.providers and names.what(model):
        _unknown_provider(at, provider, names, report)
    elif at_sign and provider in names.providers:
        message = f"the provider '{provider}' does not offer '{model}'"
        report.error("unknown-model", at, message, hint=names.hint(name))
    else:
        report.error("unknown-model", at, f"there is no model '{name}'", hint=names.hint(name))


def _check_aliases(aliases: Placed, names: Names, report: Report) -> None:
    for alias, target in aliases.items():
        if "*" in alias + target.value:
            _check_alias_pattern(alias, target, names, report)
        elif names.what(target.value) is None and _covering(target.value, names) is None:
            _unknown_model(target, target.value, names, report)
    for alias, target in aliases.items():
        steps = tuple(_alias_steps(alias, names))
        if steps[-1] in steps[:-1] and alias == min(steps):
            message = f"aliases go round in a circle: {' -> '.join(steps)}"
            report.error("alias-cycle", target, message, hint="let one of them name a model")


def _check_alias_pattern(alias: str, target: Placed, names: Names, report: Report) -> None:
    _, provider = _pinned(target.value)
    if alias.count("*") != 1 or target.value.count("*") != 1:
        report.error("bad-pattern", target, f"'{alias}' and '{target.value}' need one '*' each", hint="exactly one")
    elif provider and provider not in names.providers:
        _unknown_provider(target, provider, names, report)


def _pinned(text: str) -> tuple[str, str]:
    model, _, provider = text.rpartition("@")
    return (model, provider) if model else (text, "")


def _alias_steps(alias: str, names: Names) -> Iterator[str]:
    """The alias and everything it leads to, up to the end or the first repetition."""
    seen: set[str] = set()
    step: str | None = alias
    while step is not None:
        yield step
        if step in seen:
            return
        seen.add(step)
        step = _next_alias(step, names)


def _next_alias(name: str, names: Names) -> str | None:
    """What an alias, or a pattern among them, leads to as another alias or pattern; None at the end."""
    entry = names.aliases.get(name) or names.alias_patterns.get(name)
    target = entry.value if entry else None
    if not isinstance(target, str):
        return None
    if target in names.aliases or target in names.alias_patterns:
        return target
    return _covering(target, names) if names.what(target) is None else None


def _covering(target: str, names: Names) -> str | None:
    """The pattern of an alias that takes *target* on; a `*` in *target* stands for anything."""
    for pattern in names.alias_patterns:
        head, _, tail = pattern.partition("*")
        if len(target) >= len(head) + len(tail) and target.startswith(head) and target.endswith(tail):
            return pattern
    return None


def _check_target(at: Placed, names: Names, report: Report) -> None:
    name: str = at.value
    what = names.what(name)
    if what is None:
        _unknown_model(at, name, names, report)
    elif what is What.ALIAS:
        real = names.resolved(name)
        message = f"'{name}' is an alias, and a target is not"
        related = (("alias", names.aliases[name].key_place),)
        report.error("alias-as-target", at, message, hint=f"write '{real}'", related=related)


def _check_carried(at: Placed, match: Placed, names: Names, report: Report) -> None:
    """A target with a `*` takes what the rule's patterns matched; so each of them has exactly one."""
    _, provider = _pinned(at.value)
    patterns = [pattern.value for pattern in match.each()]
    if at.value.count("*") > 1 or any(pattern.count("*") != 1 for pattern in patterns):
        message = f"'{at.value}' takes over what '*' matched, and '{', '.join(patterns)}' has not exactly one"
        hint = "give every pattern of the rule one '*', or name the target in full"
        report.error("nothing-carried", at, message, hint=hint, related=(("match", match.place),))
    elif provider and provider not in names.providers:
        _unknown_provider(at, provider, names, report)


def _check_nesting(models: Placed, names: Names, report: Report) -> None:
    """Virtual models that name one another come to an end."""
    graph = {
        name: tuple(t.value for t in target_names(model) if names.what(t.value) is What.VIRTUAL)
        for name, model in models.items()
    }
    for cycle in _cycles(graph):
        message = f"virtual models go round in a circle: {' -> '.join((*cycle, cycle[0]))}"
        related = tuple((name, models[name].key_place) for name in cycle[1:])
        report.key_error("model-cycle", models[cycle[0]], message, hint="take one of them out", related=related)


def _cycles(graph: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """The cycles that a depth-first walk closes, each once, beginning where the walk met it first.

    The walk keeps its own stack: a chain of names may be longer than Python's.
    """
    done: set[str] = set()
    for start in graph:
        path: list[str] = []
        on_path: set[str] = set()
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            name, is_left = stack.pop()
            if is_left:
                on_path.discard(path.pop())
                done.add(name)
            elif name in on_path:
                yield tuple(path[path.index(name) :])
            elif name not in done:
                path.append(name)
                on_path.add(name)
                stack.append((name, True))
                stack.extend((inner, False) for inner in reversed(graph.get(name, ())))
