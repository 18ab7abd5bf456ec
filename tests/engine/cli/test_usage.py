"""`engine usage`: the cost report."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.store.journal import SegmentWriter
from engine.values import RequestRecord, Usage

REQUEST = RequestRecord(
    request_id="r1",
    at=datetime.now(UTC),
    node="n1",
    consumer="bot",
    team="support",
    cost_center="",
    key_label="main",
    end_user="",
    source_ip_prefix="",
    tags={},
    headers={},
    metadata={},
    trace_id="",
    surface="chat",
    stream=False,
    requested_model="small",
    resolved_model="openai/gpt-4o",
    provider="openai",
    route=None,
    rule_place=None,
    config_hash="",
    config_git_rev="",
    has_tools=False,
    has_images=False,
    has_audio=False,
    has_files=False,
    wants_json=False,
    reasoning=False,
    input_tokens_estimate=1,
    max_tokens=None,
    decision="{}",
    dropped_params=(),
    ttft_ms=None,
    total_ms=1.0,
    status=200,
    error_kind=None,
    error_code=None,
    finish_reason="stop",
    usage=Usage(input=10, cached_input=5, output=3, reasoning=2),
    unlisted=False,
    price_id=None,
    cost_pusd=1_500_000_000_000,
    cost_problem=None,
    attempts=(),
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two requests of one team, one of nobody's, one of last month."""
    writer = SegmentWriter(tmp_path / "journal", "w1", log=None)  # type: ignore[arg-type]  # nothing goes wrong
    writer.append(REQUEST)
    writer.append(replace(REQUEST, request_id="r2", cost_pusd=1, route="cheap"))
    writer.append(replace(REQUEST, request_id="r3", team="", status=503, cost_pusd=None, cost_problem="no price"))
    writer.append(replace(REQUEST, request_id="r4", at=REQUEST.at - timedelta(days=30)))
    writer.close()
    return tmp_path


def usage(data: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "engine", "usage", "--data", str(data), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_the_report_adds_up(data: Path) -> None:
    """By team over a week: the dearest first, what has no team named so, and a total that is exact."""
    assert usage(data).stdout == (
        "team     requests  failed  input_tokens  output_tokens  unpriced        cost_usd\n"
        "support         2       0            30             10         0  1.500000000001\n"
        "(none)          1       1            15              5         1               0\n"
        "total           3       1            45             15         1  1.500000000001\n"
    )


def test_it_reports_by_other_subjects_and_spans(data: Path) -> None:
    """Each word of `--by` is a column of the requests, and `--since` reaches as far back as it says."""
    assert [line.split()[:2] for line in usage(data, "--by", "route").stdout.splitlines()] == [
        ["route", "requests"],
        ["(none)", "2"],
        ["cheap", "1"],
        ["total", "3"],
    ]
    for by, name in (("model", "openai/gpt-4o"), ("provider", "openai"), ("consumer", "bot")):
        assert usage(data, "--by", by, "--since", "5w").stdout.splitlines()[1].split()[:2] == [name, "4"]


def test_a_span_it_cannot_read_is_a_usage_error(data: Path) -> None:
    """The message shows what a span looks like."""
    done = usage(data, "--since", "yesterday")
    assert done.returncode == 2
    assert "expected a span such as '7d'" in done.stderr
