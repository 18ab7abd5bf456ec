"""The projector's process: elected, asked, stopped."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from engine.store.election import elected
from engine.store.journal import SegmentWriter
from engine.store.layout import Layout
from engine.store.projection import Stop, bring_up_to_date, run
from engine.store.refresh import refresh
from engine.values import RequestRecord

MakeRequest = Callable[..., RequestRecord]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def rows(layout: Layout) -> int:
    with duckdb.connect(str(layout.catalog), read_only=True) as db:
        row = db.execute("SELECT count(*) FROM requests").fetchone()
    assert row is not None
    return int(row[0])


def event(line: str) -> object:
    return json.loads(line)["event"]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def running(layout: Layout, log: Any) -> Iterator[None]:
    """A projector in a thread, ended with the block."""
    asked, ask = socket.socketpair()
    thread = threading.Thread(target=run, args=(layout, Stop(asked)), kwargs={"log": log})
    thread.start()
    try:
        until(lambda: layout.socket.exists() or "projector_stands_by" in log.events)
        yield
    finally:
        ask.send(b"x")
        thread.join(10)
        assert not thread.is_alive()
        asked.close()
        ask.close()


def journalled(layout: Layout, log: Any, *records: RequestRecord) -> None:
    writer = SegmentWriter(layout.journal, "w1", log=log)
    for record in records:
        writer.append(record)
    writer.close()


def test_asked_to_publish_it_shows_what_was_journalled_before(
    layout: Layout, log: Any, make_request: MakeRequest
) -> None:
    """After `refresh` the catalog holds every record that was appended before it, and says so by its instant."""
    with running(layout, log):
        for count in (1, 2, 3):
            journalled(layout, log, make_request())
            before = datetime.now(UTC)
            as_of = refresh(layout, log=log)
            assert as_of is not None
            assert as_of >= before
            assert rows(layout) == count


def test_without_a_projector_a_refresh_projects_itself(layout: Layout, log: Any, make_request: MakeRequest) -> None:
    """`engine sql` on a machine where nothing serves is as fresh as anywhere."""
    journalled(layout, log, make_request())
    assert refresh(layout, log=log) is not None
    assert rows(layout) == 1


def test_only_one_process_projects(layout: Layout, log: Any) -> None:
    """Whoever does not hold the lock projects nothing; a refresh that finds it held and mute gives up in time."""
    with elected(layout.lock) as first, elected(layout.lock) as second:
        assert (first, second) == (True, False)
        assert bring_up_to_date(layout, log=log) is None
        assert refresh(layout, log=log, timeout_s=0.2) is None
        assert log.lines == [("catalog_not_refreshed", {"reason": "the projector does not answer"})]
    assert bring_up_to_date(layout, log=log) is not None


def test_a_second_projector_stands_by(layout: Layout, log: Any) -> None:
    """It leaves the data alone while another projects, and ends when it is asked to."""
    with elected(layout.lock), running(layout, log):
        pass
    assert log.events == ["projector_stands_by"]


def test_a_rude_client_does_no_harm(layout: Layout, log: Any, make_request: MakeRequest) -> None:
    """Nonsense, silence and hanging up are the client's own affair."""
    journalled(layout, log, make_request())
    with running(layout, log):
        assert refresh(layout, log=log) is not None
        for said in (b"", b"drop it\n"):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(layout.socket))
                client.sendall(said)
        assert refresh(layout, log=log) is not None


def test_the_socket_is_for_its_owner_alone(layout: Layout, log: Any) -> None:
    """Nobody else on the host can make the projector work."""
    with running(layout, log):
        assert refresh(layout, log=log) is not None
        assert layout.socket.stat().st_mode & 0o777 == 0o600
    assert not layout.socket.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_after_a_last_publication(
    layout: Layout, log: Any, make_request: MakeRequest, number: signal.Signals
) -> None:
    """What was journalled before the signal is in the catalog when the process has ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "engine", "project", "--data", str(layout.data)], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert event(process.stderr.readline()) == "projector_started"
    journalled(layout, log, make_request())
    process.send_signal(number)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert event(err) == "projector_stopped"
    assert rows(layout) == 1


def test_a_child_ends_with_its_parent(layout: Layout, log: Any, make_request: MakeRequest) -> None:
    """Killing the supervisor leaves no projector behind, and what was journalled is published."""
    program = (
        "import subprocess, sys, time;"
        "p = subprocess.Popen([sys.executable, '-m', 'engine', 'project', '--child', '--data', sys.argv[1]]);"
        "time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(layout.data)], stderr=subprocess.PIPE, text=True)
    assert parent.stderr is not None
    assert event(parent.stderr.readline()) == "projector_started"
    journalled(layout, log, make_request())
    parent.kill()
    assert parent.wait(5) == -9
    assert event(parent.stderr.read()) == "projector_stopped"
    parent.stderr.close()
    assert rows(layout) == 1
