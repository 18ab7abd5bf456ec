"""Journal segments: how records lie in files, and how they are read back, whole or torn.

    segment = MAGIC frame* zero*    frame = length u32 LE · CRC-32 u32 LE · payload
    payload = MessagePack of one record, an array: its tag, then its fields, known by their position; new ones come
              last; counts of tokens are a map, without those that are 0

A segment has room before it has records: zeros follow its last frame until the writer lets it go, and for good when
the writer was killed. A frame counts when it is complete and its checksum holds; reading ends at the first that does
not count, or at a length of zero. A writer holds an exclusive lock on the segment it appends to, and numbers its
segments upwards, so a segment is finished when it has a successor and nobody holds its lock. A frame of a finished
segment that is not whole never will be: it was torn, and is the last one, or the disk damaged it, and whole ones follow
(`next_whole`).
"""

import fcntl
import os
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from zlib import crc32

import msgspec

from engine.values import Record

__all__ = [
    "MAGIC",
    "MAX_PAYLOAD_BYTES",
    "Segment",
    "Unreadable",
    "create",
    "encode",
    "extent",
    "is_finished",
    "next_whole",
    "read",
    "segments",
    "torn_bytes",
    "unread_bytes",
]

MAGIC = b"engjnl4\n"
"""The last digit is the version of the format."""
HEAD = struct.Struct("<II")
MAX_PAYLOAD_BYTES = 64 << 20
"""Far above the largest record, a bundle of thousands of models: a larger length is a damaged one."""
BLOCK_BYTES = 256 << 10
"""Read at a time: some hundred records, and few enough bytes to stay in a processor's cache."""
SUFFIX = ".jnl"
BEGINNING = re.compile(rb"(?=[\x90-\x9f]\xa1[a-z]|\xdc..\xa1[a-z])", re.DOTALL)
"""Of a payload: an array, short or long, whose first element is a text of one letter, the tag."""

# `MappingProxyType.copy` encodes read-only mappings and raises TypeError for anything else. It is several times as fast
# as `dict`, which asks a mapping for one key after another, and a request has three of them.
to_msgpack = msgspec.msgpack.Encoder(enc_hook=MappingProxyType.copy).encode
from_msgpack: Callable[[memoryview], Record] = msgspec.msgpack.Decoder(Record).decode


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One file of a writer; segments of a writer sort in the order they were written."""

    number: int
    path: Path

    @property
    def id(self) -> str:
        """`writer/number`, unique within a data directory."""
        return f"{self.path.parent.name}/{self.number}"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A whole frame that holds no record this version knows."""

    reason: str


def encode(record: Record) -> bytes:
    """The record as the payload of a frame.

    Raises:
        ValueError: larger than MAX_PAYLOAD_BYTES.
        TypeError, OverflowError: a value that MessagePack has no form for.
    """
    payload = to_msgpack(record)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a record of {len(payload)} bytes")
    return payload


def segments(directory: Path) -> list[Segment]:
    """A writer's segments in the order of writing; none where there is no directory."""
    found = directory.glob(f"*{SUFFIX}")
    return sorted(Segment(int(path.stem), path) for path in found if path.stem.isdecimal())


def create(directory: Path, room_bytes: int) -> int:
    """The descriptor of a new segment, which is locked, numbered after all others of *directory*, and has that room.

    It appears under its name only once it is locked: readers never take a segment for finished between the two.

    Raises:
        OSError: the disk has no such room; no segment was made.
    """
    unnamed = directory / f".new-{os.getpid()}-{os.urandom(4).hex()}"
    descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.posix_fallocate(descriptor, 0, room_bytes)
        os.pwrite(descriptor, MAGIC, 0)
        _publish(unnamed, directory)
    except OSError:
        os.close(descriptor)
        raise
    finally:
        unnamed.unlink()
    return descriptor


