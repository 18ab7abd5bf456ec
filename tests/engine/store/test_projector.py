"""The chain from journal to catalog: exactly once, whatever is killed when."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from msgspec.structs import replace

from engine.store.batch import USUAL
from engine.store.hot import GROWING, STORAGE_VERSION
from engine.store.journal import SegmentWriter
from engine.store.layout import Layout
from engine.store.projector import Projector, UsageUnlisted
from engine.store.segments import HEAD, read, segments
from engine.store.status import Status, lag
from engine.values import ConfigRecord, RequestRecord, Usage

MakeRequest = Callable[..., RequestRecord]
MakeConfig = Callable[..., ConfigRecord]

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
    return Layout(tmp_path)


@pytest.fixture
def first(layout: Layout) -> Layout:
    """A data directory in which the first version has published rows, and loaded one that it has not."""
    layout.usage.mkdir()
    with duckdb.connect() as db:
        db.execute(f"ATTACH '{layout.hot}' AS hot (STORAGE_VERSION '{STORAGE_VERSION}'); USE hot")
        db.execute((HERE / "first.sql").read_text())
        for publication in (0, 1):
            for table in GROWING:
                file = layout.parts / table / f"{publication:012}.parquet"
                file.parent.mkdir(parents=True, exist_ok=True)
                db.table(table).write_parquet(str(file))
                db.execute(
                    "INSERT INTO parts VALUES (?, ?, ?, 0, NULL, NULL)", [publication, table, f"{table}/{file.name}"]
                )
                db.execute(f"DELETE FROM {table}")
            db.execute(ATTEMPTS, {"from": 2 * publication, "to": 2 * publication + 2 - publication})
            db.execute(REQUESTS)
    return layout


def ask(layout: Layout, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(layout.catalog), read_only=True) as db:
        return db.execute(query).fetchall()


def ids(layout: Layout) -> list[str]:
    return [i for (i,) in ask(layout, "SELECT request_id FROM requests")]


def bring_up(layout: Layout, log: Any, now: Callable[[], datetime] | None = None) -> None:
    with Projector(layout, log=log, **({"now": now} if now else {})) as projector:
        projector.catch_up()
        projector.publish()
        projector.sweep()


def hours_on(hours: int) -> Callable[[], datetime]:
    """A clock that is ahead."""
    return lambda: datetime.now(UTC) + timedelta(hours=hours)


def test_an_empty_directory_gives_a_catalog_without_rows(layout: Layout, log: Any) -> None:
    """Every view answers before the first request was made."""
    bring_up(layout, log)
    for (name,) in ask(layout, "SELECT view_name FROM duckdb_views() WHERE NOT internal"):
        assert ask(layout, f"FROM {name}") == []


def test_rows_arrive_once_and_in_order(layout: Layout, log: Any, make_request: MakeRequest) -> None:
    """However often it is projected and published, each record is one row, in the order of the journal."""
    writer = SegmentWriter(layout.journal, "w1", log=log, rotate_bytes=3000)
    written = []
    with Projector(layout, log=log) as projector:
        for _ in range(4):
            for record in (make_request() for _ in range(7)):
                writer.append(record)
                written.append(record.request_id)
                projector.project()
            projector.publish()
            assert ids(layout) == written
    writer.close()
    bring_up(layout, log)
    assert ids(layout) == written
    assert ask(layout, "SELECT count(*), count(DISTINCT request_id) FROM attempts") == [(28, 28)]


def test_what_a_row_leaves_out_is_there_again(layout: Layout, log: Any, make_request: MakeRequest) -> None:
    """What most rows have is not written into a batch; in the table nothing is missing, and 0 is not NULL."""
    writer = SegmentWriter(layout.journal, "w1", log=log)
    usual = {key: value for key, value in USUAL.items() if key in RequestRecord.__struct_fields__}
    attempt = replace(make_request().attempts[0], upstream_request_id="")
    writer.append(make_request(request_id="usual", usage=Usage(), attempts=(attempt,), **usual))
    writer.append(make_request(usage=None))
    writer.close()
    bring_up(layout, log)
    counts = [f"{name}_tokens" for name in Usage.__struct_fields__ if name != "source"]

    (row,) = ask(layout, f"SELECT {', '.join(usual)} FROM requests WHERE request_id = 'usual'")
    assert dict(zip(usual, row, strict=True)) == usual | {"dropped_params": []}
    assert ask(layout, f"SELECT {', '.join(counts)} FROM requests") == [(0,) * len(counts), (None,) * len(counts)]
    (said,) = ask(layout, "SELECT upstream_request_id, error_detail FROM attempts WHERE request_id = 'usual'")
    assert said == ("", "")


def test_a_torn_tail_is_cut_and_said(layout: Layout, log: Any, make_request: MakeRequest) -> None:
    """What a power cut left half written is left out, what follows counts, and deleting the segment says so."""
    writer = SegmentWriter(layout.journal, "w1", log=log)
    writer.append(make_request())
    writer.close()
    with segments(layout.journal / "w1")[0].path.open("ab") as file:
        file.write(HEAD.pack(1000, 7) + b"half")
    writer = SegmentWriter(layout.journal, "w1", log=log)
    writer.append(make_request())
    writer.close()
    bring_up(layout, log)
    assert log.events == []
    bring_up(layout, log, lambda: datetime.now(UTC) + timedelta(minutes=61))
    assert ids(layout) == ["r000001", "r000002"]
    assert log.events == ["journal_tail_cut"]


def in_its_length(segment: bytearray, begin: int, _end: int) -> None:
    segment[begin + 1] ^= 0x40


def in_its_payload(segment: bytearray, begin: int, end: int) -> None:
    segment[(begin + end) // 2] ^= 1


def lost_as_zeros(segment: bytearray, begin: int, end: int) -> None:
    segment[begin:end] = bytes(end - begin)


@pytest.mark.parametrize("damage", [in_its_length, in_its_payload, lost_as_zeros])
def test_damage_in_a_segment_costs_its_own_record(
    layout: Layout, log: Any, make_request: MakeRequest, damage: Callable[[bytearray, int, int], None]
) -> None:
    """What the disk damaged, twice and before a torn end, is noted and kept; what follows it is projected."""
    writer = SegmentWriter(layout.journal, "w1", log=log)
    for _ in range(9):
        writer.append(make_request())
    writer.close()
    (old,) = segments(layout.journal / "w1")
    ends = [end for _, end in read(old.path)]
    content = bytearray(old.path.read_bytes())
    for number in (3, 6):
        damage(content, ends[number - 1], ends[number])
    old.path.write_bytes(bytes(content[: ends[-1] - 9]))
    SegmentWriter(layout.journal, "w1", log=log).close()
    for hours in range(5):
        bring_up(layout, log, hours_on(hours))
    assert ids(layout) == [f"r{n:06}" for n in (1, 2, 3, 5, 6, 8)]
    assert log.events == ["journal_frame_unreadable"] * 2
    assert old.path.exists()


def test_journals_taken_away_begin_anew(layout: Layout, log: Any, make_request: MakeRequest) -> None:
    """Where usage stays without its journals, the first records of the next segment of that name count."""
    for lives in (1, 2, 3):
        if lives < 3:
            shutil.rmtree(layout.journal, ignore_errors=True)
        writer = SegmentWriter(layout.journal, "w1", log=log)
        if lives == 2:
            with Projector(layout, log=log):  # starts before the first record is written
                pass
        for _ in range(5):
            writer.append(make_request())
        bring_up(layout, log)
        writer.close()
        assert len(ids(layout)) == 5 * lives


def test_the_room_of_a_killed_writer_is_no_torn_tail(layout: Layout, log: Any, make_request: MakeRequest) -> None:
    """What is left of a killed writer's segment is deleted without a word once its records are projected."""
    killed = Layout(layout.data / "killed")
    writer = SegmentWriter(killed.journal, "w1", log=log)
    writer.append(make_request())
    shutil.copytree(killed.journal, layout.journal)  # the bytes without the lock: what a kill leaves
    writer.close()
    (left,) = segments(layout.journal / "w1")
    assert left.path.stat().st_size > 100_000
    writer = SegmentWriter(layout.journal, "w1", log=log)
    writer.append(make_request())
    bring_up(layout, log)
    assert lag(layout.data).bytes == 0
    bring_up(layout, log, lambda: datetime.now(UTC) + timedelta(minutes=61))
    writer.close()
    assert not left.path.exists()
    assert ids(layout) == ["r000001", "r000002"]
    assert log.events == []


