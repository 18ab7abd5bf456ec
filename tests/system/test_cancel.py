"""A caller who hangs up: the provider's connection is closed at once, and what was used is written down."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

AT_ONCE_S = 1.0


@pytest.fixture(scope="module")
def gateway(make_gateway: Callable[..., Any], provider_file: Callable[[str], str]) -> Iterator[Any]:
    """Provider c waits for long, so that nothing but the hang-up ends a connection to it."""
    patient = provider_file("c").replace(
        "first_token: 1s, between_tokens: 1s, total: 3s", "first_token: 30s, total: 60s"
    )
    gateway = make_gateway({"providers.d/c.yaml": patient})
    gateway.start()
    yield gateway
    gateway.stop()


def row(gateway: Any, model: str, until: Callable[..., None]) -> dict[str, Any]:
    """The row of the only request for *model*, once it is there."""
    found: list[dict[str, Any]] = []

    def is_there() -> bool:
        found[:] = gateway.sql(
            "select r.status, r.error_kind, r.usage_source, r.output_tokens > 0 as has_output, a.error_kind as attempt "
            f"from requests r join attempts a using (request_id) where requested_model = '{model}'"
        )
        return bool(found)

    until(is_there, "the row is written")
    assert len(found) == 1
    return found[0]


def test_in_the_middle_of_a_stream(gateway: Any, key: str, until: Callable[..., None]) -> None:
    """Upstream is closed within a second; the row says cancelled, with the tokens that went out."""
    model = "t/slow:middle@c"
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "hello"}]}
    headers = {"authorization": f"Bearer {key}"}
    with httpx.stream("POST", f"{gateway.url}/v1/chat/completions", json=body, headers=headers, timeout=10) as answer:
        assert answer.status_code == 200, answer.read()
        received = answer.iter_bytes()  # kept: httpx hangs up when nobody holds the iterator any more
        assert next(received)
        assert gateway.seen()["open"] == 1

    until(lambda: gateway.seen()["hung_up"].get("slow:middle") == 1, "upstream is closed", AT_ONCE_S)
    assert row(gateway, model, until) == {
        "status": 200,
        "error_kind": "cancelled",
        "usage_source": "partial",
        "has_output": True,
        "attempt": "cancelled",
    }


@pytest.mark.parametrize("stream", [True, False])
def test_before_the_first_token(gateway: Any, key: str, until: Callable[..., None], *, stream: bool) -> None:
    """Nothing was answered yet: upstream is closed within a second, status 499, no second attempt."""
    name = f"stall:{stream}".lower()
    model = f"t/{name}@c"
    body = b'{"model": "%s", "stream": %s, "messages": [{"role": "user", "content": "hello"}]}' % (
        model.encode(),
        b"true" if stream else b"false",
    )
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: {len(body)}"
    )
    with closing(socket.create_connection(("127.0.0.1", gateway.port), timeout=5)) as peer:
        peer.sendall(head.encode() + b"\r\n\r\n" + body)
        until(lambda: gateway.seen()["requests"].get(name) == 1, "the provider is asked")

    until(lambda: gateway.seen()["hung_up"].get(name) == 1, "upstream is closed", AT_ONCE_S)
    written = row(gateway, model, until)
    assert (written["status"], written["error_kind"], written["attempt"]) == (499, "cancelled", "cancelled")
    assert gateway.seen()["requests"][name] == 1


def test_nothing_is_left_behind(gateway: Any, until: Callable[..., None], key: str) -> None:
    """After all that no attempt counts as in flight, and the next caller is answered."""

    def metrics() -> str:
        return httpx.get(f"{gateway.url}/metrics", headers={"authorization": f"Bearer {key}"}, timeout=5).text

    until(lambda: 'engine_inflight_attempts{provider="c"} 0.0' in metrics(), "nothing is in flight")
    assert gateway.chat("t/ok@c").status_code == 200
