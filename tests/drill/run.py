"""`make drill`: what happens when things break, counted. Exit code 1 when a line is violated."""

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.bench import harness
from tests.bench.harness import BenchError
from tests.drill import draining, edits, faults, kills
from tests.drill.report import Line, printed

Drill = Callable[[Path, int, random.Random], Iterable[Line]]
"""(a directory to work in, rounds, randomness) → lines."""

DRILLS: dict[str, tuple[Drill, int]] = {
    "kills": (kills.drill, 20),
    "edits": (edits.drill, 100),
    "faults": (faults.drill, 1),
    "draining": (draining.drill, 1),
}
"""With the rounds that each does unless it is told otherwise."""


def main() -> int:
    """Drill, print, and say by the exit code whether everything held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=DRILLS, action="append", help="this drill only; may be repeated")
    parser.add_argument("--rounds", type=int, help="kills of each process, and broken edits")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="of everything that is random")
    chosen = parser.parse_args()
    say = sys.stdout.write
    say(f"seed {chosen.seed}\n\n")
    lines: list[Line] = []
    began_s = time.monotonic()
    for name in chosen.only or DRILLS:
        drill, rounds = DRILLS[name]
        with harness.workspace() as directory:
            try:
                lines.extend(drill(directory, chosen.rounds or rounds, random.Random(chosen.seed)))
            except BenchError as exc:
                lines.append(Line(name, "could be run to its end", "yes", str(exc), holds=False))
    printed(lines, say)
    say(f"\n{time.monotonic() - began_s:.0f} s\n")
    return 0 if all(line.holds for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
