"""`engine serve` as operators run it: real processes, the demo's sandbox, real signals."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event

import httpx
import pytest

PATIENCE_S = 40.0
QUESTION = {"model": "demo", "messages": [{"role": "user", "content": "hello"}]}


class Gateway:
    """One `engine serve --demo` over *root*."""

    def __init__(self, root: Path, *words: str) -> None:
        self.root = root
        self.data = root / "data"
        self._errors = (root.parent / "stderr").open("ab")
        command = [sys.executable, "-m", "engine", "serve", "--demo", "--port", "0", "--config", str(root)]
        self.process = subprocess.Popen(
            [*command, "--data", str(self.data), "--log-format", "json", *words],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=root,
            text=True,
        )
        self.said = self._until_served()
        url, key = re.search(r"serving on (\S+)", self.said), re.search(r"Bearer (\S+?)'", self.said)
        assert url is not None, self.stderr()
        assert key is not None
        self.client = httpx.Client(
            base_url=url[1], headers={"authorization": f"Bearer {key[1]}"}, timeout=PATIENCE_S, trust_env=False
        )

    def ask(self, model: str = "demo") -> httpx.Response:
        return self.client.post("/v1/chat/completions", json={**QUESTION, "model": model})

    def run_printed(self, start: str) -> str:
        """The output of the printed command that begins so."""
        begin = self.said.index(start)
        command = self.said[begin:].split("\n\n")[0]
        done = subprocess.run(
            ["/bin/sh", "-c", command], capture_output=True, text=True, timeout=PATIENCE_S, cwd=self.root, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stderr(self) -> str:
        return (self.root.parent / "stderr").read_text()

    def events(self, event: str) -> list[dict[str, object]]:
        lines = [json.loads(line) for line in self.stderr().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.client.close()
        self._errors.close()

    def _until_served(self) -> str:
        """What is printed, up to the last line of the last command."""
        lines: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            lines.append(line)
            if "LIMIT 5" in line:
                break
        return "".join(lines)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """`serve("--workers", "2")`: a gateway in an empty directory."""
    root = tmp_path / "root"
    root.mkdir()
    running: list[Gateway] = []

    def start(*words: str) -> Gateway:
        running.append(Gateway(root, *words))
        return running[-1]

    yield start
    for each in running:
        each.close()


def test_the_three_commands_work_as_printed(serve: Callable[..., Gateway]) -> None:
    """In an empty directory, without any provider's key: curl, OpenAI's SDK and SQL, each as it was printed."""
    gateway = serve("--workers", "1")
    by_curl = json.loads(gateway.run_printed("curl "))
    by_sdk = gateway.run_printed(f"{sys.executable} - <<")
    rows = gateway.run_printed(next(line for line in gateway.said.splitlines() if " sql " in line))

    assert by_curl["choices"][0]["message"]["content"] == "You said: hello"
    assert by_sdk == "You said: hello\n"
    assert rows.count("sandbox") == 2


def test_a_stream_outlives_sigterm(serve: Callable[..., Gateway]) -> None:
    """SIGTERM lets a stream that has begun come to its end, and everything ends with status 0."""
    gateway = serve("--workers", "2")
    body = {**QUESTION, "stream": True}
    body["messages"] = [{"role": "user", "content": "word " * 40}]
    with gateway.client.stream("POST", "/v1/chat/completions", json=body) as stream:
        lines = stream.iter_lines()
        first = next(lines)
        gateway.process.send_signal(signal.SIGTERM)
        rest = [line for line in lines if line]

    assert first.startswith("data: ")
    assert rest[-1] == "data: [DONE]"
    assert gateway.process.wait(PATIENCE_S) == 0


def test_sigterm_resets_nobody(serve: Callable[..., Gateway]) -> None:
    """New connections go on while two workers drain: `/ready` says 503 first, and who has connected is answered.

    Whoever comes later is refused by the kernel, which every client may try again elsewhere.
    """
    gateway = serve("--workers", "2", "--drain-delay", "2")
    draining = Event()
    with ThreadPoolExecutor(8) as pool:
        callers = [pool.submit(_ask_until_refused, gateway, draining) for _ in range(8)]
        time.sleep(0.3)
        gateway.process.send_signal(signal.SIGTERM)
        statuses = {status for caller in callers for status in caller.result()}

    assert gateway.process.wait(PATIENCE_S) == 0
    assert statuses == {200}
    assert draining.is_set()


def test_a_second_signal_ends_at_once(serve: Callable[..., Gateway]) -> None:
    """Ctrl-C twice: streams that are open are not waited for, and nothing is left behind."""
    gateway = serve("--workers", "1", "--drain-delay", "30")
    gateway.process.send_signal(signal.SIGINT)
    _until(lambda: gateway.events("draining") != [])
    gateway.process.send_signal(signal.SIGINT)

    assert gateway.process.wait(5.0) == 0
    assert not [line for line in gateway.events("process_started") if Path(f"/proc/{line['pid']}").exists()]


def test_one_log_format(serve: Callable[..., Gateway]) -> None:
    """Supervisor, workers and projector write their lines as `--log-format` says; so do libraries in them."""
    gateway = serve("--workers", "1")
    gateway.ask()
    url = gateway.client.base_url
    with socket.create_connection((url.host, url.port or 80), timeout=PATIENCE_S) as peer:
        peer.sendall(b"RUBBISH\r\n\r\n")
        assert peer.recv(100).startswith(b"HTTP/1.1 400")
    _until(lambda: gateway.events("library_warning") != [])
    _until(lambda: gateway.events("projector_started") != [])
    gateway.end()

    assert [line for line in gateway.stderr().splitlines() if not line.startswith("{")] == []


def test_an_overlay_is_served(serve: Callable[..., Gateway]) -> None:
    """`--overlay` lays its file over the root's, at the start and at every reload."""
    gateway = serve("--workers", "1", "--allow-missing-secrets")
    gateway.end()
    (gateway.root / "routes.yaml").write_text("version: 1\ndefaults: {providers: [sandbox]}\n")
    (gateway.root / "overlays").mkdir()
    overlay = gateway.root / "overlays" / "prod.yaml"
    overlay.write_text("models:\n  ours: {targets: [demo]}\n")
    again = serve("--workers", "1", "--overlay", "prod")
    with_overlay = again.ask("ours").status_code
    overlay.write_text("models:\n  theirs: {targets: [demo]}\n")
    again.client.post("/-/reload")

    assert with_overlay == 200
    assert again.ask("ours").status_code == 404
    assert again.ask("theirs").status_code == 200


