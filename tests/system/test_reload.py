"""Editing what is served: taken up however editors and Kubernetes write, never replaced by what is broken."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

Until = Callable[..., None]
BROKEN = "models:\n  broken: {targets: [t/ok], stratgy: ordered}\n"
PLACE = "routes.d/broken.yaml:2:29"


@pytest.fixture(scope="module")
def gateway(make_gateway: Callable[..., Any], provider_file: Callable[[str], str]) -> Iterator[Any]:
    """Two workers. Breakers at provider c open at the first failure and stay open."""
    breaker = "breaker: {failures: 1, open_for: 10m}"
    fragile = provider_file("c").replace("breaker: {failures: 1000, min_requests: 100000}", breaker)
    models = "models:\n  guarded: {targets: ['t/status-500:guarded@c'], fallback: [t/ok@b]}\n"
    files = {"providers.d/c.yaml": fragile, "routes.d/guarded.yaml": models}
    gateway = make_gateway(files, "--workers", "2")
    gateway.start()
    yield gateway
    gateway.stop()


def get(gateway: Any, path: str, key: str) -> httpx.Response:
    return httpx.get(f"{gateway.url}{path}", headers={"authorization": f"Bearer {key}"}, timeout=10)


def served(gateway: Any, key: str) -> set[str]:
    """The names that a caller may ask for."""
    return {model["id"] for model in get(gateway, "/v1/models", key).json()["data"]}


def state(gateway: Any, key: str) -> dict[str, Any]:
    told: dict[str, Any] = get(gateway, "/-/config", key).json()
    return told


def name_model(name: str) -> str:
    return f"models:\n  {name}: {{targets: [t/ok]}}\n"


def test_an_editor_that_renames(gateway: Any, key: str, until: Until) -> None:
    """A file written beside and renamed over the old one is taken up, as vim and git do it."""
    gateway.write("routes.d/edited.yaml", name_model("before"))
    until(lambda: "before" in served(gateway, key), "the new file is served")
    gateway.write("routes.d/edited.yaml~", name_model("after"))
    (gateway.root / "routes.d/edited.yaml~").rename(gateway.root / "routes.d/edited.yaml")

    until(lambda: "after" in served(gateway, key), "the renamed file is served")
    assert "before" not in served(gateway, key)


def test_a_mounted_config_map(gateway: Any, key: str, until: Until) -> None:
    """Kubernetes swaps the link `..data`, and no file of the folder changes; the new content is served."""
    folder = gateway.root / "routes.d"
    for version in ("one", "two"):
        gateway.write(f"routes.d/..{version}/mounted.yaml", name_model(f"mounted-{version}"))
    (folder / "..data").symlink_to("..one")
    (folder / "mounted.yaml").symlink_to("..data/mounted.yaml")
    until(lambda: "mounted-one" in served(gateway, key), "the mounted file is served")
    (folder / "..data_tmp").symlink_to("..two")
    (folder / "..data_tmp").rename(folder / "..data")

    until(lambda: "mounted-two" in served(gateway, key), "the swapped file is served")
    assert "mounted-one" not in served(gateway, key)


def test_a_broken_edit_changes_nothing_and_is_told(gateway: Any, key: str, until: Until) -> None:
    """What worked is served on; `/ready`, `/metrics`, `/-/config` and the log say what is wrong, and where."""
    before = state(gateway, key)
    gateway.write("routes.d/broken.yaml", BROKEN)
    until(lambda: get(gateway, "/ready", key).json()["last_reload"] == "refused", "the edit is refused")

    ready, now = get(gateway, "/ready", key), state(gateway, key)
    assert ready.status_code == 200
    assert PLACE in ready.json()["diagnostics"]
    assert "did you mean 'strategy'?" in ready.json()["diagnostics"]
    assert now["config_hash"] == before["config_hash"]
    assert "engine_config_last_reload_successful 0.0" in get(gateway, "/metrics", key).text
    assert any("configuration_refused" in line and PLACE in line for line in gateway.log.splitlines())
    assert gateway.chat("t/ok").status_code == 200


def test_a_reload_that_is_refused_answers_422(gateway: Any, key: str) -> None:
    """Who asks for a reload of broken files gets the diagnostics; once they are mended, 200."""
    refused = gateway.reload()
    (gateway.root / "routes.d/broken.yaml").unlink()
    mended = gateway.reload()

    assert refused.status_code == 422
    assert PLACE in refused.json()["diagnostics"]
    assert mended.status_code == 200
    assert mended.json()["diagnostics"] == ""
    assert "engine_config_last_reload_successful 1.0" in get(gateway, "/metrics", key).text


def test_sighup_reads_the_files(gateway: Any, key: str, until: Until) -> None:
    """SIGHUP reads the files although nothing has changed."""
    before = state(gateway, key)["tried_at"]
    gateway.process.send_signal(signal.SIGHUP)

    until(lambda: state(gateway, key)["tried_at"] > before, "the files are read again")
    assert state(gateway, key)["last_reload"] == "unchanged"


def test_breakers_and_resting_keys_outlive_a_reload(gateway: Any, key: str) -> None:
    """What was learned about a provider is not forgotten by an edit of something else."""
    gateway.chat("guarded")
    gateway.chat("t/status-429:rests@a")
    asked = gateway.seen()["requests"]
    before = state(gateway, key)["config_hash"]
    gateway.write("routes.d/another.yaml", name_model("another"))
    gateway.reload()
    assert state(gateway, key)["config_hash"] != before
    guarded, resting = gateway.chat("guarded"), gateway.chat("t/status-429:rests@a")

    assert guarded.headers["x-engine-attempts"] == "1"
    assert guarded.headers["x-engine-provider"] == "b"
    assert resting.status_code == 429
    assert gateway.seen()["requests"] == asked | {"ok": gateway.seen()["requests"]["ok"]}
    assert 'provider="c"} 1.0' in get(gateway, "/metrics", key).text


def test_a_start_on_broken_files(gateway: Any, key: str) -> None:
    """Started on broken files, the last good ones are served, loudly; with `--on-bad-config exit` nothing is."""
    gateway.stop()
    gateway.write("routes.d/broken.yaml", BROKEN)
    assert PLACE in refused_start(gateway.root, gateway.data)
    gateway.start()

    ready = get(gateway, "/ready", key).json()
    assert ready["from_last_good"] is True
    assert PLACE in ready["diagnostics"]
    assert "serving_last_good_configuration" in gateway.log
    assert "engine_config_last_reload_successful 0.0" in get(gateway, "/metrics", key).text
    assert gateway.chat("another").status_code == 200


def test_a_first_start_on_broken_files(gateway: Any, tmp_path: Path) -> None:
    """With no last good configuration there is nothing to serve: the start fails with the place."""
    assert PLACE in refused_start(gateway.root, tmp_path, "last-good")


def refused_start(root: Path, data: Path, on_bad: str = "exit") -> str:
    """What `engine serve` says when it does not start."""
    words = ["--config", str(root), "--data", str(data), "--port", "0", "--on-bad-config", on_bad]
    command = [sys.executable, "-m", "engine", "serve", *words]
    environment = os.environ | {"PROVIDER_SECRET": "sk-canary-secret"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1, done.stderr
    return done.stderr
