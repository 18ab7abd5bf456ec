"""SQL over usage through the front door: answers to questions, and no way to anything else."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

REFUSED = {
    "create": "CREATE TABLE mine (n INTEGER)",
    "insert": "INSERT INTO requests SELECT * FROM requests",
    "delete": "DELETE FROM requests",
    "drop": "DROP VIEW requests",
    "copy": "COPY (SELECT 1) TO '{there}/stolen'",
    "export": "EXPORT DATABASE '{there}/stolen'",
    "read-text": "SELECT * FROM read_text('{secret}')",
    "read-csv": "SELECT * FROM read_csv('{secret}')",
    "file-as-table": "SELECT * FROM '{secret}'",
    "glob": "SELECT * FROM glob('{there}/*')",
    "attach": "ATTACH '{there}/other.duckdb'",
    "install": "INSTALL httpfs",
    "load": "LOAD httpfs",
    "set": "SET enable_external_access = true",
    "pragma": "PRAGMA database_list",
    "getenv": "SELECT getenv('PROVIDER_SECRET')",
    "two": "SELECT 1; SELECT 2",
    "nothing": "",
    "nonsense": "SELEKT 1",
}


@pytest.fixture(scope="module")
def gateway(make_gateway: Callable[..., Any]) -> Iterator[Any]:
    gateway = make_gateway()
    gateway.start()
    yield gateway
    gateway.stop()


def ask(gateway: Any, key: str, query: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(f"{gateway.url}/v1/sql", json={"query": query}, headers=headers, timeout=30)


def test_the_request_just_made(gateway: Any, key: str) -> None:
    """A row is there as soon as its answer was, with exact money and the rule's place."""
    answer = gateway.chat("t/ok")
    request_id = answer.headers["x-request-id"]
    query = f"select requested_model, provider, cost_pusd, config_hash from requests where request_id = '{request_id}'"
    row = ask(gateway, key, query).json()[0]

    assert row["requested_model"] == "t/ok"
    assert row["provider"] == "a"
    assert row["cost_pusd"] == 20_000_000
    assert row["config_hash"].startswith(answer.headers["x-engine-config"])
    assert answer.headers["x-engine-cost-usd"] == "0.00002"


@pytest.mark.parametrize("query", REFUSED.values(), ids=REFUSED)
def test_anything_but_a_question_is_refused(gateway: Any, key: str, tmp_path: Path, query: str) -> None:
    """Writing, files, extensions, settings and several statements: 400 in OpenAI's shape, and nothing happened."""
    secret = tmp_path / "secret.csv"
    secret.write_text("canary\n")
    answer = ask(gateway, key, query.format(there=tmp_path, secret=secret))

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "invalid_query"
    assert "canary" not in answer.text
    assert list(tmp_path.iterdir()) == [secret]


def test_a_body_without_a_query(gateway: Any, key: str) -> None:
    """A body that is not what is asked for is a 400 that names the key."""
    headers = {"authorization": f"Bearer {key}"}
    answer = httpx.post(f"{gateway.url}/v1/sql", json={"sql": "select 1"}, headers=headers, timeout=30)

    assert answer.status_code == 400
    assert "query" in answer.text
