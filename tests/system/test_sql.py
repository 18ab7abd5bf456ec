"""SQL over usage through the front door: answers to questions, and no way to anything else."""

import json
import socket
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


def test_every_column_says_what_it_is_named_for(gateway: Any) -> None:
    """All of a request's row and its attempt's; what differs from run to run is put in its order."""
    files = ["providers.d/a.yaml:11"]
    answer = gateway.chat(
        "t/ok",
        max_tokens=77,
        user="u9",
        response_format={"type": "json_object"},
        headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"},
    )
    (row,) = gateway.sql(f"select * from requests where request_id = '{answer.headers['x-request-id']}'")
    (attempt,) = gateway.sql(f"select * from attempts where request_id = '{answer.headers['x-request-id']}'")
    decision = json.loads(row.pop("decision"))

    assert decision.pop("draw") < 1.0
    assert decision == {
        "path": ["t/ok"],
        "pool": "t/ok",
        "strategy": "ordered",
        "chain": [["t/ok@a", "offers t/ok", *files]],
    }
    assert row.pop("ts") == attempt.pop("ts")
    assert row.pop("config_hash")[:12] == answer.headers["x-engine-config"]
    times = (attempt.pop("ttfb_ms"), attempt.pop("total_ms"), row.pop("total_ms"))
    assert 0.0 < attempt.pop("started_ms") < times[2]
    assert (attempt.pop("connect_ms") or 0.0) < times[0]
    assert sorted(times) == list(times)
    shared = {
        "request_id": answer.headers["x-request-id"],
        "provider": "a",
        "key_label": "k1",
        "status": 200,
        "error_kind": None,
        "price_id": "a/t/ok/2026-01-01",
        "cost_pusd": 20_000_000,
        "cost_usd": 0.00002,
        "cost_problem": None,
        "input_tokens": 8,
        "cached_input_tokens": 4,
        "cache_write_tokens": 0,
        "cache_write_1h_tokens": 0,
        "audio_input_tokens": 0,
        "image_input_tokens": 0,
        "output_tokens": 5,
        "reasoning_tokens": 0,
        "audio_output_tokens": 0,
        "image_output_tokens": 0,
        "usage_source": "reported",
        "images": None,
        "audio_ms": None,
        "characters": None,
        "search_units": None,
    }
    assert row == shared | {
        "node": socket.gethostname(),
        "consumer": "tester",
        "team": "testers",
        "cost_center": "4711",
        "end_user": "u9",
        "source_ip_prefix": "127.0.0.0/24",
        "tags": {},
        "headers": {},
        "metadata": {},
        "trace_id": "a" * 32,
        "surface": "chat",
        "stream": False,
        "requested_model": "t/ok",
        "resolved_model": "t/ok",
        "route": None,
        "rule_place": None,
        "config_git_rev": "",
        "has_tools": False,
        "has_images": False,
        "has_audio": False,
        "has_files": False,
        "wants_json": True,
        "reasoning": False,
        "input_tokens_estimate": 38,
        "max_tokens": 77,
        "dropped_params": [],
        "ttft_ms": None,
        "error_code": None,
        "finish_reason": "stop",
        "unlisted": False,
    }
    assert attempt == shared | {
        "n": 1,
        "role": "first",
        "reason": "offers t/ok",
        "model": "t/ok",
        "upstream_model": "ok",
        "address": f"127.0.0.1:{gateway.providers['a']}",
        "key_label": "main",
        "upstream_request_id": "",
        "error_detail": "",
        "sent_bytes": 130,
        "received_bytes": 318,
        "list_cost_pusd": 20_000_000,
    }


PICTURE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
PAPER = {"type": "file", "file": {"file_id": "f-1"}}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "has_tools"),
        ({"messages": [{"role": "user", "content": [PICTURE]}]}, "has_images"),
        ({"messages": [{"role": "user", "content": [SOUND]}]}, "has_audio"),
        ({"messages": [{"role": "user", "content": [PAPER]}]}, "has_files"),
        ({"response_format": {"type": "json_object"}}, "wants_json"),
        ({"reasoning_effort": "high"}, "reasoning"),
        ({"stream": True}, "stream"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_trait_of_a_request_has_its_column(gateway: Any, said: dict[str, Any], told: str) -> None:
    """What a request is like stands in the column that is named for it, and in no other."""
    answer = gateway.chat("t/free", **said)
    traits = "stream, has_tools, has_images, has_audio, has_files, wants_json, reasoning"
    (row,) = gateway.sql(f"select {traits} from requests where request_id = '{answer.headers['x-request-id']}'")

    assert [name for name, is_so in row.items() if is_so] == [told]


@pytest.mark.parametrize("query", REFUSED.values(), ids=REFUSED)
def test_anything_but_a_question_is_refused(gateway: Any, key: str, tmp_path: Path, query: str) -> None:
    """Writing, files, extensions, settings and several statements: 400 in OpenAI's shape, and nothing happened."""
    secret = tmp_path / "secret.csv"
    secret.write_text("canary\n")
    answer = ask(gateway, key, query.format(there=tmp_path, secret=secret))

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "invalid_query"
    assert answer.json()["error"]["param"] == "query"
    assert answer.json()["error"]["message"].isprintable()
    assert not {"│", "╭"} & set(answer.json()["error"]["message"])
    assert "canary" not in answer.text
    assert list(tmp_path.iterdir()) == [secret]


@pytest.mark.parametrize(("rows", "truncated"), [(1000, None), (1001, "1")])
def test_an_answer_that_is_cut_says_so(gateway: Any, key: str, rows: int, truncated: str | None) -> None:
    """A thousand rows are answered, and a header tells whether there were more."""
    answer = ask(gateway, key, f"FROM range({rows})")

    assert len(answer.json()) == 1000
    assert answer.headers.get("x-engine-truncated") == truncated
    described = httpx.get(f"{gateway.url}/schema/openapi.json", timeout=30).json()
    assert "x-engine-truncated" in described["paths"]["/v1/sql"]["post"]["responses"]["200"]["headers"]


def test_a_body_without_a_query(gateway: Any, key: str) -> None:
    """A body that is not what is asked for is a 400 that names the key."""
    headers = {"authorization": f"Bearer {key}"}
    answer = httpx.post(f"{gateway.url}/v1/sql", json={"sql": "select 1"}, headers=headers, timeout=30)

    assert answer.status_code == 400
    assert "query" in answer.text


@pytest.mark.parametrize(
    "body", [b'{"query":"\xff"}', b'{"query":' + b"[" * 5000 + b"]" * 5000 + b"}"], ids=["no-utf-8", "deep"]
)
def test_a_body_that_cannot_be_read_is_the_callers(gateway: Any, key: str, body: bytes) -> None:
    """What the framework stumbles over is a 400 like every other."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    answer = httpx.post(f"{gateway.url}/v1/sql", content=body, headers=headers, timeout=30)

    assert answer.status_code == 400
    assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]


def test_a_long_query_is_a_query(gateway: Any, key: str) -> None:
    """Its length is not bounded by what a command line takes."""
    query = "SELECT 1 AS n WHERE 1 IN (" + ",".join("1" for _ in range(100_000)) + ")"
    headers = {"authorization": f"Bearer {key}"}
    answer = httpx.post(f"{gateway.url}/v1/sql", json={"query": query}, headers=headers, timeout=60)

    assert answer.json() == [{"n": 1}]
