"""What usage costs: a row leaving the worker, and rows on their way from the journal into DuckDB."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from engine.store.journal import SegmentWriter
from engine.store.layout import Layout
from engine.store.projector import Projector
from engine.values import AttemptRecord, RequestRecord, Role, Usage
from tests.bench.table import Figure

ROUNDS = 3
ROWS = 40_000
USAGE = Usage(input=40, output=160)
ATTEMPT = AttemptRecord(
    n=1,
    role=Role.FIRST,
    reason="pool, ordered",
    provider="mock",
    model="bench/mock",
    upstream_model="mock",
    address="127.0.0.1:9",
    key_label="main",
    upstream_request_id="req_1",
    started_ms=0.4,
    connect_ms=None,
    ttfb_ms=210.5,
    total_ms=800.25,
    status=200,
    error_kind=None,
    error_detail="",
    sent_bytes=208,
    received_bytes=1024,
    usage=USAGE,
    price_id="mock/bench/mock/2026-01-01",
    list_cost_pusd=340_000_000,
    cost_pusd=340_000_000,
    cost_problem=None,
)
REQUEST = RequestRecord(
    request_id="req_0",
    at=datetime(2026, 11, 20, 12, 0, tzinfo=UTC),
    node="bench",
    consumer="rig",
    team="bench",
    cost_center="1",
    key_label="main",
    end_user="",
    source_ip_prefix="127.0.0.0/24",
    tags=MappingProxyType({}),
    headers=MappingProxyType({}),
    metadata=MappingProxyType({}),
    trace_id="",
    surface="chat",
    stream=False,
    requested_model="bench/mock",
    resolved_model="bench/mock",
    provider="mock",
    route="bench/mock",
    rule_place="",
    config_hash="c0ffee",
    config_git_rev="",
    has_tools=False,
    has_images=False,
    has_audio=False,
    has_files=False,
    wants_json=False,
    reasoning=False,
    input_tokens_estimate=60,
    max_tokens=256,
    decision="{}",
    dropped_params=(),
    ttft_ms=None,
    total_ms=801.5,
    status=200,
    error_kind=None,
    error_code=None,
    finish_reason="stop",
    usage=USAGE,
    unlisted=False,
    price_id="mock/bench/mock/2026-01-01",
    cost_pusd=340_000_000,
    cost_problem=None,
    attempts=(ATTEMPT,),
)


class Silent:
    """A log that nobody reads."""

    def info(self, event: str, /, **fields: object) -> None:
        pass

    def error(self, event: str, /, **fields: object) -> None:
        pass


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
    records = [replace(REQUEST, request_id=f"req_{n}") for n in range(ROWS)]
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
