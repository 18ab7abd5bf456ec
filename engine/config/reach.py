"""Meaning, as far as it hangs on offers: what targets come to once they are looked for at the providers."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time

import msgspec

from engine.config.compile.bounds import bounds
from engine.config.link import Tree
from engine.config.names import Names
from engine.config.placed import Placed
from engine.config.pools import target_names
from engine.config.report import Report
from engine.pricing import price_at
from engine.rules.eligible import forbidden
from engine.rules.names import offers_of
from engine.rules.program import Bounds, Modality, Offer, Pool, Program, Target
from engine.values import ModelId, ProviderId

__all__ = ["check_reach"]


def check_reach(tree: Tree, names: Names, program: Program, today: date | None, report: Report) -> None:
    """Everything that can be told of the offers that names lead to. Without *today* no date is judged.

    Where something is wrong in the configuration, *program* lacks it: what hangs on that is not judged either.
    """
    pools = [*tree.routes["models"].values(), *(rule["to"] for rule in tree.rules)]
    written = _Written(program, tree, names, frozenset(tree.routes["defaults"]["providers"].value))
    has_vectors = any(Modality.EMBEDDING in offer.output for offer in program.pinned.values())
    for pool in pools:
        _check_targets(pool, written, report)
        if has_vectors:
            _check_vectors(pool, program, report)
        if today is not None:
            _check_lifecycles(pool, written, today, report)
    for name, model in program.virtual.items():
        at = tree.routes["models"][name]
        if model.bounds and at.is_whole("require"):
            _check_left(at, name, (model.bounds,), written, report)
    _check_subjects(written, report)
    _check_disabled(tree.routes["defaults"]["providers"], program, report)
    if today is not None:
        _check_prices(tree.providers, program, today, report)


class _Written(msgspec.Struct, frozen=True):
    """What the files say of offers, those included that something is wrong with; and the program without those."""

    program: Program
    tree: Tree
    names: Names
    order: frozenset[str]
    """`defaults.providers`."""

    @property
    def has_whole_order(self) -> bool:
        """Whether `defaults.providers` names what it was meant to name."""
        return self.order <= self.names.providers and self.tree.routes.is_whole("defaults", "providers")

    def offering(self, name: str) -> frozenset[str]:
        """The providers of `defaults.providers` that list the model *name*."""
        return self.order & self.names.models.get(name, {}).keys()

    def has_all(self, name: str, offers: Sequence[Offer]) -> bool:
        """Whether *offers* is all that *name*, a target, stands for."""
        if self.names.pin(name)[1]:
            return bool(offers)
        found = {offer.provider.id for offer in offers}
        return self.names.is_complete and self.has_whole_order and self.offering(name) <= found

    def has_whole_data(self, offer: Offer) -> bool:
        """Whether the facts that a provider declares of an offer can be read."""
        provider = self.tree.providers[offer.provider.id]
        return provider.is_whole("data") and provider.is_whole("models", offer.model, "data")


def _pool_targets(pool: Pool, program: Program) -> Iterator[Target]:
    """The targets that a pool leads to, through the pools of nested virtual models."""
    todo: list[Target] = _all_targets(pool)
    seen: set[str] = set()
    while todo:
        target = todo.pop()
        if not target.virtual:
            yield target
        elif target.virtual not in seen and target.virtual in program.virtual:
            seen.add(target.virtual)
            todo += _all_targets(program.virtual[target.virtual].pool)


def _all_targets(pool: Pool) -> list[Target]:
    chains = (pool.targets, pool.fallback, *pool.fallback_for.values())
    return [target for chain in chains for target in chain]


def _offers(name: str, program: Program) -> tuple[Offer, ...]:
    """The offers that a name leads to, those of nested virtual models included."""
    model = program.virtual.get(name)
    if model is None:
        return offers_of(program, name)
    return tuple(offer for target in _pool_targets(model.pool, program) for offer in target.offers)


def _check_targets(pool: Placed, written: _Written, report: Report) -> None:
    """An unpinned target is offered by a provider where unpinned names are looked for."""
    names = written.names
    for at in target_names(pool):
        elsewhere = sorted(names.models.get(at.value, ()))
        if not elsewhere or written.offering(at.value) or at.value in names.virtual or not written.has_whole_order:
            continue
        if not any(names.offers(provider, at.value) for provider in written.order):
            message = f"'{at.value}' is offered by no provider of defaults.providers"
            hint = f"pin it: '{at.value}@{elsewhere[0]}'"
            report.error("unreachable-target", at, message, hint=hint)


def _check_vectors(pool: Placed, program: Program, report: Report) -> None:
    """Vectors of two embedding models cannot be compared, so no chain has both."""
    first: dict[ModelId, Placed] = {}
    for at in target_names(pool):
        for offer in _offers(at.value, program):
            if Modality.EMBEDDING in offer.output:
                first.setdefault(offer.model, at)
    for (model, at), (other, place) in zip(list(first.items())[1:], first.items(), strict=False):
        message = f"'{model}' and '{other}' are different embedding models in one chain"
        hint = "give each a virtual model of its own"
        report.error("mixed-embeddings", at, message, hint=hint, related=(("first", place.place),))


def _check_lifecycles(pool: Placed, written: _Written, today: date, report: Report) -> None:
    for at in target_names(pool):
        if at.value not in written.program.virtual:
            offers = offers_of(written.program, at.value)
            if offers and written.has_all(at.value, offers):
                _check_lifecycle(at, offers, today, report)


def _check_lifecycle(at: Placed, offers: Sequence[Offer], today: date, report: Report) -> None:
    """Whether every offer of a target is past its date: with one left, the target still does what it says."""
    for word, dates in (
        ("retired", [offer.lifecycle.retired for offer in offers]),
        ("deprecated", [offer.lifecycle.deprecated for offer in offers]),
    ):
        since = [day for day in dates if day is not None and day <= today]
        if len(since) == len(offers):
            successor = next((offer.lifecycle.successor for offer in offers if offer.lifecycle.successor), "")
            hint = f"its successor is '{successor}'" if successor else ""
            related = (("model", offers[0].place),)
            message = f"'{at.value}' is {word} since {max(since)}"
            report.warning(f"{word}-target", at, message, hint=hint, related=related)
            return


def _check_left(at: Placed, name: str, binding: Sequence[Bounds], written: _Written, report: Report) -> None:
    """Something is left of a name, or of what rules put in its place, under *binding*."""
    program = written.program
    pools = [program.rules[index].pool for index in program.rule_index.candidates(name)]
    if name in program.virtual:
        pools.append(program.virtual[name].pool)
    targets = [target for pool in pools for target in _pool_targets(pool, program)]
    if any(target.carried or not written.has_all(target.text, target.offers) for target in targets):
        return
    offers = [*(offer for target in targets for offer in target.offers), *offers_of(program, name)]
    if not offers or not all(map(written.has_whole_data, offers)):
        return
    refused = [dropped for offer in offers for bound in binding if (dropped := forbidden(offer, bound))]
    if len({dropped.offer for dropped in refused}) == len({offer.id for offer in offers}):
        first = refused[0]
        message = f"nothing is left of '{name}': {first.detail}"
        hint = "loosen deny or require, or add a target that satisfies them"
        report.error("nothing-left", at, message, hint=hint, related=(("bound", first.place),))


def _check_subjects(written: _Written, report: Report) -> None:
    """Something is left of every name that a team or consumer is granted by name."""
    policies = written.tree.policies
    teams = {name: (team, _bounds("team", team)) for name, team in policies["teams"].items()}
    for team, bound in teams.values():
        if bound:
            _check_granted(team, bound, written, report)
    for consumer in policies["consumers"].values():
        team, inherited = teams.get(consumer["team"].value if "team" in consumer else "", (consumer, ()))
        own = _bounds("consumer", consumer)
        if own or (inherited and "models" in consumer):
            granted = consumer if "models" in consumer else team
            _check_granted(granted, (*inherited, *own), written, report)


def _bounds(what: str, subject: Placed) -> tuple[Bounds, ...]:
    """What binds *subject*; nothing where that cannot be read in full."""
    # Flaws of the globs were reported when the policies were compiled.
    return bounds(f"{what} {subject.name}", subject, Report()) if subject.is_whole("require") else ()


def _check_granted(subject: Placed, binding: Sequence[Bounds], written: _Written, report: Report) -> None:
    for at in subject["models"].each() if "models" in subject else ():
        _check_left(at, at.value, binding, written, report)


def _check_disabled(order: Placed, program: Program, report: Report) -> None:
    for at in order.each():
        provider = program.providers.get(ProviderId(at.value))
        if provider and provider.disabled:
            message = f"the provider '{at.value}' is disabled: {provider.disabled}"
            report.warning("disabled-provider", at, message, related=(("provider", provider.place),))


def _check_prices(providers: Mapping[str, Placed], program: Program, today: date, report: Report) -> None:
    """A model with prices has one today."""
    now = datetime.combine(today, time(), UTC)
    for (model, provider), offer in program.pinned.items():
        if offer.prices and price_at(offer.prices, now) is None:
            at = providers[provider]["models"][model]["price"]
            if not at.is_whole():
                continue
            message = f"the first price begins on {offer.prices[0].from_at.date()}, so there is none today"
            report.warning("no-price-yet", at, message, hint="add the price that holds until then")
