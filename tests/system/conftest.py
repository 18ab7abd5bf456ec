"""The whole system on loopback: `engine serve` as a process, two scripted providers, one caller with a key."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from engine.cli.logs import logger
from engine.store.layout import Layout
from engine.store.refresh import refresh

HERE = Path(__file__).parent
KEY = "eng_test_" + "k" * 43
READ_KEY = "eng_test_" + "r" * 43

PROVIDER = """
id: {id}
name: {id}
protocol: openai
base_url: http://127.0.0.1:{port}/v1
allow_private: [127.0.0.0/8]
auth: {{scheme: bearer, keys: {{main: {{secret: "${{env:PROVIDER_SECRET}}"}}}}}}
timeouts: {{connect: 1s, first_token: 1s, between_tokens: 1s, total: 3s}}
health: {{breaker: {{failures: 1000, min_requests: 100000}}}}
models:
  t/ok:
    upstream: ok
    context: 100000
    features: [tools, json_schema, streaming]
    price: [{{from: 2026-01-01, usd_per_mtok: {{input: 1, cached_input: 0.5, output: 2}}}}]
  "t/*":
    upstream: "*"
    price: unknown
    on_unpriced: {{reserve_usd: 0.50, alert: true}}
"""

ROUTES = """
version: 1
defaults:
  providers: [a]
  retry: {attempts: 2, backoff: 10ms..20ms, honor_retry_after: 1s}
  deadline: 5s
"""

POLICIES = f"""
access: {{anonymous: deny}}
teams:
  testers: {{owner: "@testers", cost_center: "4711"}}
consumers:
  tester: {{team: testers, roles: [admin], keys: {{k1: {{sha256: "{sha256(KEY.encode()).hexdigest()}"}}}}}}
  reader: {{team: testers, models: [t/ok], keys: {{k1: {{sha256: "{sha256(READ_KEY.encode()).hexdigest()}"}}}}}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def get(url: str, key: str = "") -> tuple[int, Any]:
    """Status and JSON (or text) of a GET; (0, "") while nobody listens."""
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            body = answer.read().decode()
            return answer.status, json.loads(body) if "json" in answer.headers["content-type"] else body
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return 0, ""


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def end(process: subprocess.Popen[bytes], seconds: float = 15.0) -> int:
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


@dataclass
class Gateway:
    """A running `engine serve` over a root of its own."""

    root: Path
    data: Path
    port: int
    providers: dict[str, int]
    process: subprocess.Popen[bytes] | None = None
    arguments: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "engine", "serve", "--config", str(self.root), "--data", str(self.data)]
        command += ["--port", str(self.port), "--grace", "5", *self.arguments]
        environment = os.environ | {"PROVIDER_SECRET": "sk-canary-secret"}
        with (self.data.parent / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        wait_until(lambda: self.process is not None and (self.process.poll() is not None or self.is_ready), "ready")
        assert self.process.poll() is None, self.log

    @property
    def is_ready(self) -> bool:
        return get(f"{self.url}/ready")[0] == 200

    @property
    def log(self) -> str:
        return (self.data.parent / "serve.log").read_text()

    def stop(self) -> int:
        assert self.process is not None
        return end(self.process)

    def reload(self) -> httpx.Response:
        """Read the files again, and be served by what they say."""
        return httpx.post(f"{self.url}/-/reload", headers={"authorization": f"Bearer {KEY}"}, timeout=30)

    def write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def chat(self, model: str, key: str = KEY, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        body = {"model": model, "messages": [{"role": "user", "content": "hello"}], **more}
        sent = {"authorization": f"Bearer {key}", **(headers or {})}
        return httpx.post(f"{self.url}/v1/chat/completions", json=body, headers=sent, timeout=30)

    def seen(self, provider: str = "a") -> Any:
        return get(f"http://127.0.0.1:{self.providers[provider]}/seen")[1]

    def sql(self, query: str) -> list[dict[str, Any]]:
        """Rows of the catalog, freshly published; read here, because `engine sql` has tests of its own."""
        layout = Layout(self.data)
        assert refresh(layout, log=logger("json")), "the projector does not answer"
        with duckdb.connect(str(layout.catalog), read_only=True) as catalog:
            found = catalog.execute(f"select to_json(found)::text from ({query}) as found").fetchall()
        return [json.loads(row) for (row,) in found]


@pytest.fixture(scope="session")
def provider_ports() -> Iterator[dict[str, int]]:
    """Two scripted providers."""
    ports = {"a": free_port(), "b": free_port()}
    processes = [subprocess.Popen([sys.executable, str(HERE / "provider.py"), str(port)]) for port in ports.values()]
    seen = [f"http://127.0.0.1:{port}/seen" for port in ports.values()]
    wait_until(lambda: all(get(url)[0] == 200 for url in seen), "the providers answer")
    yield ports
    for process in processes:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def make_gateway(
    provider_ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Gateway]]:
    """`make_gateway(files, *arguments)`: a root with providers a and b, two keys, these files over it; not started."""
    made: list[Gateway] = []

    def make(files: dict[str, str] | None = None, *arguments: str) -> Gateway:
        base = tmp_path_factory.mktemp("gateway")
        gateway = Gateway(base / "root", base / "data", free_port(), provider_ports, arguments=list(arguments))
        for name, port in provider_ports.items():
            gateway.write(f"providers.d/{name}.yaml", PROVIDER.format(id=name, port=port))
        gateway.write("routes.yaml", ROUTES)
        gateway.write("policies/access.yaml", POLICIES)
        for path, text in (files or {}).items():
            gateway.write(path, text)
        made.append(gateway)
        return gateway

    yield make
    for gateway in made:
        if gateway.process is not None and gateway.process.poll() is None:
            gateway.stop()


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    """`until(holds, "what")`: wait for it, 20 s at most."""
    return wait_until


@pytest.fixture(scope="session")
def key() -> str:
    """The admin's key."""
    return KEY


@pytest.fixture(scope="session")
def read_key() -> str:
    """The key of a caller who may use t/ok and nothing else."""
    return READ_KEY


@pytest.fixture(scope="session")
def provider_file(provider_ports: dict[str, int]) -> Callable[[str], str]:
    """`provider_file("c")`: the file of one more provider; it speaks to the process of provider a."""
    return lambda name: PROVIDER.format(id=name, port=provider_ports["a"])


@pytest.fixture
def post(gateway: Any, key: str) -> Callable[..., httpx.Response]:
    """`post(path, json=…)`: what a caller with a key gets of the module's gateway."""

    def post(path: str, **what: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}", **what.pop("headers", {})}
        return httpx.post(f"{gateway.url}{path}", headers=headers, timeout=30, **what)

    return post
