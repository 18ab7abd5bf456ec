"""The journal's writer: every record is in the kernel's hands when `append` returns, so a killed process loses nothing.

`append` costs the request path one encoding and one `write`. Everything slow happens on a thread of its own: `fsync`
for groups of records, closing rotated segments, and writing again what the disk refused.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.store.log import Log
from engine.store.segments import MAGIC, Encoder, create
from engine.values import Record, RequestRecord

__all__ = ["JournalFigures", "SegmentWriter"]

ROTATE_BYTES = 64 << 20
"""A segment is deleted as a whole: small enough to free space soon, large enough for few files."""
ROTATE_S = 3600.0
SYNC_S = 0.05
"""The most that a power cut can take. A killed process loses nothing either way."""
QUEUE_BYTES = 64 << 20
"""About 40,000 records wait in memory while the disk is full."""
RETRY_S = 0.5
NONE = -1
"""No descriptor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFigures:
    """What one writer has done since it began."""

    records: int
    """Given to the kernel."""
    queued: int
    """Waiting in memory for a disk that takes them."""
    dropped: int
    """Lost: the queue was full, or the record had no form."""


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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory / writer
        self._directory.mkdir(parents=True, exist_ok=True)
        self._log = log
        self._encoder = Encoder()
        self._rotate_bytes = rotate_bytes
        self._rotate_s = rotate_s
        self._clock = clock
        self._queue = _Queue(queue_bytes)
        self._records = 0
        self._dropped = 0
        self._lock = threading.Lock()
        self._open = _OpenSegment(self._directory, clock())
        self._syncer = _Syncer(self._directory, sync_s, self._retry, log)

    def append(self, record: Record) -> None:
        """Write the record down. Never raises: a request must not fail because its accounting does."""
        try:
            frame = self._encoder.frame(record)
            with self._lock:
                self._write(frame)
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
        self._syncer.retire(self._open.descriptor)
        self._syncer.close()

    def _write(self, frame: bytearray) -> None:
        """Write the frame after all that wait; keep it when the disk refuses."""
        if self._queue and not self._drain():
            self._keep(frame)
            return
        try:
            self._append(frame)
        except OSError as exc:
            self._log.error("journal_disk_refuses", directory=str(self._directory), error=str(exc))
            self._keep(frame)

    def _append(self, frame: bytes | bytearray) -> None:
        segment = self._open
        full = segment.size + len(frame) > self._rotate_bytes and segment.size > len(MAGIC)
        if full or segment.broken or self._clock() - segment.opened_s > self._rotate_s:
            segment = self._rotate()
        segment.append(frame)
        self._records += 1
        self._syncer.written(segment.descriptor)

    def _rotate(self) -> "_OpenSegment":
        following = _OpenSegment(self._directory, self._clock())
        self._syncer.retire(self._open.descriptor)
        self._open = following
        return following

    def _keep(self, frame: bytearray) -> None:
        if self._queue.put(bytes(frame)):
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
    """The segment that is appended to: always a sequence of whole frames, even after a write that failed."""

    def __init__(self, directory: Path, opened_s: float) -> None:
        self.descriptor = create(directory)
        self.opened_s = opened_s
        self.size = len(MAGIC)
        self.broken = False
        """A torn frame could not be cut off: nothing may follow it."""

    def append(self, frame: bytes | bytearray) -> None:
        """Write the whole frame or nothing of it.

        Raises:
            OSError: nothing was written.
        """
        written = os.write(self.descriptor, frame)
        if written < len(frame):
            self._cut()
            raise OSError(f"{written} of {len(frame)} bytes written")
        self.size += written

    def _cut(self) -> None:
        try:
            os.ftruncate(self.descriptor, self.size)
        except OSError:
            self.broken = True
            raise


class _Queue:
    """Frames in order, bounded by their bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._frames: deque[bytes] = deque()
        self._room = limit_bytes

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def first(self) -> bytes:
        """The oldest frame."""
        return self._frames[0]

    def put(self, frame: bytes) -> bool:
        """Keep the frame; False when there is no room."""
        if len(frame) > self._room:
            return False
        self._room -= len(frame)
        self._frames.append(frame)
        return True

    def pop(self) -> None:
        """Forget the oldest frame."""
        self._room += len(self._frames.popleft())


class _Syncer:
    """The thread that makes written records durable, in groups. The only one that closes descriptors."""

    def __init__(self, directory: Path, sync_s: float, retry: Callable[[], bool], log: Log) -> None:
        self._directory = directory
        self._sync_s = sync_s
        self._retry = retry
        self._log = log
        self._current = NONE
        self._retired: deque[int] = deque()
        self._directory_synced = False
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal-sync", daemon=True)
        self._thread.start()

    def written(self, descriptor: int) -> None:
        """Something was written to *descriptor*: sync it soon, or now if every record is to be synced."""
        self._current = descriptor
        if self._sync_s == 0:
            self._sync(descriptor)
        elif not self._wake.is_set():
            self._wake.set()

    def wake(self) -> None:
        """Have the queue tried again soon."""
        self._wake.set()

    def retire(self, descriptor: int) -> None:
        """Sync and close *descriptor*, to which nothing is written any more."""
        self._current = NONE
        self._retired.append(descriptor)
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
        if (current := self._current) != NONE:
            self._sync(current)
        while self._retired:
            descriptor = self._retired.popleft()
            self._sync(descriptor)
            os.close(descriptor)
        if not self._directory_synced:
            self._directory_synced = True
            self._sync_directory()

    def _sync(self, descriptor: int) -> None:
        try:
            os.fdatasync(descriptor)
        except OSError as exc:
            self._log.error("journal_sync_failed", directory=str(self._directory), error=str(exc))

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            self._sync(descriptor)
        finally:
            os.close(descriptor)


def _identity(record: Record) -> str:
    return record.request_id if isinstance(record, RequestRecord) else record.record_id
