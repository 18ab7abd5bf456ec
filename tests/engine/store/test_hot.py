"""The projector's database: all of a batch or nothing of it."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from engine.store.batch import Batch
from engine.store.hot import Hot, Unloadable
from engine.values import RequestRecord

MakeRequest = Callable[..., RequestRecord]


@pytest.fixture
def batch(make_request: MakeRequest) -> Batch:
    made = Batch()
    made.add(make_request())
    made.positions["w1/1"] = 700
    return made


def test_rows_and_positions_survive_together(tmp_path: Path, batch: Batch) -> None:
    """What was loaded is there after a restart, and so is how far it was read."""
    with Hot(tmp_path / "hot.duckdb", tmp_path / "batch") as hot:
        hot.load(batch)
    with Hot(tmp_path / "hot.duckdb", tmp_path / "batch") as hot:
        assert hot.positions() == {"w1/1": 700}
        assert hot.waiting() == ["requests", "attempts"]


def test_a_batch_that_does_not_fit_changes_nothing(tmp_path: Path, batch: Batch, make_request: MakeRequest) -> None:
    """One impossible value undoes its batch: neither its rows nor its positions are there."""
    batch.add(make_request(max_tokens=2**63))
    with Hot(tmp_path / "hot.duckdb", tmp_path / "batch") as hot:
        with pytest.raises(Unloadable):
            hot.load(batch)
        assert hot.positions() == {}
        assert hot.waiting() == []


def test_an_exported_part_leaves_no_row_behind(tmp_path: Path, batch: Batch) -> None:
    """After a publication the rows are in the part, in order, and not in the database any more."""
    with Hot(tmp_path / "hot.duckdb", tmp_path / "batch") as hot:
        hot.load(batch)
        parts = [hot.export(table, 1, tmp_path / "parts") for table in hot.waiting()]
        hot.publish(parts)
        assert hot.waiting() == []
        assert hot.parts() == sorted(parts, key=lambda part: part.table)
    with duckdb.connect() as db:
        rows = db.read_parquet(str(tmp_path / "parts" / "requests/000000000001.parquet"))
        assert rows.project("request_id").fetchall() == [("r000001",)]
