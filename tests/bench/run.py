"""`make bench`: every figure of the quality page, measured now, as one table.

Ratios count, and only within one run: the gateway, a bare relay and nginx take turns, median of the rounds. It judges
nothing: the exit code says only whether everything could be measured.
"""

import argparse
import platform
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.bench import accounting, commands, deciding, harness, peers, proxying, reloading, translating
from tests.bench.harness import ALL_CORES, GATEWAY_CORES, RIG_CORES, BenchError
from tests.bench.table import Figure, printed

Measurement = Callable[[Path, Path], Iterable[Figure]]
"""(the rig, a directory to work in) → figures."""

MEASUREMENTS: dict[str, Measurement] = {
    "proxying": proxying.figures,
    "workers": proxying.two_workers,
    "reloading": reloading.figures,
    "deciding": lambda *_: deciding.figures(),
    "translating": lambda *_: translating.figures(),
    "accounting": lambda _, directory: accounting.figures(directory),
    "commands": lambda _, directory: commands.figures(directory),
}


def main() -> int:
    """Measure, print, and say by the exit code whether all could be measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=MEASUREMENTS, action="append", help="this part only; may be repeated")
    chosen = parser.parse_args().only or list(MEASUREMENTS)
    say = sys.stdout.write
    say(f"{_machine()}\n\n")
    figures: list[Figure] = []
    complete = True
    began_s = time.monotonic()
    with harness.workspace() as directory:
        rig = harness.compiled_rig(directory)
        for name in chosen:
            try:
                figures.extend(MEASUREMENTS[name](rig, directory))
            except BenchError as exc:
                complete = False
                say(f"{name}: not measured: {exc}\n")
    printed(figures, lambda line: say(f"{line}\n"))
    say(f"\n{time.monotonic() - began_s:.0f} s\n")
    return 0 if complete else 1


def _machine() -> str:
    pinned = f"gateway on core {min(GATEWAY_CORES)}, rig on core {min(RIG_CORES)}"
    cores = pinned if GATEWAY_CORES != RIG_CORES else "one core for gateway and rig: figures are not comparable"
    nginx = "" if peers.has_nginx() else "; nginx is not installed, its column is empty"
    python = f"Python {platform.python_version()} ({sys.base_prefix})"
    return f"{platform.platform()}, {python}, {len(ALL_CORES)} cores: {cores}{nginx}"


if __name__ == "__main__":
    sys.exit(main())
