"""`deny` and `require`, wherever they stand: on a team, a consumer or a virtual model."""

from collections.abc import Mapping
from types import MappingProxyType

from engine.config import scalars
from engine.config.compile.texts import globs
from engine.config.placed import Placed
from engine.config.report import Report
from engine.rules.program import Bounds

__all__ = ["bounds", "fact"]


def bounds(subject: str, at: Placed, report: Report) -> tuple[Bounds, ...]:
    """What binds every target that is reached through *at*: its `deny` and its `require`, each at its own place."""
    deny, require = at.get("deny"), at.get("require")
    found = []
    denied = globs(deny, report) if deny and deny.value else None
    if deny and denied:
        found.append(Bounds(subject=subject, place=deny.place, deny=denied))
    if require:
        found.append(Bounds(subject=subject, place=require.place, require=_required(require)))
    return tuple(found)


def _required(at: Placed) -> Mapping[str, tuple[str | bool | int, ...]]:
    """Each fact that is asked for, with the values that satisfy it."""
    return MappingProxyType({name: tuple(fact(name, value) for value in values.each()) for name, values in at.items()})


def fact(name: str, at: Placed) -> str | bool | int:
    """One fact of a provider's `data`, as rules compare it; `retention` is days, 0 for `none`."""
    value: str | bool | int = at.value
    return scalars.days(value) if name == "retention" and isinstance(value, str) else value