def test_a_segment_of_another_version_is_kept_and_said(layout: Layout, log: Any, make_request: MakeRequest) -> None:
    """An update that found records of before says so once, goes on with what follows, and deletes nothing of them."""
    writer = SegmentWriter(layout.journal, "w1", log=log)
    writer.append(make_request())
    writer.close()
    (old,) = segments(layout.journal / "w1")
    old.path.write_bytes(b"engjnl1\n" + old.path.read_bytes()[8:])
    writer = SegmentWriter(layout.journal, "w1", log=log)
    writer.append(make_request())
    writer.close()
    bring_up(layout, log)
    bring_up(layout, log, lambda: datetime.now(UTC) + timedelta(minutes=61))
    assert ids(layout) == ["r000002"]
    assert log.events == ["journal_frame_unreadable"]
    assert old.path.exists()


def test_an_older_segment_with_a_living_writer_is_waited_for(
    layout: Layout, log: Any, make_request: MakeRequest
) -> None:
    """Two lives of a writer overlap: nothing that the older appends late is lost."""
    older = SegmentWriter(layout.journal, "w1", log=log)
    newer = SegmentWriter(layout.journal, "w1", log=log)
    newer.append(make_request())
    bring_up(layout, log)
    older.append(make_request())
    older.close()
    newer.close()
    bring_up(layout, log)
    assert sorted(ids(layout)) == ["r000001", "r000002"]


