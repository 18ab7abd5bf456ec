"""The journal's writer: every record is in the kernel's hands when `append` returns, so a killed process loses nothing.

`append` costs the request path one encoding and one copy into the file's mapped pages, without a system call: the pages
are the kernel's and outlive the process. Everything slow happens on a thread of its own: `fsync` for groups of records,
closing rotated segments, and writing again what the disk refused.
"""

import mmap
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from engine.store.log import Log
from engine.store.segments import HEAD, MAGIC, create, encode
from engine.values import Record, RequestRecord

__all__ = ["JournalFigures", "SegmentWriter"]

ROTATE_BYTES = 64 << 20
"""A segment is deleted as a whole: small enough to free space soon, large enough for few files."""
ROTATE_S = 3600.0
SYNC_S = 0.05
"""The most that a power cut can take. A killed process loses nothing either way."""
QUEUE_BYTES = 64 << 20
"""Room for more than 100,000 records that wait in memory while the disk is full."""
RETRY_S = 0.5
CHUNK_BYTES = 1 << 20
"""Disk space allocated at a time: enough for more than a thousand records, and little enough to leave unused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFigures:
    """What one writer has done since it began."""

    records: int
    """Given to the kernel."""
    queued: int
    """Waiting in memory for a disk that takes them."""
    dropped: int
    """Lost: the queue was full, or the record could not be encoded."""


class SegmentWriter:
    """Appends records to `directory/writer/<number>.jnl`; the port `gateway.Journal`.

    A new writer begins a new segment, and `close` ends it. `append` may be called from one thread at a time. With
    *sync_s* 0 every record is on the disk before `append` returns.
    """

    def __init__(
        self,
        directory: Path,
        writer: str,
        *,
        log: Log,
        sync_s: float = SYNC_S,
        rotate_bytes: int = ROTATE_BYTES,
        rotate_s: float = ROTATE_S,
        queue_bytes: int = QUEUE_BYTES,
        chunk_bytes: int = CHUNK_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory / writer
        self._directory.mkdir(parents=True, exist_ok=True)
        self._log = log
        self._rotate_bytes = rotate_bytes
        self._rotate_s = rotate_s
        self._chunk_bytes = chunk_bytes
        self._clock = clock
        self._queue = _Queue(queue_bytes)
        self._records = 0
        self._dropped = 0
        self._lock = threading.Lock()
        self._open = _OpenSegment(self._directory, chunk_bytes, clock())
        self._syncer = _Syncer(self._directory, sync_s, self._retry, log)

    def append(self, record: Record) -> None:
        """Write the record down. Never raises: a request must not fail because its accounting does."""
        try:
            payload = encode(record)
            with self._lock:
                self._write(payload)
        except Exception:  # noqa: BLE001 - the journal writer's last line: lose the row, say which, serve on
            self._dropped += 1
            self._log.error("journal_record_lost", record=_identity(record), exc_info=True)

    def figures(self) -> JournalFigures:
        """What has been done so far."""
        return JournalFigures(records=self._records, queued=len(self._queue), dropped=self._dropped)

    def close(self) -> None:
        """Write what is queued if the disk takes it, sync, and let the segment go."""
        self._retry()
        self._dropped += len(self._queue)
        self._syncer.retire(self._open)
        self._syncer.close()

    def _write(self, payload: bytes) -> None:
        """Write the payload after all that are queued; queue it if the disk refuses."""
        if self._queue and not self._drain():
            self._keep(payload)
            return
        try:
            self._append(payload)
        except OSError as exc:
            self._log.error("journal_disk_refuses", directory=str(self._directory), error=str(exc))
            self._keep(payload)

    def _append(self, payload: bytes) -> None:
        segment = self._open
        full = segment.size + HEAD.size + len(payload) > self._rotate_bytes and segment.size > len(MAGIC)
        if full or self._clock() - segment.opened_s > self._rotate_s:
            segment = self._rotate()
        segment.append(payload)
        self._records += 1
        self._syncer.written(segment)

    def _rotate(self) -> "_OpenSegment":
        following = _OpenSegment(self._directory, self._chunk_bytes, self._clock())
        self._syncer.retire(self._open)
        self._open = following
        return following

    def _keep(self, payload: bytes) -> None:
        if self._queue.put(payload):
            self._syncer.wake()
        else:
            self._dropped += 1

    def _drain(self) -> bool:
        """Write what waits, oldest first. Whether nothing waits any more."""
        while self._queue:
            try:
                self._append(self._queue.first)
            except OSError:
                return False
            self._queue.pop()
        self._log.info("journal_disk_takes_again", directory=str(self._directory))
        return True

    def _retry(self) -> bool:
        with self._lock:
            return not self._queue or self._drain()


class _OpenSegment:
    """The segment that is appended to, through a map of its last chunk."""

    def __init__(self, directory: Path, chunk_bytes: int, opened_s: float) -> None:
        self.opened_s = opened_s
        self.size = len(MAGIC)
        """Up to the end of the last whole frame."""
        self._chunk_bytes = chunk_bytes
        self._descriptor = create(directory, chunk_bytes)
        self._map(chunk_bytes)

    def append(self, payload: bytes) -> None:
        """Write the whole frame or nothing of it.

        Raises:
            OSError: nothing was written.
        """
        begin = self.size - self._base
        body = begin + HEAD.size
        end = body + len(payload)
        if end > len(self._window):
            self._grow(self.size + HEAD.size + len(payload))
            self.append(payload)
            return
        # The head last, and in one store: whoever reads meanwhile, or after a kill between the two, finds no frame.
        self._window[body:end] = payload
        self._window[begin:body] = HEAD.pack(len(payload), crc32(payload))
        self.size += end - begin

    def sync(self) -> None:
        """Have the disk hold all that was appended.

        fdatasync(2) covers what was stored through the map: to Linux that is dirty pages of the file, like those that
        `write` leaves, and msync(2) does nothing else.
        """
        os.fdatasync(self._descriptor)

    def cut(self) -> None:
        """Give unused room back. Nothing can be appended any more."""
        self._window.close()
        os.ftruncate(self._descriptor, self.size)

    def close(self) -> None:
        """Let the segment go, and its lock with it."""
        self._window.close()
        os.close(self._descriptor)

    def _grow(self, size: int) -> None:
        """Have room for *size* bytes at least."""
        room = self._base + len(self._window)
        wanted = max(size, room + self._chunk_bytes)
        # Really allocated: storing to a hole of a mapped file on a full disk kills the process (SIGBUS).
        os.posix_fallocate(self._descriptor, room, wanted - room)
        full = self._window
        self._map(wanted)
        full.close()

    def _map(self, room: int) -> None:
        """Map what is to be written, and no more: mapped pages count as the process's memory."""
        base = self.size - self.size % mmap.ALLOCATIONGRANULARITY
        self._window = mmap.mmap(self._descriptor, room - base, offset=base)
        self._base = base