def is_finished(segment: Segment, newest: Segment) -> bool:
    """Whether nothing will be appended to *segment* any more."""
    if segment == newest:
        return False
    with segment.path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def read(path: Path, offset: int = 0) -> Iterator[tuple[Record | Unreadable, int]]:
    """The records from *offset* on, each with the offset after it, up to the first incomplete or damaged frame.

    *offset* is 0 or one that was given out before: reading again from there yields what has been written since. A
    segment in another format version is reported as a single `Unreadable` covering the whole file at its current size.
    """
    # Not through a map, which would be faster still: a segment is cut when it is let go, and that kills a reader that
    # is beyond the cut (SIGBUS).
    with path.open("rb", buffering=0) as file:
        magic = file.read(len(MAGIC))
        if magic == MAGIC:
            for payload, end in _payloads(file.fileno(), max(offset, len(MAGIC))):
                yield _record(payload), end
        elif len(magic) == len(MAGIC) and any(magic) and (end := os.fstat(file.fileno()).st_size) > offset:
            yield Unreadable(f"a segment of another version: {magic!r}"), end


def unread_bytes(path: Path, offset: int) -> int:
    """Bytes from *offset* to the end of the file, room included; 0 when no frame begins there."""
    with path.open("rb", buffering=0) as file:
        begins = any(os.pread(file.fileno(), HEAD.size, offset))
        return os.fstat(file.fileno()).st_size - offset if begins else 0


def extent(path: Path, offset: int) -> tuple[int, int]:
    """How many frames follow *offset*, and how many bytes they have together, by their lengths alone."""
    frames, position = 0, offset
    with path.open("rb", buffering=0) as file:
        end = os.fstat(file.fileno()).st_size
        while len(head := os.pread(file.fileno(), HEAD.size, position)) == HEAD.size:
            length, _ = HEAD.unpack(head)
            following = position + HEAD.size + length
            if not length or following > end:
                break
            frames, position = frames + 1, following
    return frames, position - offset


def torn_bytes(path: Path, offset: int) -> int:
    """How many bytes were written beyond *offset*, where no whole frame begins; zeros at the end do not count."""
    with path.open("rb") as file:
        file.seek(offset)
        return len(file.read().rstrip(b"\0"))


def next_whole(path: Path, offset: int) -> int | None:
    """Where the next whole frame begins beyond *offset*, at which none does; None where no other follows.

    Only for a finished segment. Payloads are found by how they begin, heads by standing before them and being right.
    """
    with path.open("rb") as file:
        file.seek(offset)
        rest = memoryview(file.read())
    for begun in BEGINNING.finditer(rest, HEAD.size + 1):
        body = begun.start()
        length, checksum = HEAD.unpack_from(rest, body - HEAD.size)
        end = body + length
        if 0 < length <= MAX_PAYLOAD_BYTES and end <= len(rest) and crc32(rest[body:end]) == checksum:
            return offset + body - HEAD.size
    return None


def _payloads(descriptor: int, position: int) -> Iterator[tuple[memoryview, int]]:
    """The payload of each whole frame from *position* on, with the offset after it."""
    needed = HEAD.size
    while len(block := os.pread(descriptor, max(needed, BLOCK_BYTES), position)) >= needed:
        view, begin, needed = memoryview(block), 0, HEAD.size
        while begin + HEAD.size <= len(block):
            length, checksum = HEAD.unpack_from(block, begin)
            if not 0 < length <= MAX_PAYLOAD_BYTES:
                return
            end = begin + HEAD.size + length
            if end > len(block):
                needed = HEAD.size + length
                break
            payload = view[begin + HEAD.size : end]
            if crc32(payload) != checksum:
                return
            yield payload, position + end
            begin = end
        position += begin


def _record(payload: memoryview) -> Record | Unreadable:
    try:
        return from_msgpack(payload)
    except msgspec.MsgspecError as exc:
        return Unreadable(str(exc))


def _publish(unnamed: Path, directory: Path) -> None:
    number = max((segment.number for segment in segments(directory)), default=0)
    while True:
        number += 1
        path = directory / f"{number:012}{SUFFIX}"
        try:
            path.hardlink_to(unnamed)
        except FileExistsError:
            continue
        return
