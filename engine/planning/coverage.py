"""Which rules and virtual models the routing tests have exercised."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.errors import Place
from engine.planning.run import Result
from engine.rules.program import Program
from engine.rules.trace import path

__all__ = ["Coverage", "coverage"]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a configuration its tests touch."""

    total: int
    """Rules and virtual models."""
    missed: tuple[tuple[str, Place], ...]
    """What no test has asked for or matched, as `rule x` or `model x`, in the order of the files."""

    @property
    def percent(self) -> float:
        """The share exercised, 100 when there is nothing to exercise."""
        return 100.0 * (1 - len(self.missed) / self.total) if self.total else 100.0


def coverage(program: Program, results: Iterable[Result]) -> Coverage:
    """What *results* exercised: the rules that matched, and the virtual models that were asked for."""
    records = [result.record for result in results if result.record is not None]
    routes = {record.route for record in records}
    asked = {name for record in records if record.decision for name in path(record.decision)}
    things = [(f"model {one.name}", one.place, one.name in asked) for one in program.virtual.values()]
    things += [(f"rule {one.name}", one.place, one.name in routes) for one in program.rules]
    missed = sorted(((name, place) for name, place, done in things if not done), key=lambda one: one[1])
    return Coverage(len(things), tuple(missed))
