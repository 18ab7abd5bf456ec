"""Journal segments: how records lie in files, and how they are read back, whole or torn.

    segment = MAGIC frame*          frame = length u32 LE · CRC-32 u32 LE · payload
    payload = tag byte + MessagePack of one record

A frame counts when it is complete and its checksum holds; the first that does not ends what can be read. A writer
holds an exclusive lock on the segment it appends to, and numbers its segments upwards, so a segment is finished when
it has a successor and nobody holds its lock: then what follows its last whole frame was torn and never comes.
"""

import fcntl
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO
from zlib import crc32

import msgspec

from engine.values import ConfigRecord, EventRecord, Record, RequestRecord

__all__ = [
    "MAGIC",
    "MAX_PAYLOAD_BYTES",
    "Encoder",
    "Segment",
    "Unreadable",
    "count",
    "create",
    "is_finished",
    "read",
    "segments",
]

MAGIC = b"engjnl1\n"
"""The last digit is the version of the format."""
HEAD = struct.Struct("<II")
MAX_PAYLOAD_BYTES = 64 << 20
"""Far above the largest record, a bundle of thousands of models; a damaged length is told by being larger."""
SUFFIX = ".jnl"

TAGS: Mapping[type, int] = MappingProxyType({RequestRecord: ord("r"), ConfigRecord: ord("c"), EventRecord: ord("e")})
DECODERS: Mapping[int, msgspec.msgpack.Decoder[Record]] = MappingProxyType(
    {tag: msgspec.msgpack.Decoder(kind) for kind, tag in TAGS.items()}
)


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


class Encoder:
    """Records in, frames out. Reuses one buffer: a frame is valid until the next."""

    def __init__(self) -> None:
        # Read-only mappings are written as mappings; whatever else is foreign to MessagePack, `dict` refuses too.
        self._msgpack = msgspec.msgpack.Encoder(enc_hook=dict)
        self._frame = bytearray(HEAD.size + 1)

    def frame(self, record: Record) -> bytearray:
        """The record as a frame.

        Raises:
            ValueError: larger than MAX_PAYLOAD_BYTES.
            TypeError, OverflowError: a value that MessagePack has no form for.
        """
        frame = self._frame
        self._msgpack.encode_into(record, frame, HEAD.size + 1)
        frame[HEAD.size] = TAGS[type(record)]
        length = len(frame) - HEAD.size
        if length > MAX_PAYLOAD_BYTES:
            raise ValueError(f"a record of {length} bytes")
        HEAD.pack_into(frame, 0, length, crc32(frame[HEAD.size :]))
        return frame


def segments(directory: Path) -> list[Segment]:
    """A writer's segments in the order of writing; none where there is no directory."""
    found = directory.glob(f"*{SUFFIX}")
    return sorted(Segment(int(path.stem), path) for path in found if path.stem.isdecimal())


def create(directory: Path) -> int:
    """The descriptor to append to a new segment, which is locked and numbered after all others of *directory*.

    It appears under its name only once it is locked: readers never take a segment for finished between the two.
    """
    unnamed = directory / f".new-{os.getpid()}-{os.urandom(4).hex()}"
    descriptor = os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    try:
        _begin(descriptor)
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

    *offset* is 0 or one that was given out before. Reading again later goes on where the writer has got to.
    """
    with path.open("rb") as file:
        file.seek(max(offset, len(MAGIC)))
        while payload := _payload(file):
            yield _record(payload), file.tell()


def count(path: Path, offset: int) -> int:
    """How many frames follow *offset*, by their lengths alone."""
    frames = 0
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        position = max(offset, len(MAGIC))
        while position + HEAD.size < end:
            file.seek(position)
            position += HEAD.size + HEAD.unpack(file.read(HEAD.size))[0]
            frames += position <= end
    return frames


def _payload(file: BinaryIO) -> bytes:
    """The payload of the frame at the file's position; b"" when there is no whole one."""
    head = file.read(HEAD.size)
    if len(head) < HEAD.size:
        return b""
    length, checksum = HEAD.unpack(head)
    if length > MAX_PAYLOAD_BYTES:
        return b""
    payload = file.read(length)
    return payload if len(payload) == length and crc32(payload) == checksum else b""


def _record(payload: bytes) -> Record | Unreadable:
    decoder = DECODERS.get(payload[0])
    if decoder is None:
        return Unreadable(f"unknown tag {payload[:1]!r}")
    try:
        return decoder.decode(memoryview(payload)[1:])
    except msgspec.MsgspecError as exc:
        return Unreadable(str(exc))


def _begin(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if os.write(descriptor, MAGIC) < len(MAGIC):
        raise OSError("no room for a segment")


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
