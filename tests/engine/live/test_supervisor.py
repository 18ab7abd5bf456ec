"""Real processes on loopback: a supervisor, its workers and its compiler, edited, asked, killed."""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent / "processes" / "supervisor.py"
PATIENCE_S = 20.0
Answer = dict[str, Any]


class Running:
    """A supervisor that serves (or has refused to)."""

    def __init__(self, root: Path, data: Path, workers: int, words: tuple[str, ...]) -> None:
        self.data = data
        self._errors = (data.parent / "stderr").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(root), str(data), str(workers), *words],
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline() or 0)

    def get(self, path: str = "/") -> Answer:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE_S) as reply:
            answer: Answer = json.load(reply)
            return answer

    def until(self, holds: Callable[[Answer], bool]) -> Answer:
        """The first answer that *holds*, within the tests' patience; no request may fail meanwhile."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds(answer := self.get()):
            assert time.monotonic() < deadline, answer
            time.sleep(0.02)
        return answer

    def journal(self) -> list[Answer]:
        return [json.loads(line) for line in (self.data / "journal.jsonl").read_text().splitlines()]

    def stderr(self) -> str:
        return (self.data.parent / "stderr").read_text()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._errors.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A configuration of one provider."""
    made = tmp_path / "root"
    (made / "providers.d").mkdir(parents=True)
    (made / "routes.yaml").write_text("first\n")
    (made / "providers.d" / "a.yaml").write_text("m\n")
    return made


@pytest.fixture
def serve(tmp_path: Path, root: Path) -> Iterator[Callable[..., Running]]:
    """`serve("exit-on-bad", workers=2)`: a supervisor over *root*; killed at the end of the test."""
    running: list[Running] = []

    def start(*words: str, workers: int = 1, at: Path = root) -> Running:
        running.append(Running(at, tmp_path / "data", workers, words))
        return running[-1]

    yield start
    for each in running:
        each.close()


