"""`engine project`, once; the long-running form is tested beside `engine.store.projection`."""

import subprocess
import sys
from pathlib import Path

from engine.store.election import elected
from engine.store.layout import Layout


def project(data: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "engine", "project", "--once", "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_once_publishes_and_says_up_to_when(tmp_path: Path) -> None:
    """One line on success, and a catalog that can be opened."""
    done = project(tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith(f"{tmp_path}/usage.duckdb is complete up to 20")
    assert Layout(tmp_path).catalog.exists()


def test_once_gives_way_to_a_running_projector(tmp_path: Path) -> None:
    """Two never project one directory; the second says who does."""
    with elected(Layout(tmp_path).lock):
        done = project(tmp_path)
    assert done.returncode == 2
    assert "another process projects" in done.stderr
