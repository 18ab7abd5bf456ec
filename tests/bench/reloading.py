"""What callers notice of a reload: nothing failed, and how much slower the slowest were."""

import json
import threading
import time
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

from tests.bench import harness
from tests.bench.peers import Gateway, gateway, measured, mock
from tests.bench.roots import big_provider, write, write_big
from tests.bench.table import Figure

ROUNDS = 3
PER_S = 1_000
CONNECTIONS = 16
BEFORE_S = 3.0
DURING_S = 5.0
RELOAD_S = 60.0
"""The most that one reload may take before the measurement gives up."""


def figures(rig: Path, directory: Path) -> Iterator[Figure]:
    """The figures of one worker under steady load while provider files are edited, one reload after the other."""
    root = directory / "big"
    with mock(rig) as provider:
        write_big(root, provider.port)
        with gateway(root, ready_s=120.0) as engine:
            measured(rig, engine, engine.load(connections=CONNECTIONS, seconds=1.0))
            rounds = [_round(rig, engine, Edits(root, engine, provider.port)) for _ in range(ROUNDS)]
    before, during, took_s = zip(*rounds, strict=True)
    reloads = sum(map(len, took_s))
    what = f"200 providers, 5,000 models, {PER_S:,} requests/s; {reloads} reloads, always one under way"
    yield Figure(
        name="reload: failed requests",
        unit="of all",
        values=[float(b.failed) for b in during],
        must=0,
        aim=0,
        note=what,
    )
    yield Figure(
        name="reload: p99 during / before",
        unit="x",
        values=[b.p99_us / a.p99_us for a, b in zip(before, during, strict=True)],
        must=2,
        aim=1.2,
    )
    yield Figure(name="reload: p99 before", unit="µs", values=[float(b.p99_us) for b in before])
    yield Figure(name="reload: p99 during", unit="µs", values=[float(b.p99_us) for b in during])
    yield Figure(name="reload: edit to swap", unit="s", values=[s for round_s in took_s for s in round_s])


def _round(rig: Path, engine: Gateway, edits: "Edits") -> tuple[harness.Burst, harness.Burst, list[float]]:
    """What callers see before and during, and the seconds that each reload took."""
    calm = harness.run(rig, engine.load(connections=CONNECTIONS, seconds=BEFORE_S, per_s=PER_S))
    with edits:
        load = engine.load(connections=CONNECTIONS, seconds=DURING_S, per_s=PER_S)
        during = harness.run(rig, load)
    if not edits.took_s:
        raise harness.BenchError(f"no reload was finished within {DURING_S} s")
    return calm, during, edits.took_s


class Edits:
    """A thread that changes a price, waits until the change is served, and begins again."""

    numbers = count(1)

    def __init__(self, root: Path, engine: Gateway, port: int) -> None:
        self.root = root
        self.engine = engine
        self.port = port
        self.took_s: list[float] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(RELOAD_S)

    def _run(self) -> None:
        while not self.stop.is_set():
            serving, began_s = self._config_hash(), time.monotonic()
            number = next(self.numbers)
            edited = big_provider("p000", self.port, dollars=f"{number}.5")
            write(self.root / "providers.d/p000.yaml", edited)
            what = f"edit {number} is served"
            harness.wait_until(partial(self._serves_another, serving), what, RELOAD_S, every_s=0.05)
            if not self.stop.is_set():
                self.took_s.append(time.monotonic() - began_s)

    def _serves_another(self, config_hash: str) -> bool:
        return self._config_hash() != config_hash

    def _config_hash(self) -> str:
        _, body = harness.fetched(f"{self.engine.url}/ready")
        config_hash: str = json.loads(body)["config_hash"]
        return config_hash
