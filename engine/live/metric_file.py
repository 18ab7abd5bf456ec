"""Counters in a memory-mapped file: one file for each worker slot, so no lock is needed and a restarted worker goes on.

Layout: magic (8 bytes), bytes in use (8), then entries: length of the key (8), key padded to 8, value (a double).
An entry counts once the second word covers it, so a reader sees only whole entries.
"""

import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path

__all__ = ["MetricFile", "read"]

MAGIC = b"engmet 1"
WORD_BYTES = 8
HEADER_BYTES = 2 * WORD_BYTES
GROWTH_BYTES = 1 << 20
"""About 10,000 counters; a file grows by this much whenever it is full."""

_NUMBER = struct.Struct("@q")


class MetricFile:
    """The counters of one worker. `values[index(key)] += 1` counts."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if os.fstat(self._file).st_size == 0 or os.pread(self._file, len(MAGIC), 0) != MAGIC:
            os.ftruncate(self._file, 0)
            os.posix_fallocate(self._file, 0, GROWTH_BYTES)
            os.pwrite(self._file, MAGIC + _NUMBER.pack(HEADER_BYTES), 0)
        self._open()
        self._indexes = {key: at // WORD_BYTES for key, at in _entries(self._map)}

    def index(self, key: bytes) -> int:
        """Index in `values` of the counter *key*, made at 0 when new. It stays valid when `values` is replaced."""
        found = self._indexes.get(key)
        return self._add(key) if found is None else found

    def close(self) -> None:
        """Unmap; what was counted stays in the file."""
        self.values.release()
        self._map.close()
        os.close(self._file)

    def _open(self) -> None:
        self._map = mmap.mmap(self._file, 0)
        self.values = memoryview(self._map).cast("d")
        """Every word of the file as a double. Replaced when the file grows."""

    def _add(self, key: bytes) -> int:
        used = _used(self._map)
        padded = key.ljust(-(-len(key) // WORD_BYTES) * WORD_BYTES, b"\0")
        end = used + WORD_BYTES + len(padded) + WORD_BYTES
        if end > len(self._map):
            self._grow()
        self._map[used : end - WORD_BYTES] = _NUMBER.pack(len(key)) + padded
        self._map[WORD_BYTES:HEADER_BYTES] = _NUMBER.pack(end)
        index = self._indexes[key] = (end - WORD_BYTES) // WORD_BYTES
        return index

    def _grow(self) -> None:
        size = len(self._map)
        # Really allocated: writing to a hole of a mapped file on a full disk kills the process (SIGBUS).
        os.posix_fallocate(self._file, size, GROWTH_BYTES)
        self.values.release()
        self._map.close()
        self._open()


def read(path: Path) -> Iterator[tuple[bytes, float]]:
    """(key, value) of every counter in the file, which another process may be writing."""
    data = path.read_bytes()
    if data[: len(MAGIC)] == MAGIC:
        yield from ((key, struct.unpack_from("@d", data, at)[0]) for key, at in _entries(data))


def _entries(data: bytes | mmap.mmap) -> Iterator[tuple[bytes, int]]:
    """(key, offset of its value) of every entry in use."""
    at, end = HEADER_BYTES, _used(data)
    while at < end:
        (length,) = _NUMBER.unpack_from(data, at)
        key = bytes(data[at + WORD_BYTES : at + WORD_BYTES + length])
        at += WORD_BYTES + -(-length // WORD_BYTES) * WORD_BYTES
        yield key, at
        at += WORD_BYTES


def _used(data: bytes | mmap.mmap) -> int:
    used: int = _NUMBER.unpack_from(data, WORD_BYTES)[0]
    return used
