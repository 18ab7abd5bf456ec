"""What operators and tools see from outside: health, readiness, metrics, the OpenAPI document, request ids."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
DOCUMENTED = {
    ("GET", "/v1/models"),
    ("GET", "/health"),
    ("GET", "/ready"),
    ("GET", "/metrics"),
    ("GET", "/-/config"),
    ("POST", "/-/reload"),
    ("POST", "/v1/sql"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/chat/completions"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/responses"),
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/count_tokens"),
    ("POST", "/v1beta/models/{model}:generateContent"),
    ("POST", "/v1beta/models/{model}:streamGenerateContent"),
    ("POST", "/v1beta/models/{model}:countTokens"),
    ("POST", "/v1/models/{model}:generateContent"),
    ("POST", "/v1/models/{model}:streamGenerateContent"),
    ("POST", "/v1/models/{model}:countTokens"),
    ("POST", "/v1/embeddings"),
    ("POST", "/v1/rerank"),
    ("POST", "/v1/moderations"),
    ("POST", "/v1/images/generations"),
    ("POST", "/v1/images/edits"),
    ("POST", "/v1/images/variations"),
    ("POST", "/v1/audio/transcriptions"),
    ("POST", "/v1/audio/translations"),
    ("POST", "/v1/audio/speech"),
}


@pytest.fixture(scope="module")
def gateway(make_gateway: Callable[..., Any]) -> Iterator[Any]:
    gateway = make_gateway(None, "--max-body-bytes", str(1 << 20))
    gateway.start()
    gateway.chat("t/ok")
    gateway.chat("t/ok", stream=True)
    gateway.chat("t/status-500:monitored")
    yield gateway
    gateway.stop()


def ask(gateway: Any, method: str, path: str, key: str = "") -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return httpx.request(method, f"{gateway.url}{path}", headers=headers, timeout=20)


def test_health_and_readiness(gateway: Any, key: str) -> None:
    """Both are open to everyone; readiness says which configuration is served, and hides nothing that is wrong."""
    health, ready = ask(gateway, "GET", "/health"), ask(gateway, "GET", "/ready")

    assert (health.status_code, health.json()) == (200, {"status": "ok"})
    assert ready.status_code == 200
    assert ready.json() == {
        "ready": True,
        "config_hash": ask(gateway, "GET", "/-/config", key).json()["config_hash"],
        "last_reload": "loaded",
        "from_last_good": False,
        "diagnostics": "",
    }


def test_the_configuration_that_runs(gateway: Any, key: str) -> None:
    """Operators see hash, times, earlier hashes, and whether each provider can be used."""
    told = ask(gateway, "GET", "/-/config", key).json()

    assert re.fullmatch(r"[0-9a-f]{64}", told["config_hash"])
    assert told["providers"] == {"a": "ready", "b": "ready"}
    assert told["loaded_at"]
    assert gateway.chat("t/ok").headers["x-engine-config"] == told["config_hash"][:12]


def test_metrics_are_prometheus_text(gateway: Any, key: str) -> None:
    """Prometheus' own parser reads them; each is documented, and has help and the labels that the README says."""
    answer = ask(gateway, "GET", "/metrics", key)
    families = list(text_string_to_metric_families(answer.text))
    table = dict(re.findall(r"^\| `(engine_\w+)` \|([^|]*)\|", README, re.MULTILINE))

    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert families
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert family.documentation
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert labels <= set(re.findall(r"`(\w+)`", table[name])), name


def test_metrics_tell_what_happened(gateway: Any, key: str) -> None:
    """Requests and attempts are there by how they ended, tokens by kind; costs are sums of dollars."""
    text = ask(gateway, "GET", "/metrics", key).text
    told = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }

    assert told["engine_requests_total", "200", "chat", "testers"] >= 2
    assert told["engine_requests_total", "502", "chat", "testers"] == 1
    assert told["engine_attempts_total", "a", "other", "server_error"] == 2
    assert told["engine_tokens_total", "a", "cached_input", "t/ok"] >= 8
    assert told["engine_cost_usd_total", "a", "t/ok"] >= 2 * 20e-6


def test_a_failure_is_no_gap_in_the_prices(gateway: Any, key: str) -> None:
    """An attempt that was answered with an error used nothing, so it does not count as unpriced."""
    text = ask(gateway, "GET", "/metrics", key).text

    assert not re.search(r"^engine_unpriced_attempts_total\{.*\} [1-9]", text, re.MULTILINE)
    assert gateway.sql("select * from unpriced") == []


def test_the_openapi_document_is_complete(gateway: Any) -> None:
    """Every path is there with its methods, a summary, an id of its own and answers; references lead somewhere."""
    answer = ask(gateway, "GET", "/schema/openapi.json")
    document = answer.json()
    operations = {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }

    assert document["openapi"].startswith("3.1")
    assert operations.keys() == DOCUMENTED
    assert all(operation["summary"] and operation["responses"] for operation in operations.values())
    assert len({operation["operationId"] for operation in operations.values()}) == len(operations)
    for reference in re.findall(r'"\$ref":"#/components/schemas/([^"]+)"', answer.text):
        assert reference in document["components"]["schemas"]


def test_what_is_documented_is_served(gateway: Any) -> None:
    """No path of the document, and none of the README, is unknown to the server."""
    shown = {tuple(path.split()) for path in re.findall(r"^\| `((?:GET|POST) /[^`]+)`", README, re.MULTILINE)}

    assert shown - {("GET", "/schema")} == DOCUMENTED
    for method, path in DOCUMENTED:
        assert ask(gateway, method, path).status_code in {200, 400, 401}


def test_the_page_of_the_document(gateway: Any) -> None:
    """A browser finds a page at /schema, and one to try it at /schema/swagger, which knows that a key is needed."""
    for path in ("/schema", "/schema/swagger"):
        page = ask(gateway, "GET", path)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
    document = ask(gateway, "GET", "/schema/openapi.json").json()
    assert document["components"]["securitySchemes"] == {"key": {"type": "http", "scheme": "bearer"}}
    assert document["security"] == [{"key": []}]
    assert document["paths"]["/health"]["get"]["security"] == [{}]
    assert "security" not in document["paths"]["/v1/models"]["get"]


@pytest.mark.parametrize(
    ("method", "path"),
    [*sorted(DOCUMENTED), ("GET", "/schema"), ("GET", "/nothing"), ("GET", "/v1/nothing"), ("PUT", "/v1/models")],
)
@pytest.mark.parametrize("has_key", [True, False])
def test_every_answer_has_a_request_id(gateway: Any, key: str, method: str, path: str, *, has_key: bool) -> None:
    """Whatever is asked, by whomever, and however it ends, the answer carries a request id under both names."""
    answer = ask(gateway, method, path, key if has_key else "")

    assert re.fullmatch(r"req_[0-9a-f]{28}", answer.headers["x-request-id"])
    assert answer.headers["request-id"] == answer.headers["x-request-id"]


def test_a_body_too_large_has_a_request_id(gateway: Any, key: str) -> None:
    """Also what is refused before it is read whole."""
    answer = httpx.post(
        f"{gateway.url}/v1/chat/completions",
        content=bytes(2 << 20),
        headers={"authorization": f"Bearer {key}"},
        timeout=20,
    )

    assert answer.status_code == 413
    assert answer.headers["x-request-id"] == answer.json()["error"]["request_id"]
