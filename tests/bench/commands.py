"""What `engine validate` takes as a whole process, with an empty cache and with a filled one."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.harness import REPOSITORY, BenchError
from tests.bench.roots import write_big
from tests.bench.table import Figure

ROUNDS = 3
NOBODY_PORT = 9
"""Where the big root's providers would be; nothing is dialled."""


def figures(directory: Path) -> Iterator[Figure]:
    """The shipped configuration, and the big one."""
    big = directory / "validated"
    write_big(big, NOBODY_PORT)
    bounds = {"shipped": ((0.8, 0.4), (0.4, 0.2)), "5,000 models": ((4.0, 2.0), (1.0, 0.5))}
    _validated_s(REPOSITORY, directory / "cache-before")  # leaves the bytecode that an installed package has
    for (name, (cold, warm)), root in zip(bounds.items(), (REPOSITORY, big), strict=True):
        taken = [_cold_and_warm(root, directory / f"cache-{name}-{n}") for n in range(ROUNDS)]
        for heat, (must, aim), n in (("cold", cold, 0), ("warm", warm, 1)):
            title = f"engine validate, {name}, {heat}"
            yield Figure(name=title, unit="s", values=[pair[n][0] for pair in taken], must=must, aim=aim)
            yield Figure(name=f"{title}: CPU", unit="s", values=[pair[n][1] for pair in taken])


def _cold_and_warm(root: Path, cache: Path) -> tuple[tuple[float, float], tuple[float, float]]:
    return _validated_s(root, cache), _validated_s(root, cache)


def _validated_s(root: Path, cache: Path) -> tuple[float, float]:
    """Seconds by the clock and of CPU, from before the process exists until after it is gone."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environ["XDG_CACHE_HOME"] = str(cache)
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    words = [sys.executable, "-m", "engine", "validate", "--config", str(root)]
    done = subprocess.run(words, env=environ, cwd=REPOSITORY, capture_output=True, timeout=60, check=False)
    took_s, after = time.monotonic() - began_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise BenchError(f"engine validate: {(done.stdout + done.stderr).decode()[-1000:]}")
    return took_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
