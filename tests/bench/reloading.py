"""What callers notice of a reload: nothing failed, and how much slower the slowest were."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import harness
from tests.bench.harness import Burst
from tests.bench.peers import Gateway, gateway, measured, mock
from tests.bench.roots import big_provider, write, write_big
from tests.bench.table import Figure

ROUNDS = 3
PER_S = 1_000
CONNECTIONS = 16
BEFORE_S = 3.0
EDITED = "p000"
RELOAD_S = 45.0
"""The most that one reload may take before the measurement gives up."""


def figures(rig: Path, directory: Path) -> Iterator[Figure]:
    """The figures of one worker under steady load, calm at first and then from an edit until it is served."""
    root = directory / "big"
    with mock(rig) as provider:
        write_big(root, provider.port)
        with gateway(root, ready_s=120.0) as engine:
            measured(rig, engine, engine.load(connections=CONNECTIONS, seconds=1.0))
            edits = (big_provider(EDITED, provider.port, dollars=f"{n}.5") for n in range(1, ROUNDS + 1))
            rounds = [_round(rig, engine, root, edit) for edit in edits]
    before, during = zip(*rounds, strict=True)
    yield Figure(
        name="reload: failed requests",
        unit="requests",
        values=[float(b.failed) for b in during],
        must=0,
        aim=0,
        note=f"one of 200 providers edited, 5,000 models, {PER_S:,} requests/s, from the edit to its first answer",
    )
    yield Figure(
        name="reload: p99 during / before",
        unit="x",
        values=[b.p99_us / a.p99_us for a, b in rounds],
        must=2,
        aim=1.2,
    )
    yield Figure(name="reload: p99 before", unit="µs", values=[float(b.p99_us) for b in before])
    yield Figure(name="reload: p99 during", unit="µs", values=[float(b.p99_us) for b in during])
    yield Figure(name="reload: from edit to swap", unit="s", values=[b.seconds for b in during])


def _round(rig: Path, engine: Gateway, root: Path, edit: str) -> tuple[Burst, Burst]:
    """What callers see before, and during one reload."""
    until_s = time.monotonic() + BEFORE_S
    before = _load_until(lambda _: time.monotonic() >= until_s, rig, engine)
    serving = _config_hash(engine)
    write(root / f"providers.d/{EDITED}.yaml", edit)
    return before, _load_until(lambda served: served != serving, rig, engine)


def _load_until(is_over: Callable[[str], bool], rig: Path, engine: Gateway) -> Burst:
    """Steady load until *is_over*, which is told what is served: asking for that is load as well."""
    load = harness.begin(rig, engine.load(connections=CONNECTIONS, seconds=RELOAD_S, per_s=PER_S))
    harness.wait_until(lambda: is_over(_config_hash(engine)), "an edit is served", RELOAD_S, every_s=0.05)
    load.terminate()
    return harness.burst(load, RELOAD_S)


def _config_hash(engine: Gateway) -> str:
    _, body = harness.fetched(f"{engine.url}/ready")
    config_hash: str = json.loads(body)["config_hash"]
    return config_hash
