"""The journal's writer, on real files and a real disk limit."""

import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from engine.store.journal import JournalFigures, SegmentWriter
from engine.store.segments import MAGIC, extent, read, segments
from engine.values import RequestRecord

MakeRequest = Callable[..., RequestRecord]


def ids(directory: Path) -> list[str]:
    """Request ids of a writer's journal, in order."""
    return [record.request_id for s in segments(directory) for record, _ in read(s.path)]  # type: ignore[union-attr]  # only requests are written


@contextmanager
def files_no_larger_than(limit_bytes: int) -> Iterator[None]:
    """The kernel refuses to let files grow beyond the limit, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_record_can_be_read_when_append_returns(tmp_path: Path, log: Any, make_request: MakeRequest) -> None:
    """No flush and no close stands between an append and its reader."""
    writer = SegmentWriter(tmp_path, "w1", log=log)
    record = make_request()
    writer.append(record)
    assert [r for s in segments(tmp_path / "w1") for r, _ in read(s.path)] == [record]
    assert writer.figures() == JournalFigures(records=1, queued=0, dropped=0)
    writer.close()


def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    """Records appended before a kill -9 are all there, whole."""
    program = (
        "import os, signal, sys; sys.path.insert(0, sys.argv[2]);"
        "from pathlib import Path; from conftest import REQUEST, Lines; from msgspec.structs import replace;"
        "from engine.store.journal import SegmentWriter;"
        "w = SegmentWriter(Path(sys.argv[1]), 'w1', log=Lines());"
        "[w.append(replace(REQUEST, request_id=str(n))) for n in range(500)];"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path, Path(__file__).parent], timeout=20, check=False)
    assert done.returncode == -9
    assert ids(tmp_path / "w1") == [str(n) for n in range(500)]


def test_kills_under_load_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Killed at any moment, in the middle of a copy too: what `append` returned for is there, and nothing is torn."""
    program = (
        "import os, sys; sys.path.insert(0, sys.argv[3]);"
        "from itertools import count; from pathlib import Path;"
        "from conftest import REQUEST, Lines; from msgspec.structs import replace;"
        "from engine.store.journal import SegmentWriter;"
        "w = SegmentWriter(Path(sys.argv[1]), sys.argv[2], log=Lines(), rotate_bytes=4 << 20);"
        "[(w.append(replace(REQUEST, request_id=str(n), decision='x' * (n % 9) ** 6)), os.write(1, b'.'))"
        " for n in count()]"
    )
    for life in range(6):
        command = [sys.executable, "-c", program, str(tmp_path), f"w{life}", str(Path(__file__).parent)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        acknowledged, enough = 0, random.randrange(200, 1000)
        while acknowledged < enough:
            acknowledged += len(os.read(process.stdout.fileno(), 1000))
        process.kill()
        acknowledged += len(process.stdout.read())
        process.wait(5)
        process.stdout.close()
        found = ids(tmp_path / f"w{life}")
        assert len(found) in {acknowledged, acknowledged + 1}
        assert found == [str(n) for n in range(len(found))]
        last = segments(tmp_path / f"w{life}")[-1].path
        # None is in it when the kill came between its creation and its first record.
        end = max((end for _, end in read(last)), default=len(MAGIC))
        assert last.stat().st_size > end == len(MAGIC) + extent(last, len(MAGIC))[1]


def test_room_is_given_back(tmp_path: Path, log: Any, make_request: MakeRequest) -> None:
    """A segment that is appended to has more room than records; one that was let go ends with its last record."""
    writer = SegmentWriter(tmp_path, "w1", log=log, rotate_bytes=4000)
    for _ in range(20):
        writer.append(make_request())
    assert segments(tmp_path / "w1")[-1].path.stat().st_size > 4000
    writer.close()
    for segment in segments(tmp_path / "w1"):
        *_, (_, end) = read(segment.path)
        assert segment.path.stat().st_size == end


def test_a_record_larger_than_the_room_asked_for_at_a_time(tmp_path: Path, log: Any, make_request: MakeRequest) -> None:
    """It is written like any other, and what follows it too."""
    writer = SegmentWriter(tmp_path, "w1", log=log, chunk_bytes=4096)
    records = [make_request(decision="x" * size) for size in (10, 100_000, 10, 5000, 4096 - 300, 10)]
    for record in records:
        writer.append(record)
    assert [r for s in segments(tmp_path / "w1") for r, _ in read(s.path)] == records
    writer.close()
    assert [r for s in segments(tmp_path / "w1") for r, _ in read(s.path)] == records
    assert log.lines == []


def test_a_restart_goes_on_in_a_new_segment(tmp_path: Path, log: Any, make_request: MakeRequest) -> None:
    """A writer never appends to a segment that another life of it has left."""
    for _ in range(2):
        writer = SegmentWriter(tmp_path, "w1", log=log)
        writer.append(make_request())
        writer.close()
    assert [s.number for s in segments(tmp_path / "w1")] == [1, 2]
    assert ids(tmp_path / "w1") == ["r000001", "r000002"]


@pytest.mark.parametrize("sync_s", [0.0, 0.001], ids=["every record", "in groups"])
def test_segments_rotate_by_size(tmp_path: Path, log: Any, make_request: MakeRequest, sync_s: float) -> None:
    """No segment grows over the bound, and the order of records is kept across them."""
    writer = SegmentWriter(tmp_path, "w1", log=log, rotate_bytes=1500, sync_s=sync_s)
    records = [make_request() for _ in range(20)]
    for record in records:
        writer.append(record)
    writer.close()
    files = segments(tmp_path / "w1")
    assert len(files) > 3
    assert all(s.path.stat().st_size <= 1500 for s in files)
    assert ids(tmp_path / "w1") == [r.request_id for r in records]
    assert log.lines == []


def test_segments_rotate_by_age(tmp_path: Path, log: Any, make_request: MakeRequest) -> None:
    """The first record after the segment's time begins a new one."""
    now = [100.0]
    writer = SegmentWriter(tmp_path, "w1", log=log, rotate_s=60, clock=lambda: now[0])
    writer.append(make_request())
    now[0] += 61
    writer.append(make_request())
    writer.close()
    assert len(segments(tmp_path / "w1")) == 2


def test_a_full_disk_delays_records_and_loses_none(tmp_path: Path, log: Any, make_request: MakeRequest) -> None:
    """While the disk refuses, records wait in memory; they follow in order once it takes them, without a request."""
    writer = SegmentWriter(tmp_path, "w1", log=log, chunk_bytes=4096)
    records = [make_request() for _ in range(40)]
    with files_no_larger_than(8_191):
        for record in records:
            writer.append(record)
        stored = len(ids(tmp_path / "w1"))
        assert 0 < stored < 40
        assert writer.figures() == JournalFigures(records=stored, queued=40 - stored, dropped=0)
    until(lambda: writer.figures().queued == 0)
    writer.append(last := make_request())
    writer.close()
    assert ids(tmp_path / "w1") == [r.request_id for r in [*records, last]]
    assert log.events == ["journal_disk_refuses", "journal_disk_takes_again"]


def test_a_full_queue_counts_what_is_lost(tmp_path: Path, log: Any, make_request: MakeRequest) -> None:
    """Memory is bounded: what finds no room is counted, and what was queued before it is kept."""
    writer = SegmentWriter(tmp_path, "w1", log=log, queue_bytes=4_000, chunk_bytes=len(MAGIC))
    with files_no_larger_than(0):
        for _ in range(20):
            writer.append(make_request())
    figures = writer.figures()
    assert figures.dropped + figures.queued == 20
    assert figures.dropped > 0
    until(lambda: writer.figures().queued == 0)
    writer.close()
    assert len(ids(tmp_path / "w1")) == figures.queued


def test_a_record_without_a_form_is_lost_alone(tmp_path: Path, log: Any, make_request: MakeRequest) -> None:
    """A value that cannot be written costs its own row, with the request's id in the log, and no request."""
    writer = SegmentWriter(tmp_path, "w1", log=log)
    writer.append(make_request(tags=MappingProxyType({"x": object()})))
    writer.append(good := make_request())
    writer.close()
    assert ids(tmp_path / "w1") == [good.request_id]
    assert writer.figures().dropped == 1
    assert log.lines[0][1]["record"] == "r000001"
