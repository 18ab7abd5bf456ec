"""What the projector has done, in a small file that other processes read: how far usage lags behind requests."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from engine.store.layout import Layout
from engine.store.segments import MAGIC, extent, segments, unread_bytes

__all__ = ["Lag", "Status", "lag"]

COUNTED_BYTES = 64 << 20
"""Above this, records are not counted: the bytes say enough, and counting would cost whoever asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Written by the projector after each step."""

    as_of: datetime
    """Everything journalled before this instant is projected."""
    published_at: datetime | None
    """When this projector last replaced the catalog; None when it has not yet."""
    positions: dict[str, int]
    """Segment → bytes of it that are projected."""

    def write(self, path: Path) -> None:
        """Replace the file in one step."""
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(self))
        fresh.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Status | None":
        """What the projector said last; None when there has been none."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except FileNotFoundError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """What is journalled and not projected yet."""

    bytes: int
    records: int | None
    """None when there are too many bytes to count them."""
    as_of: datetime | None
    """Everything journalled before this instant is projected; None when nothing is."""
    published_at: datetime | None
    """When the catalog was last replaced; None when it was not."""


def lag(data: Path) -> Lag:
    """How far the projector of this data directory is behind its journals."""
    layout = Layout(data)
    status = Status.read(layout.status)
    positions = status.positions if status else {}
    begun = [
        (segment.path, max(positions.get(segment.id, 0), len(MAGIC)))
        for directory in layout.journal.glob("*/")
        for segment in segments(directory)
    ]
    size, records = sum(unread_bytes(path, offset) for path, offset in begun), None
    if size <= COUNTED_BYTES:
        extents = [extent(path, offset) for path, offset in begun]
        size, records = sum(taken for _, taken in extents), sum(frames for frames, _ in extents)
    return Lag(
        bytes=size,
        records=records,
        as_of=status.as_of if status else None,
        published_at=status.published_at if status else None,
    )