class _Queue:
    """Payloads in order, bounded by their bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._payloads: deque[bytes] = deque()
        self._room = limit_bytes

    def __len__(self) -> int:
        return len(self._payloads)

    @property
    def first(self) -> bytes:
        """The oldest payload."""
        return self._payloads[0]

    def put(self, payload: bytes) -> bool:
        """Keep the payload; False when there is no room."""
        if len(payload) > self._room:
            return False
        self._room -= len(payload)
        self._payloads.append(payload)
        return True

    def pop(self) -> None:
        """Forget the oldest payload."""
        self._room += len(self._payloads.popleft())


class _Syncer:
    """The thread that makes written records durable, in groups, and lets segments go. The only one that closes them."""

    def __init__(self, directory: Path, sync_s: float, retry: Callable[[], bool], log: Log) -> None:
        self._directory = directory
        self._sync_s = sync_s
        self._retry = retry
        self._log = log
        self._current: _OpenSegment | None = None
        self._retired: deque[_OpenSegment] = deque()
        self._directory_synced = False
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal-sync", daemon=True)
        self._thread.start()

    def written(self, segment: _OpenSegment) -> None:
        """Something was written to *segment*: sync it soon, or now if every record is to be synced."""
        self._current = segment
        if self._sync_s == 0:
            self._try(segment.sync)
        elif not self._wake.is_set():
            self._wake.set()

    def wake(self) -> None:
        """Have the queue tried again soon."""
        self._wake.set()

    def retire(self, segment: _OpenSegment) -> None:
        """Cut, sync and close *segment*, to which nothing is written any more."""
        self._current = None
        self._retired.append(segment)
        self._directory_synced = False
        self._wake.set()

    def close(self) -> None:
        """Sync everything and end the thread."""
        self._closing.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._closing.wait(self._sync_s)
            self._wake.clear()
            self._sync_all()
            if not self._retry() and not self._closing.wait(RETRY_S):
                self._wake.set()
        self._sync_all()

    def _sync_all(self) -> None:
        if (current := self._current) is not None:
            self._try(current.sync)
        while self._retired:
            segment = self._retired.popleft()
            self._try(segment.cut)
            self._try(segment.sync)
            segment.close()
        if not self._directory_synced:
            self._directory_synced = True
            self._try(self._sync_directory)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except OSError as exc:
            self._log.error("journal_sync_failed", directory=str(self._directory), error=str(exc))

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)


def _identity(record: Record) -> str:
    return record.request_id if isinstance(record, RequestRecord) else record.record_id
