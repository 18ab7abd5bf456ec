"""Secrets are planted everywhere, and everything that leaves the gateway is searched for them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

PROVIDER_SECRET = "sk-canary-secret"
CALLERS_OWN = {
    "prompt": "canary-in-the-prompt",
    "header": "canary-in-a-header",
    "cookie": "canary-in-a-cookie",
    "query": "canary-in-the-query",
    "wrong key": "eng_test_canary_wrong_key",
}
TABLES = ["requests", "attempts", "events", "config_snapshots", "models", "providers", "prices"]


@pytest.fixture(scope="module")
def gateway(make_gateway: Callable[..., Any]) -> Iterator[Any]:
    gateway = make_gateway()
    gateway.start()
    yield gateway
    gateway.stop()


@pytest.fixture(scope="module")
def answers(gateway: Any, key: str) -> list[httpx.Response]:
    """Requests of every fate, with something secret in each part of them."""
    sent = {
        "x-something": CALLERS_OWN["header"],
        "cookie": f"session={CALLERS_OWN['cookie']}",
        "x-engine-explain": "1",
    }
    url = f"{gateway.url}/v1/chat/completions?token={CALLERS_OWN['query']}"
    fates = ["ok", "status-500", "tells-secret", "reset", "malformed", "content-filter"]

    def ask(name: str, credential: str = key, **more: Any) -> httpx.Response:
        body = {"model": name, "messages": [{"role": "user", "content": CALLERS_OWN["prompt"]}], **more}
        headers = sent | {"authorization": f"Bearer {credential}"}
        return httpx.post(url, json=body, headers=headers, timeout=30)

    told = [ask(f"t/{fate}:canary@a") for fate in fates]
    told += [ask(f"t/{fate}", stream=True) for fate in ("ok", "reset-in-stream", "error-in-200")]
    told += [ask("nothing-of-this-name"), ask("t/ok", credential=CALLERS_OWN["wrong key"])]
    told.append(ask("t/ok", temperature=CALLERS_OWN["prompt"], stream="yes"))
    told += [ask(f"t/{fate}@{at}") for fate, at in (("status-401", "a"), ("status-403", "b"))]  # last: these rest keys
    broken = b'{"model": "t/ok", "messages": "' + CALLERS_OWN["prompt"].encode()
    told.append(httpx.post(url, content=broken, headers=sent | {"authorization": f"Bearer {key}"}, timeout=30))
    return told


def secrets(key: str) -> list[str]:
    return [PROVIDER_SECRET, key, *CALLERS_OWN.values()]


def held(text: str, key: str) -> list[str]:
    return [secret for secret in secrets(key) if secret in text]


def test_answers(answers: list[httpx.Response], key: str) -> None:
    """No body and no header says a key, or gives back what the caller sent beside the model's name."""
    assert {answer.status_code for answer in answers} >= {200, 400, 401, 404, 502, 503}
    for answer in answers:
        assert held(f"{answer.headers}{answer.text}", key) == []


@pytest.mark.parametrize("path", ["/metrics", "/-/config", "/ready", "/health", "/v1/models", "/schema/openapi.json"])
def test_operators_endpoints(gateway: Any, answers: list[httpx.Response], key: str, path: str) -> None:
    """What operators and tools read has none of it."""
    answer = httpx.get(f"{gateway.url}{path}", headers={"authorization": f"Bearer {key}"}, timeout=10)

    assert answer.status_code == 200
    assert held(f"{answer.headers}{answer.text}", key) == []


def test_rows(gateway: Any, answers: list[httpx.Response], key: str) -> None:
    """No column of the catalog holds any of it."""
    rows = gateway.sql(
        " union all ".join(f"select '{table}' as at, to_json({table})::text as row from {table}" for table in TABLES)
    )

    assert {row["at"] for row in rows} >= set(TABLES) - {"events"}
    assert held(json.dumps(rows), key) == []


def test_a_row_is_there_for_every_request_that_was_read(gateway: Any, answers: list[httpx.Response]) -> None:
    """The search above had something to search in: failed attempts keep the provider's words, redacted."""
    details = gateway.sql("select error_detail from attempts where upstream_model = 'tells-secret:canary'")

    assert len(details) == 1
    assert "Incorrect API key" in details[0]["error_detail"]


def test_what_stays_on_disk(gateway: Any, answers: list[httpx.Response], key: str) -> None:
    """Journal, database, board, metrics, the last good configuration, and the log."""
    gateway.sql("select 1")
    files = [path for path in gateway.data.parent.rglob("*") if path.is_file() and gateway.root not in path.parents]
    found = {str(path): secret for path in files for secret in secrets(key) if secret.encode() in path.read_bytes()}

    assert {"journal", "usage", "metrics", "last-good"} <= {path.name for path in gateway.data.iterdir()}
    assert found == {}


def test_command_lines(gateway: Any, answers: list[httpx.Response], key: str) -> None:
    """Every user of a machine can read the command lines of its processes."""
    words = "".join(process.read_bytes().decode() for process in _command_lines(gateway.process.pid))

    assert "_worker" in words
    assert held(words, key) == []


def _command_lines(parent: int) -> Iterator[Path]:
    yield Path(f"/proc/{parent}/cmdline")
    for task in Path(f"/proc/{parent}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _command_lines(int(child))


@pytest.mark.parametrize("command", ["explain -", "validate", "models", "test"])
def test_commands(gateway: Any, key: str, command: str) -> None:
    """With the secret in the environment, no command prints it."""
    words = [sys.executable, "-m", "engine", *command.split(), "--config", str(gateway.root)]
    request = json.dumps({"model": "t/ok", "messages": [{"role": "user", "content": CALLERS_OWN["prompt"]}]})
    environment = os.environ | {"PROVIDER_SECRET": PROVIDER_SECRET}
    done = subprocess.run(
        words, input=request, env=environment, capture_output=True, text=True, timeout=30, check=False
    )

    assert held(done.stdout + done.stderr, key) == []
