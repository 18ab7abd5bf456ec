"""kill -9 of workers and of the projector at random moments under load: no row is lost, none is doubled."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.bench.harness import BenchError, wait_until
from tests.drill.callers import Callers
from tests.drill.report import Line, none, told
from tests.drill.roots import KEY
from tests.drill.scene import Scene, publish, scene

PUBLISH_EVERY_S = 0.2
"""So that kills meet publications as well."""
LONGEST_PAUSE_S = 0.6
WORKERS = 2


def drill(directory: Path, rounds: int, random: Random) -> Iterator[Line]:
    """*rounds* kills of a worker and as many of the projector, in one life of the gateway."""
    with scene(directory, workers=WORKERS) as at:
        plain = Callers(at.engine.port, KEY, "t/ok", threads=3)
        streams = Callers(at.engine.port, KEY, "t/ok", threads=2, stream=True)
        with plain, streams, _publications(at):
            for _ in range(rounds):
                _kill(lambda: at.engine.workers, WORKERS, random)
                _kill(lambda: at.engine.projectors, 1, random)
            time.sleep(LONGEST_PAUSE_S)
        acknowledged = {*plain.acknowledged, *streams.acknowledged}
        rows = [str(id_) for (id_,) in at.rows("SELECT request_id FROM requests")]
        attempts = at.count("SELECT count(*) - count(DISTINCT (request_id, n)) FROM attempts")
    yield told("kills", "worker and projector killed, times each", rounds)
    yield told("kills", "requests answered whole", len(acknowledged))
    yield told("kills", "requests that a kill broke off", plain.failed + streams.failed)
    yield none("kills", "answered requests without a row", len(acknowledged - set(rows)))
    yield none("kills", "request rows that are there twice", len(rows) - len(set(rows)))
    yield none("kills", "attempt rows that are there twice", attempts)


def _kill(pids: Callable[[], list[int]], number: int, random: Random) -> None:
    """Kill one of the processes once all of them run, after a random pause."""
    wait_until(lambda: len(pids()) == number, "what was killed is started again")
    time.sleep(random.uniform(0.0, LONGEST_PAUSE_S))
    try:
        os.kill(random.choice(pids()), signal.SIGKILL)
    except (IndexError, ProcessLookupError) as exc:
        raise BenchError("a process ended that nobody had killed") from exc


@contextmanager
def _publications(at: Scene) -> Iterator[None]:
    """The catalog is published again and again meanwhile."""
    stop = threading.Event()

    def publish_on() -> None:
        while not stop.wait(PUBLISH_EVERY_S):
            publish(at.engine.data)

    thread = threading.Thread(target=publish_on)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
