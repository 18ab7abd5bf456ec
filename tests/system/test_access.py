"""Who may do what: every door that is not inference, walked by every role, by a stranger, and without a key."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import httpx
import pytest

ROLES = {
    "admin": {"config.read", "config.reload", "decision.explain", "metrics.read", "sql.query"},
    "operator": {"config.read", "config.reload", "decision.explain", "metrics.read"},
    "analyst": {"metrics.read", "sql.query"},
    "developer": {"config.read", "decision.explain"},
    "user": set(),
    "auditor": {"config.read", "sql.query"},
}
"""The shipped roles, and one that is declared."""
DOORS = [
    ("GET", "/-/config", "config.read"),
    ("POST", "/-/reload", "config.reload"),
    ("GET", "/metrics", "metrics.read"),
    ("POST", "/v1/sql", "sql.query"),
]
OPEN = ["/health", "/ready", "/schema", "/schema/openapi.json"]
KEYS = {role: f"eng_test_{role:x<43}" for role in ROLES}


def policies(anonymous: str) -> str:
    lines = [f"access: {{anonymous: {anonymous}, roles: {{auditor: [config.read, sql.query]}}}}", "consumers:"]
    for role, key in KEYS.items():
        digest = sha256(key.encode()).hexdigest()
        lines.append(f'  c-{role}: {{roles: [{role}], models: [t/ok], keys: {{k: {{sha256: "{digest}"}}}}}}')
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def gateway(make_gateway: Callable[..., Any]) -> Iterator[Any]:
    """Anonymous callers may use t/ok and nothing else."""
    gateway = make_gateway({"policies/access.yaml": policies("{models: [t/ok]}")})
    gateway.start()
    yield gateway
    gateway.stop()


@pytest.fixture(scope="module")
def closed(make_gateway: Callable[..., Any]) -> Iterator[Any]:
    """No anonymous callers."""
    gateway = make_gateway({"policies/access.yaml": policies("deny")})
    gateway.start()
    yield gateway
    gateway.stop()


def walk(gateway: Any, method: str, path: str, key: str = "") -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    body = {"query": "select 1 as one"} if path == "/v1/sql" else None
    return httpx.request(method, f"{gateway.url}{path}", headers=headers, json=body, timeout=20)


@pytest.mark.parametrize(("method", "path", "permission"), DOORS)
@pytest.mark.parametrize("role", ROLES)
def test_roles(gateway: Any, role: str, method: str, path: str, permission: str) -> None:
    """A role opens the doors whose permission it has, and no other."""
    answer = walk(gateway, method, path, KEYS[role])

    assert answer.status_code == (200 if permission in ROLES[role] else 403), answer.text
    assert (permission in answer.text) is (permission not in ROLES[role])


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in DOORS])
@pytest.mark.parametrize("key", ["", "eng_test_wrong"])
def test_without_a_key_of_ours(closed: Any, method: str, path: str, key: str) -> None:
    """No key, or a wrong one, opens nothing."""
    assert walk(closed, method, path, key).status_code == 401


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in DOORS])
@pytest.mark.parametrize(("key", "status"), [("", 403), ("eng_test_wrong", 401)])
def test_anonymous_callers_open_no_door(gateway: Any, method: str, path: str, key: str, status: int) -> None:
    """Anonymous access is to models: it has no permission, and a wrong key is not anonymous."""
    assert walk(gateway, method, path, key).status_code == status


@pytest.mark.parametrize("path", OPEN)
@pytest.mark.parametrize("key", ["", "eng_test_wrong", KEYS["user"]])
def test_open_doors(closed: Any, path: str, key: str) -> None:
    """Liveness, readiness and the OpenAPI document are for everyone."""
    assert walk(closed, "GET", path, key).status_code == 200


def test_every_door_is_walked(closed: Any) -> None:
    """The table above has every path of the OpenAPI document that is not inference or the list of models."""
    paths = walk(closed, "GET", "/schema/openapi.json").json()["paths"]
    inference = {path for path, item in paths.items() if item.get("post", {}).get("tags") == ["inference"]}

    assert {"/v1/chat/completions", "/v1/messages", "/v1/embeddings"} <= inference
    assert paths.keys() - inference - {"/v1/models"} == {path for _, path, _ in DOORS} | {"/health", "/ready"}


@pytest.mark.parametrize("role", ROLES)
def test_who_may_see_a_decision(gateway: Any, role: str) -> None:
    """The decision is told to those who may see it, and only when they ask."""
    asked = gateway.chat("t/ok", key=KEYS[role], headers={"x-engine-explain": "1"})
    silent = gateway.chat("t/ok", key=KEYS[role])

    assert ("x-engine-decision" in asked.headers) is ("decision.explain" in ROLES[role])
    assert "x-engine-decision" not in silent.headers


def test_anonymous_callers_use_what_they_may(gateway: Any) -> None:
    """No key at all is anonymous: the names granted to it, and no others."""
    url = f"{gateway.url}/v1/chat/completions"
    messages = [{"role": "user", "content": "hello"}]
    granted = httpx.post(url, json={"model": "t/ok", "messages": messages}, timeout=20)
    other = httpx.post(url, json={"model": "t/other", "messages": messages}, timeout=20)
    listed = walk(gateway, "GET", "/v1/models").json()["data"]

    assert granted.status_code == 200
    assert other.status_code == 403
    assert [model["id"] for model in listed] == ["t/ok"]


@pytest.mark.parametrize("authorization", ["Bearer eng_test_wrong", "Bearer", "Basic eng_test", "eng_test_wrong"])
def test_a_wrong_key_is_not_anonymous(gateway: Any, authorization: str) -> None:
    """Who presents a credential is held to it, also where none would have done."""
    answer = httpx.get(f"{gateway.url}/v1/models", headers={"authorization": authorization}, timeout=20)

    assert answer.status_code == 401