def test_edits_under_load_fail_no_request(serve: Callable[..., Gateway]) -> None:
    """Good and broken edits while requests run: every request is answered, every broken edit told with its place."""
    gateway = serve("--workers", "2")
    routes = gateway.root / "routes.yaml"
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(gateway.ask) for _ in range(60)]
        for n in range(6):
            text = f"version: 1\ndefaults: {{providers: [sandbox]}}\n# {n}\n" + ("modles: {}\n" if n % 2 else "")
            (gateway.root / "routes.new").write_text(text)
            (gateway.root / "routes.new").rename(routes)
            assert gateway.client.post("/-/reload").status_code == (422 if n % 2 else 200)
        statuses = {each.result().status_code for each in asked}

    assert statuses == {200}
    refused = gateway.events("configuration_refused")
    assert len(refused) >= 3
    assert all("routes.yaml:4:1: modles: unknown key" in str(each["diagnostics"]) for each in refused)


def test_a_killed_worker_loses_no_row(serve: Callable[..., Gateway]) -> None:
    """A worker is killed under load: whoever got an answer has a row, exactly one, and requests go on."""
    gateway = serve("--workers", "1")
    answered: list[str] = []
    for _ in range(3):
        answered += [gateway.ask().headers["x-request-id"] for _ in range(5)]
        _kill_worker(gateway)
        answered.append(_first_answer(gateway))
    gateway.end()
    query = "SELECT request_id FROM requests"
    done = subprocess.run(
        [sys.executable, "-m", "engine", "sql", "--format", "json", "--data", str(gateway.data), query],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    rows = [row["request_id"] for row in json.loads(done.stdout)]

    assert len(rows) == len(set(rows))
    assert set(answered) <= set(rows)


def test_metrics_and_readiness(serve: Callable[..., Gateway]) -> None:
    """What a fresh gateway says of itself: ready, on which configuration, how many workers, what was asked."""
    gateway = serve("--workers", "2")
    gateway.ask()
    ready = gateway.client.get("/ready").json()
    text = gateway.client.get("/metrics").text

    assert ready["ready"] is True
    assert f'engine_config_info{{config_hash="{ready["config_hash"]}",git_rev=""}} 1.0' in text
    assert "engine_workers 2.0" in text
    assert 'engine_attempts_total{model="sandbox/echo",outcome="ok",provider="sandbox"} 1.0' in text


def test_what_cannot_be_kept_does_not_stop_it(serve: Callable[..., Gateway]) -> None:
    """A copy of the configuration that cannot be written (a full disk) is told, and the edit is served all the same."""
    gateway = serve("--workers", "1")
    (gateway.data / "last-good.new").write_text("in the way")
    (gateway.root / "routes.d").mkdir(exist_ok=True)
    (gateway.root / "routes.d" / "more.yaml").write_text("models: {more: {targets: [sandbox/echo@sandbox]}}\n")
    _until(lambda: gateway.ask("more").status_code == 200)

    assert gateway.events("last_good_configuration_not_kept") != []


def test_data_that_cannot_be_written(tmp_path: Path) -> None:
    """One line and exit code 2."""
    assert "cannot be written to" in _not_started(tmp_path, "--port", "0", "--data", "/dev/null/data")


def test_a_port_that_is_taken(serve: Callable[..., Gateway], tmp_path: Path) -> None:
    """One line and exit code 2, not a traceback."""
    port = httpx.URL(serve("--workers", "1").client.base_url).port
    assert "cannot listen on" in _not_started(tmp_path, "--port", str(port), "--data", str(tmp_path / "other"))


def test_nothing_to_serve(tmp_path: Path) -> None:
    """Without a configuration and without the demo: what is missing, and exit code 1."""
    done = subprocess.run(
        [sys.executable, "-m", "engine", "serve", "--port", "0"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        cwd=tmp_path,
        check=False,
    )

    assert done.returncode == 1
    assert "[no-root]" in done.stderr


def test_a_worker_imports_no_compiler() -> None:
    """Nothing of `config`, and neither jinja2, jsonschema nor duckdb, is in the processes that serve.

    yaml and watchfiles are there for their own sake: Litestar and uvicorn import them; nothing of ours does.
    """
    code = "import sys, engine.cli.worker; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    modules = set(done.stdout.split())

    assert not {"jinja2", "jsonschema", "duckdb", "engine.expr.parse"} & modules
    assert not [name for name in modules if name.startswith("engine.config")]


def _not_started(root: Path, *words: str) -> str:
    """What `engine serve --demo` says that cannot run."""
    command = [sys.executable, "-m", "engine", "serve", "--demo", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, cwd=root, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr


def _ask_until_refused(gateway: Gateway, draining: Event) -> list[int]:
    """Statuses of requests, each on a connection of its own, until nobody accepts any; notes a 503 of `/ready`."""
    statuses: list[int] = []
    headers = gateway.client.headers
    with suppress(httpx.ConnectError):
        for n in range(100_000):
            url = str(gateway.client.base_url.join("/health" if n % 2 else "/ready"))
            status = httpx.get(url, headers=headers, timeout=PATIENCE_S, trust_env=False).status_code
            if n % 2:
                statuses.append(status)
            elif status == 503:
                draining.set()
    return statuses


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _kill_worker(gateway: Gateway) -> None:
    """Kill the newest worker process."""
    started = [line for line in gateway.events("process_started") if str(line["process"]).startswith("worker")]
    pid = started[-1]["pid"]
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)


def _first_answer(gateway: Gateway) -> str:
    """The id of the first request that is answered again; requests of a killed worker break off."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            return str(gateway.ask().headers["x-request-id"])
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(gateway.stderr())