def test_a_record_that_no_column_holds_blocks_nothing(layout: Layout, log: Any, make_request: MakeRequest) -> None:
    """A number beyond 64 bits costs its own row, is noted, and its segment is never deleted."""
    writer = SegmentWriter(layout.journal, "w1", log=log)
    for number in range(25):
        writer.append(make_request(max_tokens=2**63 if number == 12 else 5))
    writer.close()
    SegmentWriter(layout.journal, "w1", log=log).close()
    bring_up(layout, log, lambda: datetime.now(UTC) + timedelta(hours=2))
    assert ids(layout) == [f"r{n:06}" for n in range(1, 26) if n != 13]
    assert log.events == ["journal_record_unloadable"]
    assert len(segments(layout.journal / "w1")) == 2


def test_a_record_that_no_column_holds_undoes_no_batch_before_it(
    layout: Layout, log: Any, make_request: MakeRequest
) -> None:
    """What was loaded and not published yet is read again, when the next batch is nothing but that record."""
    writer = SegmentWriter(layout.journal, "w1", log=log)
    with Projector(layout, log=log) as projector:
        for most in (5, 2**63, 6):
            writer.append(make_request(max_tokens=most))
            projector.catch_up()
        projector.publish()
    writer.close()
    assert ids(layout) == ["r000001", "r000003"]
    assert log.events == ["journal_record_unloadable"]


def test_projected_segments_go_after_a_margin(layout: Layout, log: Any, make_request: MakeRequest) -> None:
    """A segment is deleted an hour after its last write at the earliest, and the newest never."""
    writer = SegmentWriter(layout.journal, "w1", log=log, rotate_bytes=1500)
    for _ in range(10):
        writer.append(make_request())
    writer.close()
    count = len(segments(layout.journal / "w1"))
    bring_up(layout, log)
    assert len(segments(layout.journal / "w1")) == count > 2
    bring_up(layout, log, lambda: datetime.now(UTC) + timedelta(minutes=61))
    assert len(segments(layout.journal / "w1")) == 1
    assert len(ids(layout)) == 10


def test_retention_takes_whole_parts_and_later_their_files(
    layout: Layout, log: Any, make_request: MakeRequest, make_config: MakeConfig
) -> None:
    """Usage older than the rule leaves the catalog at once and the disk after the margin; configurations stay."""
    old, today = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
    writer = SegmentWriter(layout.journal, "w1", log=log)
    writer.append(make_config(at=old, retention_days=10))
    writer.append(make_request(at=old))
    bring_up(layout, log, lambda: old)
    writer.append(make_request(at=today))
    writer.close()
    bring_up(layout, log, lambda: today)
    assert ids(layout) == ["r000002"]
    assert ask(layout, "SELECT count(*) FROM config_snapshots") == [(1,)]
    assert (layout.parts / "requests/000000000001.parquet").exists()
    bring_up(layout, log, lambda: today + timedelta(minutes=61))
    assert not (layout.parts / "requests/000000000001.parquet").exists()
    assert ids(layout) == ["r000002"]


def test_a_retired_part_is_never_written_over(
    layout: Layout, log: Any, make_request: MakeRequest, make_config: MakeConfig
) -> None:
    """When all but the rows of today are past retention, these are not put into a file that is about to be deleted."""
    old, today = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
    writer = SegmentWriter(layout.journal, "w1", log=log)
    writer.append(make_config(at=old, retention_days=10))
    bring_up(layout, log, lambda: old)
    writer.append(make_request(at=old))
    bring_up(layout, log, lambda: old)
    writer.append(make_request(at=today))
    writer.close()
    bring_up(layout, log, lambda: today)
    bring_up(layout, log, lambda: today + timedelta(minutes=61))
    assert ids(layout) == ["r000002"]


