"""A gateway with its scripted provider, and what its catalog holds afterwards."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from engine.store.layout import Layout
from engine.store.refresh import refresh
from tests.bench import harness
from tests.bench.harness import ALL_CORES, REPOSITORY, Silent, process
from tests.bench.peers import Gateway, gateway
from tests.drill.roots import write_root

PROVIDER = REPOSITORY / "tests/system/provider.py"


@dataclass(frozen=True, slots=True)
class Scene:
    """What a drill acts on."""

    engine: Gateway
    root: Path
    provider_port: int

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Rows of the catalog, published now."""
        publish(self.engine.data)
        with duckdb.connect(str(Layout(self.engine.data).catalog), read_only=True) as catalog:
            return catalog.execute(query).fetchall()

    def count(self, query: str) -> int:
        """The one number that *query* asks of the catalog."""
        return int(str(self.rows(query)[0][0]))


def publish(data: Path) -> None:
    """Have the catalog hold everything that is journaled. Raises BenchError when nobody does it in time."""
    if refresh(Layout(data), log=Silent()) is None:
        raise harness.BenchError("the catalog was not published in time")


@contextmanager
def scene(directory: Path, *words: str, workers: int = 1) -> Iterator[Scene]:
    """A gateway over a root of its own below *directory*, with *words* on its command line."""
    port = harness.free_port()
    with process([sys.executable, PROVIDER, str(port)], cores=ALL_CORES):
        harness.wait_until(lambda: harness.listens(port), "the provider listens")
        root = directory / "root"
        write_root(root, port)
        with gateway(root, workers=workers, cores=ALL_CORES, words=words) as engine:
            yield Scene(engine, root, port)
