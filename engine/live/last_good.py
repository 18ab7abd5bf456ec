"""The files of the last configuration that worked, kept in the data directory for a start on a broken one."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

__all__ = ["LastGood"]


class LastGood:
    """A copy of a configuration root's files. It is source text, not a dump, so a newer engine can read it too."""

    def __init__(self, directory: Path) -> None:
        self._at = directory

    @property
    def root(self) -> Path | None:
        """The configuration root that was kept; None when there is none."""
        return self._at if self._at.is_dir() else None

    def keep(self, files: Mapping[str, bytes]) -> None:
        """Replace what was kept before with *files*. If killed half-way, it leaves the old copy or none.

        Raises:
            OSError: it could not be written; the old copy is still there.
        """
        beside = self._at.with_name(f"{self._at.name}.new")
        old = self._at.with_name(f"{self._at.name}.old")
        for stale in (beside, old):
            shutil.rmtree(stale, ignore_errors=True)
        beside.mkdir(parents=True)
        for path, data in files.items():
            _put(beside / path, data, self._at / path)
        if self._at.exists():
            self._at.rename(old)
        try:
            beside.rename(self._at)
        except OSError:
            old.rename(self._at)
            raise
        shutil.rmtree(old, ignore_errors=True)


def _put(path: Path, data: bytes, before: Path) -> None:
    """Write a file durably, making its folders; one equal to *before* becomes a hard link to it where possible."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        if before.read_bytes() == data:
            path.hardlink_to(before)
            return
    except OSError:
        pass  # there was none, or the disk cannot do it
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
