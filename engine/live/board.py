"""The board: one memory-mapped file in which the processes of a host share small living state.

A slot of 128 bytes holds what is known about one name (a provider, an offer, a key). Only the supervisor assigns slots
to names; each slot begins with the digest of its name, so that a new supervisor finds what an earlier one assigned.
Reads take no lock: an aligned word of eight bytes is read whole. Writes that depend on what was there are made inside
`with board:`, a lock (`flock`) that the kernel releases when its holder is killed.

Instants on the board are monotonic seconds, so a board of an earlier boot is thrown away. This file knows words and
names; `live.slots` knows what the words mean.
"""

import fcntl
import hashlib
import mmap
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.errors import Bug, EngineError

__all__ = [
    "COLUMNS",
    "STATE_BYTES",
    "WORD_BYTES",
    "Board",
    "BoardFull",
    "Directory",
    "first_column",
    "state_word",
    "zero_column",
]

WORD_BYTES = 8
SLOT_BYTES = 128
DIGEST_BYTES = 16
STATE_BYTES = SLOT_BYTES - DIGEST_BYTES
COLUMN_BYTES = 4
COLUMNS = STATE_BYTES // COLUMN_BYTES
"""Columns of four bytes that fit in a slot: one for each worker, so at most 28 workers."""

HEADER_BYTES = 4096
MAGIC = b"engine board 1\n\0"
CAPACITY_SLOTS = 65_536
"""8 MiB of disk. 200 providers with 5,000 models and two keys each take 20,600 slots."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class BoardFull(EngineError):
    """More names than the board has slots for."""


class Board:
    """The mapped file. `with board:` holds its write lock; it does not nest."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR)
        self._map = mmap.mmap(self._file, 0)
        if self._map[: len(MAGIC)] != MAGIC:
            raise Bug(f"{path} is not a board of this version")
        view = memoryview(self._map)
        self.bytes = view
        self.words = view.cast("q")
        """Signed integers, by word."""
        self.doubles = view.cast("d")
        """Floats, by word."""
        self.columns = view.cast("I")
        """Unsigned integers of four bytes."""

    @classmethod
    def create(cls, path: Path) -> Self:
        """The board at *path*, with its state if it was made since this boot, else empty. For the supervisor only."""
        boot = _boot_id()
        if not _is_of_this_boot(path, boot):
            _write_empty(path, boot)
        return cls(path)

    def __enter__(self) -> Self:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Unmap. Views taken from this board must not be used any more."""
        self.words.release()
        self.doubles.release()
        self.columns.release()
        self.bytes.release()
        self._map.close()
        os.close(self._file)


class Directory:
    """Which slot belongs to which name. One process, the supervisor, has one; workers are told the numbers."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._taken = {digest: slot for slot in range(CAPACITY_SLOTS) if any(digest := _digest_in(board, slot))}
        used = set(self._taken.values())
        self._free = [slot for slot in reversed(range(CAPACITY_SLOTS)) if slot not in used]

    def assign(self, names: Iterable[str]) -> dict[str, int]:
        """A slot for each name: the one it has, or an empty one.

        Raises:
            BoardFull: there are not enough slots; the names that came first have theirs.
        """
        return {name: self._assign(_digest(name)) for name in names}

    def retain(self, names: Iterable[str]) -> None:
        """Empty and free every slot but those of *names*. No process may still be using the freed ones."""
        kept = {_digest(name) for name in names}
        for digest in [digest for digest in self._taken if digest not in kept]:
            slot = self._taken.pop(digest)
            at = _offset(slot)
            self._board.bytes[at : at + SLOT_BYTES] = bytes(SLOT_BYTES)
            self._free.append(slot)

    def _assign(self, digest: bytes) -> int:
        """The slot of the name with this digest."""
        if (slot := self._taken.get(digest)) is not None:
            return slot
        if not self._free:
            raise BoardFull(f"the board holds {CAPACITY_SLOTS} providers, offers and keys, and all slots are taken")
        slot = self._free.pop()
        at = _offset(slot)
        self._board.bytes[at : at + DIGEST_BYTES] = digest
        self._taken[digest] = slot
        return slot


def state_word(slot: int) -> int:
    """Index of the first word of a slot's state in `words` and `doubles`; it has `STATE_BYTES`."""
    return (_offset(slot) + DIGEST_BYTES) // WORD_BYTES


def first_column(slot: int) -> int:
    """Index of the first of a slot's `COLUMNS` in `columns`."""
    return (_offset(slot) + DIGEST_BYTES) // COLUMN_BYTES


def zero_column(board: Board, slots: Iterable[int], column: int) -> None:
    """Forget what a worker that has gone wrote into its column of these slots."""
    for slot in slots:
        board.columns[first_column(slot) + column] = 0


def _offset(slot: int) -> int:
    return HEADER_BYTES + slot * SLOT_BYTES


def _digest(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=DIGEST_BYTES).digest()


def _digest_in(board: Board, slot: int) -> bytes:
    at = _offset(slot)
    return bytes(board.bytes[at : at + DIGEST_BYTES])


def _boot_id() -> bytes:
    """The id of this boot of the machine; empty where the system gives none."""
    return BOOT_ID.read_bytes().strip() if BOOT_ID.exists() else b""


def _is_of_this_boot(path: Path, boot: bytes) -> bool:
    """Whether *path* is a whole board that was made since the machine was started."""
    expected = HEADER_BYTES + CAPACITY_SLOTS * SLOT_BYTES
    if not boot or not path.exists() or path.stat().st_size != expected:
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC) + len(boot)) == MAGIC + boot


def _write_empty(path: Path, boot: bytes) -> None:
    """Put an empty board at *path*: written beside and renamed, so processes that still map the old file keep it."""
    beside = path.with_suffix(".new")
    file = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        # Really allocated: writing to a hole of a mapped file on a full disk kills the process (SIGBUS).
        os.posix_fallocate(file, 0, HEADER_BYTES + CAPACITY_SLOTS * SLOT_BYTES)
        os.pwrite(file, MAGIC + boot, 0)
    finally:
        os.close(file)
    beside.replace(path)
