"""`deny` and `require`, wherever they stand: on a team, a consumer or a virtual model."""

from collections.abc import Mapping
from types import MappingProxyType

from engine.config import scalars
from engine.config.compile.texts import globs
from engine.config.placed import Placed
from engine.config.report import Report
from engine.rules.program import Bounds

__all__ = ["bounds", "fact"]


def bounds(subject: str, at: Placed, report: Report) -> Bounds | None:
    """What binds every target that is reached through *at*; None when nothing does."""
    deny, require = at.get("deny"), at.get("require")
    denied = globs(deny, report) if deny and deny.value else None
    required = _required(require)
    if denied is None and not required:
        return None
    return Bounds(subject=subject, place=(require or deny or at).place, deny=denied, require=required)


def _required(at: Placed | None) -> Mapping[str, tuple[str | bool | int, ...]]:
    """Each fact that is asked for, with the values that satisfy it."""
    items = at.items() if at else ()
    return MappingProxyType({name: tuple(fact(name, value) for value in values.each()) for name, values in items})


def fact(name: str, at: Placed) -> str | bool | int:
    """One fact of a provider's `data`, as rules compare it; `retention` is days, 0 for `none`."""
    value: str | bool | int = at.value
    return scalars.days(value) if name == "retention" and isinstance(value, str) else value