def test_declared_rows_follow_the_last_configuration(layout: Layout, log: Any, make_config: MakeConfig) -> None:
    """Models and providers are those loaded last; prices of earlier ones stay, and the last word on each counts."""

    def declared(provider: str, rate: int) -> tuple[dict[str, object], ...]:
        return (
            {"table": "models", "model": "a/b", "provider": provider, "features": ["tools"]},
            {"table": "providers", "provider": provider, "data": {"region": "eu"}, "discount_denominator": 1},
            {"table": "prices", "price_id": f"{provider}/a/b/1", "above_input_tokens": 0, "input_pusd_per_token": rate},
        )

    writer = SegmentWriter(layout.journal, "w1", log=log)
    writer.append(make_config(declared("p", 1), config_hash="h1"))
    writer.append(make_config(declared("p", 2), config_hash="h2"))
    bring_up(layout, log)
    writer.append(make_config(declared("q", 3), config_hash="h3"))
    writer.append(make_config(result="refused", config_hash=""))
    writer.close()
    bring_up(layout, log)
    assert ask(layout, "SELECT provider, features, config_hash FROM models") == [("q", ["tools"], "h3")]
    assert ask(layout, "SELECT provider, data FROM providers") == [("q", {"region": "eu"})]
    prices = ask(layout, "SELECT price_id, input_pusd_per_token, config_hash FROM prices ORDER BY 1")
    assert prices == [("p/a/b/1", 2, "h2"), ("q/a/b/1", 3, "h3")]


@pytest.mark.parametrize("models", [b"\xc1", b"\x91", b"\x80"], ids=["no MessagePack", "cut short", "no array"])
def test_declared_rows_that_cannot_be_read(
    layout: Layout, log: Any, make_config: MakeConfig, make_request: MakeRequest, models: bytes
) -> None:
    """A configuration whose rows make no sense is noted by its place, and what comes after it is projected."""
    writer = SegmentWriter(layout.journal, "w1", log=log)
    writer.append(make_config(models=models))
    writer.append(make_request())
    writer.close()
    bring_up(layout, log)
    assert ask(layout, "SELECT count(*) FROM config_snapshots") == [(0,)]
    assert ask(layout, "SELECT count(*) FROM requests") == [(1,)]
    assert log.events == ["journal_frame_unreadable"]


def test_a_kill_between_files_and_commit_is_written_over(layout: Layout, log: Any, make_request: MakeRequest) -> None:
    """A part that no commit has noted is not visible, and the next publication of that number replaces it."""
    bring_up(layout, log)
    leftover = layout.parts / "requests/000000000001.parquet"
    leftover.write_bytes(b"half a part")
    writer = SegmentWriter(layout.journal, "w1", log=log)
    writer.append(make_request())
    writer.close()
    bring_up(layout, log)
    assert ids(layout) == ["r000001"]


@pytest.mark.parametrize(
    ("bytes_left", "said"),
    [(None, "is new, .* if it was lost"), (5000, r"cannot be opened \(IO Error: .* if it is damaged")],
    ids=["deleted", "cut"],
)
def test_usage_that_nothing_lists_is_not_written_over(
    layout: Layout, log: Any, make_request: MakeRequest, bytes_left: int | None, said: str
) -> None:
    """Without its database the projector does not begin anew over the parts; it says so, and what to do."""
    writer = SegmentWriter(layout.journal, "w1", log=log)
    writer.append(make_request())
    bring_up(layout, log)
    kept = layout.hot.read_bytes()
    if bytes_left is None:
        layout.hot.unlink()
    else:
        layout.hot.write_bytes(kept[:bytes_left])
    writer.append(make_request())
    writer.close()
    for _ in range(2):
        with pytest.raises(UsageUnlisted, match=f"^{layout.hot} {said}, restore it from a backup, or move it and "):
            bring_up(layout, log)
    assert ids(layout) == ["r000001"]
    layout.hot.write_bytes(kept)
    bring_up(layout, log)
    assert ids(layout) == ["r000001", "r000002"]


def test_usage_moved_away_begins_anew(layout: Layout, log: Any, make_request: MakeRequest) -> None:
    """With the database and the parts out of the way, what is still in the journals is projected again."""
    writer = SegmentWriter(layout.journal, "w1", log=log)
    writer.append(make_request())
    writer.close()
    bring_up(layout, log)
    layout.hot.unlink()
    layout.parts.rename(layout.usage / "parts.old")
    bring_up(layout, log)
    assert ids(layout) == ["r000001"]


