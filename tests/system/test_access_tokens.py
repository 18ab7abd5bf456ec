"""Access tokens are shared by the workers of a host: one fetch, whichever worker's, and every worker serves with it."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

Until = Callable[..., None]
WORKERS = 3

PROVIDER = """
id: t
name: t
protocol: openai
base_url: http://127.0.0.1:{port}/v1
allow_private: [127.0.0.0/8]
auth:
  scheme: azure-ad
  authority: http://127.0.0.1:{port}
  tenant: contoso.com
  keys: {{main: {{id: "${{env:PROVIDER_SECRET}}", secret: "${{env:PROVIDER_SECRET}}"}}}}
timeouts: {{connect: 5s, first_token: 5s, between_tokens: 5s, total: 10s}}
models:
  t/token: {{upstream: ok, context: 1000, price: unknown, on_unpriced: {{reserve_usd: 0.5}}}}
"""
ANSWER = {
    "id": "c-1",
    "object": "chat.completion",
    "created": 1,
    "model": "ok",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


class Loopback:
    """A token endpoint, and the provider that takes its newest tokens.

    It knows everyone by the port that they come from: of who fetches, and of who brings which token.
    """

    def __init__(self) -> None:
        self.lasts_s = 3600.0
        self.fetches: list[tuple[int, float]] = []
        """Port and time of each."""
        self.served: list[tuple[int, str]] = []
        """Port and bearer of each."""
        self.answering = threading.Event()
        self.answering.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def token(self, port: int) -> dict[str, object]:
        answer = {"access_token": f"t0k-canary-{len(self.fetches) + 1}", "expires_in": self.lasts_s}
        self.fetches.append((port, time.monotonic()))
        self.answering.wait(20)
        return answer

    def close(self) -> None:
        self.answering.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                port = int(self.client_address[1])
                if self.path.endswith("/token"):
                    answer = loopback.token(port)
                else:
                    loopback.served.append((port, self.headers["authorization"].removeprefix("Bearer ")))
                    answer = ANSWER
                body = json.dumps(answer).encode()
                with suppress(OSError):  # who asked has been killed
                    self.send_response(200)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    made = Loopback()
    yield made
    made.close()


@pytest.fixture
def gateway(make_gateway: Callable[..., Any], loopback: Loopback) -> Iterator[Any]:
    """Three workers, not started, and without the provider. At the end nothing of a token has been written."""
    made = make_gateway(None, "--workers", str(WORKERS))
    yield made
    if made.process is not None and made.process.poll() is None:
        made.stop()
    assert "canary" not in made.log
    assert not [path for path in made.data.rglob("*") if path.is_file() and b"t0k-canary" in path.read_bytes()]


def add_provider(gateway: Any, loopback: Loopback) -> None:
    gateway.write("providers.d/t.yaml", PROVIDER.format(port=loopback.port))


def workers(gateway: Any) -> dict[int, str]:
    """Process id → name of every worker that was started."""
    lines = (json.loads(line) for line in gateway.log.splitlines() if line.startswith("{"))
    started = [line for line in lines if line["event"] == "process_started"]
    return {line["pid"]: line["process"] for line in started if line["process"].startswith("worker")}


def owner(port: int, pids: dict[int, str]) -> int:
    """Which process holds the connection from that port of 127.0.0.1; 0 for none of them."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1] == f"0100007F:{port:04X}"}
    for pid in pids:
        with suppress(FileNotFoundError):
            for held in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(FileNotFoundError):
                    if str(held.readlink()) in sockets:
                        return pid
    return 0


def ask(gateway: Any, loopback: Loopback) -> int:
    """The worker that served one request, over a connection of its own; 0 when it cannot be told."""
    answer = gateway.chat("t/token@t")
    assert answer.status_code == 200, answer.text
    return owner(loopback.served[-1][0], workers(gateway))


def ask_all(gateway: Any, loopback: Loopback, until: Until) -> set[int]:
    """Ask until every worker has served; their process ids."""
    served: set[int] = set()

    def all_have() -> bool:
        served.add(ask(gateway, loopback))
        return len(served - {0}) == WORKERS

    until(all_have, "every worker serves")
    return served - {0}


def test_one_fetch_at_the_start(gateway: Any, loopback: Loopback, until: Until) -> None:
    """Three workers start, one token is fetched, and each of them sends it."""
    add_provider(gateway, loopback)
    gateway.start()
    served = ask_all(gateway, loopback, until)

    assert served == set(workers(gateway))
    assert len(loopback.fetches) == 1
    assert {bearer for _, bearer in loopback.served} == {"t0k-canary-1"}


def test_a_worker_that_dies_while_it_fetches(gateway: Any, loopback: Loopback, until: Until) -> None:
    """A reload brings the provider, and who fetches gets SIGKILL: another worker fetches, the successor needs not."""
    gateway.start()
    loopback.answering.clear()
    add_provider(gateway, loopback)
    until(lambda: len(loopback.fetches) == 1, "one worker fetches")
    before = workers(gateway)
    fetching = owner(loopback.fetches[0][0], before)
    assert fetching
    os.kill(fetching, signal.SIGKILL)
    until(lambda: len(loopback.fetches) == 2, "another worker fetches")
    assert owner(loopback.fetches[1][0], workers(gateway)) in before.keys() - {fetching}
    loopback.answering.set()
    until(lambda: len(workers(gateway)) == WORKERS + 1, "it is started again")
    served = ask_all(gateway, loopback, until)

    assert served == workers(gateway).keys() - {fetching}
    assert len(loopback.fetches) == 2
    assert {bearer for _, bearer in loopback.served} == {"t0k-canary-2"}


def test_one_renewal_for_a_life(gateway: Any, loopback: Loopback, until: Until) -> None:
    """A token of seven seconds is renewed once, after five and before its end, and every worker has the new one."""
    loopback.lasts_s = 7.0
    add_provider(gateway, loopback)
    gateway.start()
    until(lambda: len(loopback.fetches) == 1, "it is fetched")
    loopback.lasts_s = 3600.0
    until(lambda: len(loopback.fetches) == 2, "it is renewed")
    (_, first_s), (_, second_s) = loopback.fetches
    served = ask_all(gateway, loopback, until)

    assert 5.0 <= second_s - first_s < 7.0
    assert served == set(workers(gateway))
    assert {bearer for _, bearer in loopback.served} == {"t0k-canary-2"}
    assert len(loopback.fetches) == 2
