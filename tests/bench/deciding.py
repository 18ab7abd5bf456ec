"""What a decision costs, in process, on a small and on a big configuration."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from timeit import timeit

from engine.config.build import build
from engine.config.bundle import read
from engine.planning.world import PlannedLive
from engine.rules.decide import decide
from engine.rules.program import Caller, Program
from engine.snapshot import assemble
from engine.values import Facts
from tests.bench.harness import BenchError
from tests.bench.roots import MODEL, VIRTUAL, write_big, write_small
from tests.bench.table import Figure

ROUNDS = 5
CALLS = 5_000
NOBODY_PORT = 9
CALLER = Caller(id="rig", team="bench")


def figures(directory: Path) -> Iterator[Figure]:
    """A decision among 5 models, and among 5,000 with 1,000 routes."""
    small, big = directory / "decided-small", directory / "decided-big"
    write_small(small, NOBODY_PORT)
    write_big(big, NOBODY_PORT)
    few, many = _program(small), _program(big)
    for what, name in (("a model", MODEL), ("a virtual model", VIRTUAL)):
        rounds = [(_decision_us(few, name), _decision_us(many, name)) for _ in range(ROUNDS)]
        yield Figure(name=f"decision for {what}: 5 models", unit="µs", values=[a for a, _ in rounds])
        yield Figure(name=f"decision for {what}: 5,000 models, 1,000 routes", unit="µs", values=[b for _, b in rounds])
        yield Figure(
            name=f"decision for {what}: more than with 5", unit="µs", values=[b - a for a, b in rounds], must=15, aim=1
        )


def _program(root: Path) -> Program:
    built = build(read(root))
    if built.parts is None:
        raise BenchError(f"{root} does not compile: {built.problems[0]}")
    return assemble(built.parts).program


def _decision_us(program: Program, name: str) -> float:
    """Microseconds of one decision."""
    facts, live = Facts(model=name, at=datetime.now(UTC)), PlannedLive()
    seconds = timeit(lambda: decide(program, CALLER, facts, live, 1.0, 0.5, lambda _: False), number=CALLS)
    return seconds / CALLS * 1e6
