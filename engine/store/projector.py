"""The projector: journals → the hot database → Parquet parts → the catalog. Exactly once, whatever is killed when.

project   loads records and the positions they were read up to, in the transaction that the next publication ends
publish   writes the new rows as parts, notes the parts, empties the tables and commits, and replaces the catalog.
          A kill before the commit leaves files that no catalog names, which the next publication overwrites, and
          rows that are read from the journal again; a kill after it leaves a catalog that is one publication old,
          which the next one replaces.
sweep     deletes segments that are projected and parts that are past retention, both after a margin; has what follows
          damage in a segment projected
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import msgspec

from engine.errors import EngineError
from engine.store.batch import Batch
from engine.store.catalog import build
from engine.store.hot import GROWING, Hot, Unloadable
from engine.store.layout import Layout
from engine.store.log import Log
from engine.store.segments import (
    MAGIC,
    Segment,
    Unreadable,
    is_finished,
    next_whole,
    read,
    segments,
    torn_bytes,
    unread_bytes,
)
from engine.store.status import Status
from engine.values import Record

__all__ = ["Projector", "UsageUnlisted"]

BATCH_RECORDS = 20_000
"""About 10 MB of journal, and less than half a second."""
COMMIT_RECORDS = 500_000
"""At most this many are read again after a kill in the middle of a backlog."""
MARGIN = timedelta(hours=1)
"""How long what is no longer needed is kept: segments for a second look, parts for readers of an older catalog."""


class UsageUnlisted(EngineError):
    """The database that lists the parts cannot be opened, or lists none of those that are there."""

    def __init__(self, layout: Layout, what: str) -> None:
        super().__init__(
            f"{layout.hot} {what}, restore it from a backup,"
            f" or move it and {layout.parts} away to begin anew without the usage in them"
        )


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Projector:
    """Projects and publishes one data directory. One at a time: whoever makes it holds the lock (`election`).

    Raises:
        UsageUnlisted: see there. Usage that is there is neither read nor written over.
    """

    def __init__(self, layout: Layout, *, log: Log, now: Callable[[], datetime] = _utc_now) -> None:
        self._layout = layout
        self._log = log
        self._now = now
        self._hot = _opened(layout)
        self._positions = self._hot.positions()
        self._leave_lost()
        self._batch_records = BATCH_RECORDS
        """Fewer for a while after a batch failed to load: each is then committed, so that a failure undoes no other."""
        self._uncommitted = 0
        """Records that have been loaded since the last commit."""
        self._as_of = now()
        self._published_at: datetime | None = None
        if self._is_new():
            # Before anything is loaded: an empty part of each table is never retired, and keeps every view valid.
            self._write_parts(GROWING, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hot.close()

    def project(self) -> bool:
        """Load one batch. Whether everything that was in the journals when it began is loaded now."""
        began_at = self._now()
        batch = Batch()
        for segment in self._segments():
            self._read(segment, batch)
        caught_up = batch.records < self._batch_records
        if batch.positions and not self._load(batch):
            return False
        if caught_up:
            self._as_of = began_at
        self._tell()
        return caught_up

    def catch_up(self) -> None:
        """Load everything that the journals now hold."""
        while not self.project():
            pass

    def publish(self) -> datetime:
        """Show in the catalog everything that is loaded; the instant up to which it is complete."""
        if waiting := self._hot.waiting():
            self._write_parts(waiting, self._next_publication())
        self._commit()
        self._hot.retire(self._now())
        build(self._hot, self._layout.parts, self._layout.catalog, self._as_of)
        self._published_at = self._now()
        self._tell()
        return self._as_of

    def sweep(self) -> None:
        """Delete what nobody needs any more. Only after `publish`: the catalog must not name a part that is deleted."""
        before = self._now() - MARGIN
        kept = self._hot.unreadable()
        for directory in _writers(self._layout.journal):
            known = segments(directory)
            for segment in known:
                if _written_at(segment.path) < before and is_finished(segment, known[-1]):
                    self._end(segment, is_kept=segment.id in kept)
        for file in self._hot.retired(before):
            (self._layout.parts / file).unlink(missing_ok=True)
            self._hot.forget(file)

    def _segments(self) -> Iterator[Segment]:
        """Every segment of every writer, each writer's in the order of writing."""
        for directory in _writers(self._layout.journal):
            yield from segments(directory)

    def _load(self, batch: Batch) -> bool:
        """Load the batch, or make the next one smaller, down to the one record that cannot be loaded."""
        is_careful = self._batch_records < BATCH_RECORDS
        try:
            self._hot.load(batch)
        except Unloadable as exc:
            self._positions, self._uncommitted = self._hot.positions(), 0
            if batch.records > 1 or not is_careful:
                self._batch_records = max(1, batch.records // 10)
                return False
            self._log.error("journal_record_unloadable", positions=batch.positions, reason=str(exc))
            self._hot.load(batch.refused(str(exc)))
        self._positions |= batch.positions
        self._uncommitted += batch.records
        if is_careful or self._uncommitted >= COMMIT_RECORDS:
            self._commit()
        self._batch_records = min(BATCH_RECORDS, self._batch_records * 10)
        return True

    def _commit(self) -> None:
        self._hot.commit()
        self._uncommitted = 0

    def _read(self, segment: Segment, batch: Batch) -> None:
        """Add to *batch* what *segment* holds beyond its position, until the batch is full."""
        name = segment.id
        for record, end in read(segment.path, self._positions.get(name, 0)):
            if batch.records >= self._batch_records:
                return
            batch.positions[name] = end
            reason = record.reason if isinstance(record, Unreadable) else _added(batch, record)
            if reason:
                self._log.error("journal_frame_unreadable", segment=name, reason=reason)
                batch.reject(name, end, reason)

    def _end(self, segment: Segment, *, is_kept: bool) -> None:
        """Delete a finished segment unless it is to be kept, or something in it is still to be projected."""
        position = self._positions.get(segment.id, len(MAGIC))
        if next(read(segment.path, position), None):
            return
        torn = torn_bytes(segment.path, position)
        if torn and (following := next_whole(segment.path, position)):
            self._skip(segment, following, f"{following - position} damaged bytes from {position} on")
        elif not is_kept:
            if torn:
                self._log.error("journal_tail_cut", segment=segment.id, torn_bytes=torn)
            segment.path.unlink()
            self._leave(segment.id)

    def _skip(self, segment: Segment, following: int, reason: str) -> None:
        """Have reading go on with the frame at *following*, and the segment kept for the sake of what is before it."""
        self._log.error("journal_frame_unreadable", segment=segment.id, reason=reason)
        noted = Batch()
        noted.positions[segment.id] = following
        noted.reject(segment.id, following, reason)
        self._load(noted)
        self._commit()

    def _leave(self, segment: str) -> None:
        """Forget how far a segment was read that is not there any more."""
        self._hot.leave(segment)
        self._positions.pop(segment, None)

    def _leave_lost(self) -> None:
        """Numbers begin anew where the journals were taken away: a segment without records is not the one of before."""
        begun = {segment.id for segment in self._segments() if unread_bytes(segment.path, len(MAGIC))}
        for segment in self._positions.keys() - begun:
            self._leave(segment)

    def _is_new(self) -> bool:
        """Whether no part is listed, nor is there any with rows in it: these are numbered from 1."""
        if self._hot.parts():
            return False
        if _newest_part(self._layout.parts):
            self._hot.close()
            raise UsageUnlisted(self._layout, "is new, and there is usage that it does not list: if it was lost")
        return True

    def _next_publication(self) -> int:
        """The number after all that are listed, whose files, if any, a killed process left.

        Files numbered higher were listed by a database that is no longer there, when this one comes from a backup:
        then the number after theirs, so that they stay as they are.
        """
        following, newest = self._hot.next_publication(), _newest_part(self._layout.parts)
        if newest <= following:
            return following
        self._log.error("usage_parts_unlisted", first=following, last=newest, folder=str(self._layout.parts))
        return newest + 1

    def _write_parts(self, tables: Sequence[str], publication: int) -> None:
        self._hot.publish([self._hot.export(table, publication, self._layout.parts) for table in tables])

    def _tell(self) -> None:
        Status(as_of=self._as_of, published_at=self._published_at, positions=self._positions).write(self._layout.status)


def _opened(layout: Layout) -> Hot:
    try:
        return Hot(layout.hot, layout.batch)
    except duckdb.Error as exc:
        raise UsageUnlisted(layout, f"cannot be opened ({str(exc).partition(chr(10))[0]}): if it is damaged") from exc


def _newest_part(folder: Path) -> int:
    """The highest number of a publication that has a file there; 0 when none has."""
    return max((int(path.stem) for path in folder.glob("*/*.parquet") if path.stem.isdecimal()), default=0)


def _added(batch: Batch, record: Record) -> str:
    """Empty when the record was added, else why it could not be read."""
    try:
        batch.add(record)
    except msgspec.DecodeError as exc:
        return str(exc)
    return ""


def _writers(journal: Path) -> list[Path]:
    return sorted(path for path in journal.glob("*") if path.is_dir())


def _written_at(path: Path) -> datetime:
    """When the segment was last written to, or slightly before: stores through a map update the time once per sync."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
