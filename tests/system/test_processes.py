"""The processes of `engine serve`: killed and restarted, drained, and never orphaned."""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

Until = Callable[..., None]


@pytest.fixture
def gateway(make_gateway: Callable[..., Any]) -> Iterator[Any]:
    """Two workers, started anew for each test: each ends them in its own way."""
    gateway = make_gateway(None, "--workers", "2")
    gateway.start()
    yield gateway
    if gateway.process.poll() is None:
        gateway.stop()


def pids(gateway: Any, process: str) -> list[int]:
    """Process ids under a name, in the order in which they were started."""
    lines = (json.loads(line) for line in gateway.log.splitlines() if line.startswith("{"))
    return [line["pid"] for line in lines if line["event"] == "process_started" and line["process"].startswith(process)]


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie does not."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_killed_worker_is_replaced(gateway: Any, until: Until) -> None:
    """A worker gets SIGKILL: the next requests are answered, another takes its place, and a row says so."""
    first, second = pids(gateway, "worker 0")[0], pids(gateway, "worker 1")[0]
    os.kill(first, signal.SIGKILL)
    answers = [gateway.chat("t/ok").status_code for _ in range(20)]
    until(lambda: len(pids(gateway, "worker 0")) == 2, "the worker is started again")

    assert answers == [200] * 20
    assert is_alive(second)
    until(
        lambda: gateway.sql("select subject from events where event = 'worker_died'") == [{"subject": "worker/0"}],
        "its death is written down",
    )


def test_a_killed_projector_is_replaced(gateway: Any, until: Until) -> None:
    """The projector gets SIGKILL: requests go on, and each is one row once another has taken over."""
    asked = [gateway.chat("t/ok").headers["x-request-id"]]
    os.kill(pids(gateway, "projector")[0], signal.SIGKILL)
    asked += [gateway.chat("t/ok").headers["x-request-id"] for _ in range(5)]
    until(lambda: len(pids(gateway, "projector")) == 2, "the projector is started again")

    until(lambda: len(gateway.sql("select request_id from requests")) >= len(asked), "every request is a row")
    rows = gateway.sql("select request_id from requests order by request_id")
    assert [row["request_id"] for row in rows] == sorted(asked)


def test_sigterm_drains(gateway: Any, key: str) -> None:
    """A stream that is open at SIGTERM is finished within the grace; then the gateway ends well."""
    body = {"model": "t/paced", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
    headers = {"authorization": f"Bearer {key}"}
    with httpx.stream("POST", f"{gateway.url}/v1/chat/completions", json=body, headers=headers, timeout=10) as answer:
        parts = answer.iter_text()
        text = next(parts)
        gateway.process.send_signal(signal.SIGTERM)
        text += "".join(parts)

    assert text.rstrip().endswith("data: [DONE]")
    assert "word 59" in text
    assert gateway.process.wait(10) == 0
    assert not any(is_alive(pid) for pid in pids(gateway, ""))


def test_nothing_outlives_the_supervisor(gateway: Any, until: Until) -> None:
    """The supervisor gets SIGKILL: its children notice and end by themselves."""
    children = pids(gateway, "")
    assert len(children) == 3
    gateway.process.kill()
    gateway.process.wait(5)

    until(lambda: not any(is_alive(pid) for pid in children), "the children have ended")


def test_workers_are_counted_together(gateway: Any, key: str) -> None:
    """Whichever worker is asked for metrics answers for all."""
    answered = {gateway.chat("t/ok").status_code for _ in range(30)}
    told = [requests_total(gateway, key) for _ in range(10)]

    assert answered == {200}
    assert told == [30.0] * 10
    shares = [
        path.stat().st_size for path in (gateway.data / "metrics").iterdir() if re.fullmatch(r"\d+\.metrics", path.name)
    ]
    assert len(shares) == 2


def requests_total(gateway: Any, key: str) -> float:
    text = httpx.get(f"{gateway.url}/metrics", headers={"authorization": f"Bearer {key}"}, timeout=10).text
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return sum(sample.value for sample in samples if sample.name == "engine_requests_total")