def test_a_start_killed_before_its_first_commit_is_no_loss(layout: Layout, log: Any) -> None:
    """The empty parts that it left are no usage: the next start makes them again."""
    bring_up(layout, log)
    layout.hot.unlink()
    bring_up(layout, log)
    assert ids(layout) == []


def test_parts_that_a_restored_backup_does_not_list_stay(layout: Layout, log: Any, make_request: MakeRequest) -> None:
    """New parts are numbered after those that only the lost database knew, and these are told of."""
    writer = SegmentWriter(layout.journal, "w1", log=log)
    bring_up(layout, log)
    backup = layout.hot.read_bytes()
    for _ in range(3):
        writer.append(make_request())
        bring_up(layout, log)
    unlisted = {path: path.read_bytes() for path in layout.parts.glob("requests/*[123].parquet")}
    layout.hot.write_bytes(backup)
    writer.append(make_request())
    writer.close()
    bring_up(layout, log)
    assert {path: path.read_bytes() for path in unlisted} == unlisted
    assert len(unlisted) == 3
    assert ids(layout) == ["r000001", "r000002", "r000003", "r000004"]
    assert log.lines == [
        ("usage_parts_unlisted", {"first": 1, "last": 3, "folder": str(layout.parts)}),
    ]


def test_kills_lose_and_double_nothing(layout: Layout, log: Any, make_request: MakeRequest) -> None:
    """The projector killed at any moment under load, round after round: each id is there exactly once."""
    writer = SegmentWriter(layout.journal, "w1", log=log, rotate_bytes=200_000)
    written = 0
    for round_ in range(5):
        command = [sys.executable, "-m", "engine", "project", "--data", str(layout.data)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        assert process.stderr is not None
        process.stderr.readline()
        end = time.monotonic() + 0.15 + 0.13 * round_
        while time.monotonic() < end:
            writer.append(make_request())
            written += 1
            if written % 50 == 0:
                time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(5)
        process.stderr.close()
    writer.close()
    bring_up(layout, log)
    assert ask(layout, "SELECT count(*), count(DISTINCT request_id) FROM requests") == [(written, written)]
    assert ask(layout, "SELECT count(*), count(DISTINCT request_id) FROM attempts") == [(written, written)]
    assert written > 1000


def test_the_status_tells_how_far_it_got(layout: Layout, log: Any, make_request: MakeRequest) -> None:
    """Other processes read when everything was last projected and published."""
    at = datetime(2026, 11, 20, tzinfo=UTC)
    bring_up(layout, log, lambda: at)
    status = Status.read(layout.status)
    assert status is not None
    assert (status.as_of, status.published_at) == (at, at)


def test_rows_of_before_are_kept(first: Layout, log: Any) -> None:
    """Published or not, each is there once, and what it could not tell yet is unknown."""
    bring_up(first, log)
    bring_up(first, log)
    rows = ask(first, "SELECT request_id, cache_write_tokens, cache_write_1h_tokens FROM requests ORDER BY ALL")
    assert rows == [("old0", 2, None), ("old1", 2, None), ("old2", 2, None)]
    assert ask(first, "SELECT requests, input_tokens::INT, cost_pusd::INT FROM daily_usage") == [(3, 15, 21)]


def test_rows_of_today_stand_beside_them(
    first: Layout,
    log: Any,
    make_request: MakeRequest,
    make_config: MakeConfig,
) -> None:
    """Old and new rows are added up and priced again together."""
    bring_up(first, log)
    writer = SegmentWriter(first.journal, "w1", log=log)
    writer.append(make_config(DECLARED))
    usage = Usage(input=3, cache_write=2, cache_write_1h=10)
    attempt: dict[str, Any] = {"provider": "p", "model": "a/b", "price_id": "p/a/b/1", "usage": usage, "cost_pusd": 57}
    (made,) = make_request().attempts
    record = make_request(usage=usage, attempts=(replace(made, **attempt),))
    writer.append(record)
    writer.close()
    bring_up(first, log)
    costs = ask(first, "SELECT request_id, cost_today_pusd::INT, difference_pusd::INT FROM attempt_costs ORDER BY 1")
    assert costs == [("old0", 7, 0), ("old1", 7, 0), ("old2", 7, 0), (record.request_id, 57, 0)]
    assert ask(first, "SELECT sum(input_tokens)::INT FROM daily_usage") == [(30,)]
