"""`defaults`, `aliases`, `models` and `routes` → retry policies, virtual models and rules.

Targets keep their names: `snapshot.assemble` puts the offers in, since those come from other files.
"""

from types import MappingProxyType

from msgspec.structs import replace

from engine.config import scalars
from engine.config.compile.bounds import bounds
from engine.config.compile.texts import condition, edit, globs, outcomes
from engine.config.names import Names, What
from engine.config.placed import Placed
from engine.config.pools import named
from engine.config.report import Report
from engine.errors import ExpressionInvalid, OutcomeKind
from engine.expr.facts import sticky
from engine.rules.outcomes import FAILOVER_ON, RETRY_ON, TIMEOUTS
from engine.rules.program import Pool, RetryPolicy, Rule, Sticky, Strategy, Target, VirtualModel

__all__ = ["default_retry", "rules", "virtual"]


def default_retry(defaults: Placed) -> RetryPolicy:
    """The policy of names without a virtual model."""
    table = RetryPolicy(
        attempts=1,
        backoff_min_s=0.0,
        backoff_max_s=0.0,
        honor_retry_after_s=0.0,
        retry_on=RETRY_ON,
        failover_on=FAILOVER_ON,
        deadline_s=0.0,
    )
    return _retry(defaults, table)


def _retry(at: Placed, base: RetryPolicy) -> RetryPolicy:
    """*base* with what is set at *at*: `retry`, `retry_on`, `failover_on` and `deadline` are siblings there."""
    policy = base
    if "retry" in at:
        policy = _persistence(at["retry"], policy)
    if "retry_on" in at:
        policy = replace(policy, retry_on=outcomes(at["retry_on"]))
    if "failover_on" in at:
        policy = replace(policy, failover_on=outcomes(at["failover_on"]))
    if "deadline" in at:
        policy = replace(policy, deadline_s=scalars.duration_s(at["deadline"].value))
    return policy


def _persistence(retry: Placed, base: RetryPolicy) -> RetryPolicy:
    policy = base
    if "attempts" in retry:
        policy = replace(policy, attempts=retry["attempts"].value)
    if "backoff" in retry:
        low_s, high_s = scalars.range_s(retry["backoff"].value)
        policy = replace(policy, backoff_min_s=low_s, backoff_max_s=high_s)
    if "honor_retry_after" in retry:
        policy = replace(policy, honor_retry_after_s=scalars.duration_s(retry["honor_retry_after"].value))
    return policy


def virtual(models: Placed, retry: RetryPolicy, names: Names, report: Report) -> tuple[VirtualModel, ...]:
    """The virtual models; *retry* is what they inherit."""
    return tuple(_virtual(model, retry, names, report) for _, model in models.items())


def _virtual(at: Placed, retry: RetryPolicy, names: Names, report: Report) -> VirtualModel:
    return VirtualModel(
        name=at.name,
        pool=_pool(at, names),
        place=at.key_place,
        retry=_retry(at, retry),
        bounds=next(iter(bounds(f"model {at.name}", at, report)), None),
        sticky=_sticky(at.get("sticky"), report),
        edits=(edit(at["request"]),) if "request" in at else (),
        description=at["description"].value,
    )


def _sticky(at: Placed | None, report: Report) -> Sticky | None:
    if at is None:
        return None
    try:
        sticky(at.value)
    except ExpressionInvalid as exc:
        report.flaws(at, exc)
    return Sticky(fact=at.value)


def rules(nodes: tuple[Placed, ...], names: Names, report: Report) -> tuple[Rule, ...]:
    """The rules, numbered in their order; one that does not say what it matches is left out, with its problem."""
    compiled = (_rule(index, at, names, report) for index, at in enumerate(nodes))
    return tuple(rule for rule in compiled if rule)


def _rule(index: int, at: Placed, names: Names, report: Report) -> Rule | None:
    match = at["match"]
    models = globs(match["model"], report)
    when = condition(match.get("when"), report)
    if models is None or (when is None and "when" in match) or not match.is_whole():
        return None
    return Rule(
        index=index, name=at["name"].value, models=models, pool=_pool(at["to"], names), place=at.place, when=when
    )


def _pool(at: Placed, names: Names) -> Pool:
    if not isinstance(at.value, dict):
        return Pool(targets=(_target(at, names),), place=at.place)
    return Pool(
        targets=_targets(at["targets"], names),
        strategy=Strategy(at["strategy"].value),
        fallback=_targets(at["fallback"], names),
        fallback_for=MappingProxyType(_fallback_for(at["fallback_for"], names)),
        place=at.place,
    )


def _fallback_for(at: Placed, names: Names) -> dict[OutcomeKind, tuple[Target, ...]]:
    """A chain for each kind; one under `timeout` holds for those timeouts that have none of their own."""
    chains = {kind: _targets(targets, names) for kind, targets in at.items()}
    shared = chains.pop("timeout", None)
    timeouts = {} if shared is None else dict.fromkeys(sorted(TIMEOUTS), shared)
    return timeouts | {OutcomeKind(kind): targets for kind, targets in chains.items()}


def _targets(at: Placed, names: Names) -> tuple[Target, ...]:
    return tuple(_target(target, names) for target in at.each())


def _target(at: Placed, names: Names) -> Target:
    name = named(at)
    text: str = name.value
    return Target(
        text=text,
        place=name.place,
        virtual=text if names.what(text) is What.VIRTUAL else "",
        carried=text if "*" in text else "",
        weight=at["weight"].value if isinstance(at.value, dict) and "weight" in at else 1,
    )
