"""Bad input of every kind: a clear error in OpenAI's shape, and the gateway goes on as before."""

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

DEEP = b'{"model":"t/ok","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
GOOD = {"model": "t/ok", "messages": [{"role": "user", "content": "hello"}]}
BODIES = {
    "empty": b"",
    "not-json": b"hello",
    "not-an-object": b"[]",
    "cut-short": b'{"model": "t/ok", "mess',
    "trailing": json.dumps(GOOD).encode() + b"}",
    "not-utf8": b'{"model": "t/ok", "messages": [{"role": "user", "content": "\xff\xfe"}]}',
    "nan": b'{"model": "t/ok", "messages": [{}], "temperature": NaN}',
    "lone-surrogate": b'{"model": "t/ok", "messages": [{"role": "user", "content": "\\ud800"}]}',
    "number-too-large": b'{"model": "t/ok", "messages": [{}], "seed": 1e999}',
    "too-deep": DEEP,
    "no-model": b'{"messages": [{"role": "user", "content": "x"}]}',
    "model-not-text": b'{"model": 3, "messages": [{"role": "user", "content": "x"}]}',
    "no-messages": b'{"model": "t/ok"}',
    "messages-not-a-list": b'{"model": "t/ok", "messages": "hello"}',
    "stream-not-a-flag": b'{"model": "t/ok", "messages": [{"role": "user", "content": "x"}], "stream": "yes"}',
    "cap-not-a-number": b'{"model": "t/ok", "messages": [{"role": "user", "content": "x"}], "max_tokens": "many"}',
}


@pytest.fixture(scope="module")
def gateway(make_gateway: Callable[..., Any]) -> Iterator[Any]:
    gateway = make_gateway({}, "--max-body-bytes", "1048576")
    gateway.start()
    yield gateway
    gateway.stop()


def post(gateway: Any, body: bytes, **headers: str) -> httpx.Response:
    sent = {"content-type": "application/json", **headers}
    return httpx.post(f"{gateway.url}/v1/chat/completions", content=body, headers=sent, timeout=10)


@pytest.mark.parametrize("name", BODIES)
def test_body(gateway: Any, key: str, name: str) -> None:
    """A body that cannot be read is a 400 that says what is wrong and that sending it again is pointless."""
    answer = post(gateway, BODIES[name], authorization=f"Bearer {key}")
    error = answer.json()["error"]

    assert answer.status_code == 400
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["x-request-id"] == answer.headers["request-id"]
    assert gateway.chat("t/ok").status_code == 200


@pytest.mark.parametrize(
    "credential",
    ["", "Bearer", "Bearer wrong", "Basic abc", "Bearer ' or 1=1 --", "Bearer %s%n{{7*7}}"],
)
def test_credential(gateway: Any, credential: str) -> None:
    """A missing or unknown key is a 401, whatever is in it, and never becomes an anonymous caller."""
    answer = post(gateway, json.dumps(GOOD).encode(), authorization=credential)

    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "authentication_error"


def test_name_not_granted(gateway: Any, read_key: str) -> None:
    """A good key without the grant is a 403 that says where to look."""
    answer = gateway.chat("t/other", key=read_key)

    assert answer.status_code == 403
    assert "/v1/models" in answer.json()["error"]["message"]


@pytest.mark.parametrize("declared", [True, False])
def test_body_over_the_limit(gateway: Any, key: str, *, declared: bool) -> None:
    """A body over the limit is a 413 before it is read whole, with its length declared or in chunks."""
    body = b" " * (2 << 20)
    answer = httpx.post(
        f"{gateway.url}/v1/chat/completions",
        content=body if declared else iter([body]),
        headers={"authorization": f"Bearer {key}"},
        timeout=10,
    )

    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "request_too_large"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/chat/completions", 405),
        ("GET", "/v1/nothing", 404),
        ("POST", "/v1/models", 405),
        ("GET", "/-/config", 401),
        ("POST", "/-/reload", 401),
        ("GET", "/metrics", 401),
        ("POST", "/v1/sql", 401),
    ],
)
def test_paths(gateway: Any, method: str, path: str, status: int) -> None:
    """Unknown paths, wrong methods and closed doors answer in the shape of their neighbourhood."""
    answer = httpx.request(method, f"{gateway.url}{path}", timeout=10)
    said = answer.json()

    assert answer.status_code == status
    assert said["error"]["message"] if path.startswith("/v1/") else said["detail"]


@pytest.mark.parametrize("path", ["/-/config", "/metrics"])
def test_permission(gateway: Any, read_key: str, path: str) -> None:
    """A caller without the permission is told which one it is."""
    answer = httpx.get(f"{gateway.url}{path}", headers={"authorization": f"Bearer {read_key}"}, timeout=10)

    assert answer.status_code == 403
    assert "permission" in answer.json()["detail"]


@pytest.mark.parametrize(
    "head",
    [
        b"GARBAGE\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n" + b"x: " + b"y" * 70_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n" + b"".join(b"x-%d: y\r\n" % n for n in range(300)) + b"\r\n",
    ],
    ids=["no-http", "two-lengths", "long-header", "many-headers"],
)
def test_raw_bytes(gateway: Any, head: bytes) -> None:
    """Bytes that are no proper request get OpenAI's error, and end their connection and nothing else."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as peer:
        peer.sendall(head)
        answer = peer.recv(65536)
    error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]

    assert answer.startswith(b"HTTP/1.1 400")
    assert (error["code"], error["type"]) == ("invalid_http", "invalid_request_error")
    assert error["request_id"].encode() in answer.partition(b"\r\n\r\n")[0]
    assert gateway.chat("t/ok").status_code == 200


def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes(gateway: Any) -> None:
    """Nobody sends 70 MB to be told that 64 are the most."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 70000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as peer:
        peer.sendall(head)
        answer = peer.recv(65536)

    assert answer.startswith(b"HTTP/1.1 413")


def test_strict_refuses_what_would_be_dropped(gateway: Any) -> None:
    """`x-engine-strict: 1` turns a dropped parameter into a 400; without it the drop is reported."""
    text = (gateway.root / "providers.d/a.yaml").read_text()
    gateway.write("providers.d/a.yaml", text + "quirks: [{request: {drop: [logit_bias]}}]\n")
    gateway.reload()
    told = gateway.chat("t/ok", logit_bias={"1": 1})
    refused = gateway.chat("t/ok", logit_bias={"1": 1}, headers={"x-engine-strict": "1"})

    assert told.headers["x-engine-dropped"] == "logit_bias"
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "logit_bias"
