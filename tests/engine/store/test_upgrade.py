"""A data directory of the first version, met by the one of today: nothing is lost, and what came later is there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from msgspec.structs import replace

from engine.store.hot import GROWING, STORAGE_VERSION
from engine.store.journal import SegmentWriter
from engine.store.layout import Layout
from engine.store.projector import Projector
from engine.values import ConfigRecord, RequestRecord, Usage

HERE = Path(__file__).parent
ATTEMPTS = """
INSERT INTO attempts BY NAME
SELECT 'old' || i AS request_id, TIMESTAMPTZ '2026-11-01 00:00:00Z' AS ts, 1 AS n, 'first' AS role, 'p' AS provider,
    'a/b' AS model, 'p/a/b/1' AS price_id, 7 AS cost_pusd, 3 AS input_tokens, 0 AS cached_input_tokens,
    2 AS cache_write_tokens, 0 AS audio_input_tokens, 0 AS image_input_tokens, 0 AS output_tokens,
    0 AS reasoning_tokens, 0 AS audio_output_tokens, 0 AS image_output_tokens, 'reported' AS usage_source
FROM range($from, $to) AS numbers(i)
"""
REQUESTS = """
INSERT INTO requests BY NAME
SELECT * EXCLUDE (n, role, model, cost_usd), model AS resolved_model, 'support' AS team, 200 AS status
FROM (SELECT request_id, ts, n, role, provider, model, price_id, cost_pusd, COLUMNS('_tokens$'), usage_source, cost_usd
    FROM attempts)
"""
DECLARED = (
    {"table": "providers", "provider": "p", "data": {}, "discount_numerator": 0, "discount_denominator": 1},
    {
        "table": "prices",
        "price_id": "p/a/b/1",
        "above_input_tokens": 0,
        "input_pusd_per_token": 1,
        "cache_write_pusd_per_token": 2,
        "cache_write_1h_pusd_per_token": 5,
    },
)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A data directory in which the first version has published rows, and loaded one that it has not."""
    made = Layout(tmp_path)
    made.usage.mkdir()
    with duckdb.connect() as db:
        db.execute(f"ATTACH '{made.hot}' AS hot (STORAGE_VERSION '{STORAGE_VERSION}'); USE hot")
        db.execute((HERE / "first.sql").read_text())
        for publication in (0, 1):
            for table in GROWING:
                file = made.parts / table / f"{publication:012}.parquet"
                file.parent.mkdir(parents=True, exist_ok=True)
                db.table(table).write_parquet(str(file))
                db.execute(
                    "INSERT INTO parts VALUES (?, ?, ?, 0, NULL, NULL)", [publication, table, f"{table}/{file.name}"]
                )
                db.execute(f"DELETE FROM {table}")
            db.execute(ATTEMPTS, {"from": 2 * publication, "to": 2 * publication + 2 - publication})
            db.execute(REQUESTS)
    return made


def ask(layout: Layout, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(layout.catalog), read_only=True) as db:
        return db.execute(query).fetchall()


def bring_up(layout: Layout, log: Any) -> None:
    with Projector(layout, log=log) as projector:
        projector.catch_up()
        projector.publish()


def test_rows_of_before_are_kept(layout: Layout, log: Any) -> None:
    """Published or not, each is there once, and what it could not tell yet is unknown."""
    bring_up(layout, log)
    bring_up(layout, log)
    rows = ask(layout, "SELECT request_id, cache_write_tokens, cache_write_1h_tokens FROM requests ORDER BY ALL")
    assert rows == [("old0", 2, None), ("old1", 2, None), ("old2", 2, None)]
    assert ask(layout, "SELECT requests, input_tokens::INT, cost_pusd::INT FROM daily_usage") == [(3, 15, 21)]


def test_rows_of_today_stand_beside_them(
    layout: Layout,
    log: Any,
    make_request: Callable[..., RequestRecord],
    make_config: Callable[..., ConfigRecord],
) -> None:
    """Old and new rows are added up and priced again together."""
    bring_up(layout, log)
    writer = SegmentWriter(layout.journal, "w1", log=log)
    writer.append(make_config(models=DECLARED))
    usage = Usage(input=3, cache_write=2, cache_write_1h=10)
    attempt: dict[str, Any] = {"provider": "p", "model": "a/b", "price_id": "p/a/b/1", "usage": usage, "cost_pusd": 57}
    (made,) = make_request().attempts
    record = make_request(usage=usage, attempts=(replace(made, **attempt),))
    writer.append(record)
    writer.close()
    bring_up(layout, log)
    costs = ask(layout, "SELECT request_id, cost_today_pusd::INT, difference_pusd::INT FROM attempt_costs ORDER BY 1")
    assert costs == [("old0", 7, 0), ("old1", 7, 0), ("old2", 7, 0), (record.request_id, 57, 0)]
    assert ask(layout, "SELECT sum(input_tokens)::INT FROM daily_usage") == [(30,)]
