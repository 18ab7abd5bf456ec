"""Who projects: the one process that holds the lock. The kernel releases it when that process ends, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["elected"]


@contextmanager
def elected(lock: Path) -> Iterator[bool]:
    """Whether the lock is ours for the time of the `with` block. Never waits."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
