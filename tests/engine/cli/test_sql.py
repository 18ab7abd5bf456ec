"""`engine sql` as its users meet it."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.store.journal import SegmentWriter
from engine.values import EventRecord

ROOT = Path(__file__).parents[3]


def engine(*arguments: str, said: str = "") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "engine", *arguments]
    return subprocess.run(command, input=said, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def data(tmp_path: Path) -> str:
    return str(tmp_path)


def event(data: str, number: int) -> None:
    writer = SegmentWriter(Path(data, "journal"), "w1", log=None)  # type: ignore[arg-type]  # nothing goes wrong
    at = datetime(2026, 11, 20, 12, number, tzinfo=UTC)
    detail = {"failures": str(number)}
    writer.append(
        EventRecord(record_id=f"e{number}", at=at, node="n1", event="breaker_opened", subject="s", detail=detail)
    )
    writer.close()


def test_the_answer_holds_what_was_journalled_a_moment_ago(data: str) -> None:
    """Without a gateway running, a question is answered from the journals as they are."""
    for number in (1, 2):
        event(data, number)
        done = engine("sql", "--data", data, "SELECT record_id, ts, detail FROM events ORDER BY ts")
        assert done.stderr == ""
        assert len(done.stdout.splitlines()) == number + 1
    assert done.stdout == (
        "record_id  ts                    detail\n"
        'e1         2026-11-20T12:01:00Z  {"failures":"1"}\n'
        'e2         2026-11-20T12:02:00Z  {"failures":"2"}\n'
    )


def test_a_query_is_read_from_standard_input(data: str) -> None:
    """Queries of several lines are piped in."""
    event(data, 1)
    done = engine("sql", "--data", data, "--format", "json", said="SELECT count(*) AS n\nFROM events;\n")
    assert json.loads(done.stdout) == [{"n": 1}]


def test_a_cut_answer_says_so(data: str) -> None:
    """Rows beyond the bound are announced on stderr, so that a pipe stays clean."""
    event(data, 1)
    done = engine("sql", "--data", data, "--format", "csv", "--rows", "2", "FROM range(5)")
    assert done.stdout == "range\n0\n1\n"
    assert done.stderr == "only the first 2 rows; --rows gives more\n"


def test_the_schema_explains_every_column(data: str) -> None:
    """`--schema` prints tables and views with the comments that the catalog carries."""
    event(data, 1)
    done = engine("sql", "--data", data, "--schema")
    assert "\ncost_by_team: Cost by day and team.\n" in done.stdout
    assert "  cost_usd DECIMAL(38,12): The same in US dollars, exact.\n" in done.stdout
    assert "None" not in done.stdout


def test_what_callers_wrote_cannot_move_the_cursor(data: str) -> None:
    """A value is one line of a table, whatever control characters a caller has put into it."""
    event(data, 1)
    done = engine("sql", "--data", data, r"SELECT e'a\n\x1b]0;owned\x07' AS said")
    assert done.stdout == "said\na\ufffd\ufffd]0;owned\ufffd\n"


def test_the_directory_that_is_asked_from_lends_no_code(data: str, tmp_path: Path) -> None:
    """A module of the same name where an analyst happens to be is not run by the process that reads the data."""
    event(data, 1)
    for name in ("duckdb.py", "resource.py", "msgspec.py"):
        (tmp_path / name).write_text("raise SystemExit('not ours')")
    command = [sys.executable, "-P", "-m", "engine", "sql", "--data", data, "SELECT 1 AS n"]
    env = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "n\n1\n", "")


@pytest.mark.parametrize("seconds", ["nan", "inf", "0", "1e18"])
def test_a_time_that_bounds_nothing_is_refused(data: str, seconds: str) -> None:
    """`--timeout` is a time that somebody may wait."""
    done = engine("sql", "--data", data, "--timeout", seconds, "SELECT 1")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_mistake_is_one_error_and_exit_code_2(data: str, tmp_path: Path) -> None:
    """A wrong query, and a directory without usage, end without a traceback."""
    event(data, 1)
    wrong = engine("sql", "--data", data, "SELECT nothing FROM events")
    missing = engine("sql", "--data", str(tmp_path / "elsewhere"), "SELECT 1")
    assert (wrong.returncode, missing.returncode) == (2, 2)
    assert "1:8: Referenced column" in wrong.stderr
    assert "no usage in" in missing.stderr
    assert "Traceback" not in wrong.stderr + missing.stderr


@pytest.mark.parametrize("broken", ["projector.lock", "hot.duckdb"], ids=["not ours to write", "damaged"])
def test_usage_that_cannot_be_refreshed_is_read_as_it_is(data: str, broken: str) -> None:
    """On a full disk, or for a user who may only read, the last publication answers, with a note on stderr."""
    event(data, 1)
    assert engine("sql", "--data", data, "SELECT 1").returncode == 0
    event(data, 2)
    path = Path(data, "usage", broken)
    path.unlink()
    path.mkdir()  # whoever the tests run as, a folder is no file that one can write
    done = engine("sql", "--data", data, "--format", "csv", "SELECT record_id FROM events")
    assert (done.returncode, done.stdout) == (0, "record_id\ne1\n")
    assert "catalog_not_refreshed" in done.stderr
    assert done.stderr.endswith("what follows is from the last publication\n")
    assert "Traceback" not in done.stderr


def test_usage_that_was_never_published_and_cannot_be_is_one_error(data: str) -> None:
    """Without a catalog there is nothing to fall back to."""
    event(data, 1)
    Path(data, "usage/projector.lock").mkdir(parents=True)
    done = engine("sql", "--data", data, "SELECT 1")
    assert done.returncode == 2
    assert "no usage has been published in" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_catalog_that_cannot_be_opened_is_no_fault_of_the_query(data: str) -> None:
    """The command could not run, and says why in one line."""
    event(data, 1)
    assert engine("sql", "--data", data, "SELECT 1").returncode == 0
    Path(data, "usage/projector.lock").unlink()
    Path(data, "usage/projector.lock").mkdir()
    Path(data, "usage.duckdb").write_bytes(b"nonsense" * 2000)
    done = engine("sql", "--data", data, "SELECT 1")
    assert done.returncode == 2
    assert "the catalog cannot be opened" in done.stderr
    assert "Traceback" not in done.stderr
