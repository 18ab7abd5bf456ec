"""What usage costs: a row leaving the worker, and rows on their way from the journal into DuckDB."""

import time
from collections.abc import Iterator
from pathlib import Path

from engine.store.journal import SegmentWriter
from engine.store.layout import Layout
from engine.store.projector import Projector
from tests.bench.harness import Silent
from tests.bench.rows import row
from tests.bench.table import Figure

ROUNDS = 3
ROWS = 40_000


def figures(directory: Path) -> Iterator[Figure]:
    """Rows of one request with one attempt each; a rate of requests, not of table rows."""
    rounds = [_round(Layout(directory / f"data-{n}")) for n in range(ROUNDS)]
    yield Figure(name="a row leaving the worker", unit="µs", values=[us for us, _ in rounds], must=10, aim=5)
    yield Figure(
        name="journal → DuckDB",
        unit="rows/s",
        values=[per_s for _, per_s in rounds],
        must=20_000,
        aim=50_000,
        most=False,
        note="a row is a request with its attempt: two rows of tables; in the tables, not yet published",
    )


def _round(layout: Layout) -> tuple[float, float]:
    """(µs for an append, rows/s projected)."""
    records = [row(n) for n in range(ROWS)]
    writer = SegmentWriter(layout.journal, "worker-0", log=Silent())
    began_s = time.perf_counter()
    for record in records:
        writer.append(record)
    append_us = (time.perf_counter() - began_s) / ROWS * 1e6
    writer.close()
    with Projector(layout, log=Silent()) as projector:
        began_s = time.perf_counter()
        projector.catch_up()
        return append_us, ROWS / (time.perf_counter() - began_s)
