"""The lock that says who projects."""

import subprocess
import sys
from pathlib import Path

from engine.store.election import elected


def test_one_at_a_time(tmp_path: Path) -> None:
    """While one holds the lock nobody else does; afterwards anybody may."""
    lock = tmp_path / "usage" / "lock"
    with elected(lock) as first, elected(lock) as second:
        assert (first, second) == (True, False)
    with elected(lock) as third:
        assert third


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    """No stale lock survives a kill -9."""
    lock = tmp_path / "lock"
    program = (
        "import sys; from pathlib import Path; from engine.store.election import elected\n"
        "with elected(Path(sys.argv[1])) as ours: print(ours, flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program, str(lock)], stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        with elected(lock) as ours:
            assert not ours
        holder.kill()
        holder.wait(5)
    with elected(lock) as ours:
        assert ours
