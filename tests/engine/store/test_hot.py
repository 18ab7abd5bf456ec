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
    """What was committed is there after a restart, and so is how far it was read; of the rest, neither."""
    with Hot(tmp_path / "hot.duckdb", tmp_path / "batch") as hot:
        hot.load(batch)
        assert hot.positions() == {"w1/1": 700}
    with Hot(tmp_path / "hot.duckdb", tmp_path / "batch") as hot:
        assert (hot.positions(), hot.waiting()) == ({}, [])
        hot.load(batch)
        hot.commit()
    with Hot(tmp_path / "hot.duckdb", tmp_path / "batch") as hot:
        assert hot.positions() == {"w1/1": 700}
        assert hot.waiting() == ["requests", "attempts"]


def test_a_batch_that_does_not_fit_undoes_what_is_not_committed(
    tmp_path: Path, batch: Batch, make_request: MakeRequest
) -> None:
    """One impossible value: neither rows nor positions of its batch are there, nor of the one before."""
    impossible = Batch()
    impossible.add(make_request(max_tokens=2**63))
    impossible.positions["w1/1"] = 1400
    with Hot(tmp_path / "hot.duckdb", tmp_path / "batch") as hot:
        hot.load(batch)
        with pytest.raises(Unloadable):
            hot.load(impossible)
        assert (hot.positions(), hot.waiting()) == ({}, [])
        hot.load(batch)
        hot.commit()
        with pytest.raises(Unloadable):
            hot.load(impossible)
        assert (hot.positions(), hot.waiting()) == ({"w1/1": 700}, ["requests", "attempts"])


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