def replace_as_editors_do(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.swp")
    beside.write_text(text)
    beside.rename(path)


def is_gone(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    return True


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_edit_is_served_and_a_broken_one_is_not(serve: Callable[..., Running], root: Path) -> None:
    """A good edit is swapped in; a broken one keeps what runs, and says where it is broken, until it is mended."""
    running = serve()
    first = running.get()
    replace_as_editors_do(root / "routes.yaml", "second\n")
    second = running.until(lambda a: a["config_hash"] != first["config_hash"])
    replace_as_editors_do(root / "routes.yaml", "broken\n")
    broken = running.until(lambda a: a["result"] == "refused")
    replace_as_editors_do(root / "routes.yaml", "first\n")
    mended = running.until(lambda a: a["result"] == "loaded")

    assert broken["config_hash"] == second["config_hash"]
    assert broken["diagnostics"].startswith("routes.yaml:1:1: ")
    assert mended["config_hash"] == first["config_hash"]
    assert mended["pid"] == first["pid"]
    assert [r["result"] for r in running.journal()] == ["loaded", "loaded", "refused", "loaded"]


def test_a_provider_that_comes_and_goes(serve: Callable[..., Running], root: Path) -> None:
    """Files that appear in a folder, and folders' files that vanish, are noticed as well."""
    running = serve()
    replace_as_editors_do(root / "providers.d" / "b.yaml", "m\n")
    running.until(lambda a: a["providers"] == ["a", "b"])
    (root / "providers.d" / "a.yaml").unlink()
    running.until(lambda a: a["providers"] == ["b"])


def test_a_swapped_symlink_is_a_change(serve: Callable[..., Running], root: Path, tmp_path: Path) -> None:
    """Kubernetes mounts a volume of links through `..data` and swaps that one link: all files change at once."""
    volume = tmp_path / "volume"
    volume.mkdir()
    for version in ("v1", "v2"):
        shutil.copytree(root, volume / f"..{version}")
        (volume / f"..{version}" / "routes.yaml").write_text(f"{version}\n")
    (volume / "..data").symlink_to("..v1")
    for name in ("routes.yaml", "providers.d"):
        (volume / name).symlink_to(f"..data/{name}")
    running = serve(at=volume)
    first = running.get()
    (volume / "..data_tmp").symlink_to("..v2")
    (volume / "..data_tmp").rename(volume / "..data")

    running.until(lambda a: a["config_hash"] != first["config_hash"])


def test_a_worker_asks_for_a_reload_and_is_told(serve: Callable[..., Running], root: Path) -> None:
    """`POST /-/reload` answers when the new configuration is served, or with what is wrong."""
    running = serve()

    assert running.get("/reload")["result"] == "unchanged"
    (root / "routes.yaml").write_text("broken\n")
    refused = running.get("/reload")

    assert refused["result"] == "refused"
    assert "it is broken" in refused["diagnostics"]


def test_sighup_reloads(serve: Callable[..., Running]) -> None:
    """SIGHUP reads the files again though none has changed: referenced secrets may have."""
    running = serve()
    running.process.send_signal(signal.SIGHUP)

    running.until(lambda a: a["result"] == "unchanged")


def test_a_killed_worker_is_replaced_and_its_counts_forgotten(serve: Callable[..., Running]) -> None:
    """A worker is killed: its requests in flight count no more, its successor serves, and it is written down."""
    running = serve()
    before = running.get("/busy")
    with contextlib.suppress(ConnectionError):
        running.get("/die")
    after = running.until(lambda a: a["pid"] != before["pid"])

    assert before["inflight"] == {"a": 1}
    assert after["inflight"] == {"a": 0}
    assert after["config_hash"] == before["config_hash"]
    assert [r.get("event") for r in running.journal()][-1] == "worker_died"


def test_state_survives_a_reload(serve: Callable[..., Running], root: Path) -> None:
    """What is in flight, like all living state, belongs to names and not to a configuration."""
    running = serve()
    running.get("/busy")
    replace_as_editors_do(root / "routes.yaml", "second\n")
    after = running.until(lambda a: a["result"] == "loaded" and len(running.journal()) == 2)

    assert after["inflight"] == {"a": 1}


def test_workers_end_with_their_supervisor(serve: Callable[..., Running]) -> None:
    """A supervisor that is killed leaves nobody behind: workers see the control socket close."""
    running = serve(workers=2)
    pids = {running.get()["pid"] for _ in range(20)}
    running.process.kill()

    wait_until(lambda: all(is_gone(pid) for pid in pids))


def test_sigterm_drains(serve: Callable[..., Running]) -> None:
    """What had begun before SIGTERM is answered; then everything ends with status 0."""
    running = serve(workers=2)
    with ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(running.get, "/slow") for _ in range(4)]
        time.sleep(0.3)
        status = running.end()
        answers = [each.result() for each in slow]

    assert status == 0
    assert len(answers) == 4


def test_the_last_good_configuration_survives_a_restart_on_a_broken_one(
    serve: Callable[..., Running], root: Path
) -> None:
    """Started on broken files the last good ones are served, and every answer about it says so."""
    running = serve()
    good = running.get()
    running.end()
    (root / "routes.yaml").write_text("broken\n")
    again = serve().get()

    assert again["config_hash"] == good["config_hash"]
    assert again["from_last_good"]
    assert again["result"] == "refused"
    assert "it is broken" in again["diagnostics"]


def test_exit_on_bad_config(serve: Callable[..., Running], root: Path) -> None:
    """With `--on-bad-config exit` a broken configuration is not replaced by an older one."""
    serve().end()
    (root / "routes.yaml").write_text("broken\n")
    running = serve("exit-on-bad")

    assert running.process.wait(PATIENCE_S) == 1
    assert "refused: routes.yaml:1:1: it is broken" in running.stderr()


def test_nothing_to_serve_is_a_refusal_to_start(serve: Callable[..., Running], root: Path) -> None:
    """Broken files and no last good ones: the diagnostics, and status 1."""
    (root / "routes.yaml").write_text("broken\n")
    running = serve()

    assert running.process.wait(PATIENCE_S) == 1
    assert "it is broken" in running.stderr()


def test_a_missing_secret_stops_the_start(serve: Callable[..., Running], root: Path) -> None:
    """Each missing secret is listed with its provider and place; `--allow-missing-secrets` serves without it."""
    (root / "providers.d" / "b.yaml").write_text("m\nsecret NOBODY_SET_THIS\n")
    refused = serve()
    refused.process.wait(PATIENCE_S)
    allowed = serve("allow-missing")

    assert refused.process.returncode == 1
    assert "providers.d/b.yaml:2:1: provider 'b' needs ${env:NOBODY_SET_THIS}" in refused.stderr()
    assert allowed.get()["providers"] == ["a", "b"]


def test_one_supervisor_for_a_data_directory(serve: Callable[..., Running]) -> None:
    """Two of them would write the same board and journals: the second one does not start."""
    first = serve()
    second = serve()

    assert second.process.wait(PATIENCE_S) == 1
    assert "another engine serves" in second.stderr()
    assert first.get()["result"] == "loaded"


def test_workers_never_load_the_compilers_libraries(serve: Callable[..., Running]) -> None:
    """yaml, jinja2 and jsonschema cost a worker neither memory nor attack surface."""
    modules = serve().get()["modules"]

    assert not {"yaml", "jinja2", "jsonschema", "watchfiles", "duckdb"} & set(modules)


def test_edits_under_requests_fail_none(serve: Callable[..., Running], root: Path) -> None:
    """Twenty edits, every second one broken, while requests go on: none fails, and the last one is served."""
    running = serve(workers=2)
    done: list[Answer] = []
    for n in range(20):
        replace_as_editors_do(root / "routes.yaml", "broken\n" if n % 2 else f"edit {n}\n")
        done += [running.get() for _ in range(5)]
    replace_as_editors_do(root / "routes.yaml", "last\n")
    expected = running.get("/reload")
    settled = {running.get()["config_hash"] for _ in range(10)}

    assert expected["result"] in {"loaded", "unchanged"}
    assert len(settled) == 1
    assert len(done) == 100
