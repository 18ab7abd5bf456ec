"""Forms on their way in: what is large in them goes to a file, and is read from there when it is sent on.

The files have no names, so a process that is killed leaves none behind. Writing, reading and closing may wait for a
disk, and are done in threads.
"""

import asyncio
import os
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import BinaryIO

from engine.errors import BadRequest
from engine.wire.content import Stored
from engine.wire.multipart import Collector, Form, boundary_of

__all__ = ["Incoming", "Uploads"]

MEMORY_BYTES = 256 * 1024
"""How much of one form's files stays in memory: half a minute of speech in MP3, and cheaper than a file."""

WRITE_BYTES = 256 * 1024
"""How much is written at once: handing a write to a thread costs as much as copying part of this."""


class _File:
    """A file without a name, made when something is first written to it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: BinaryIO | None = None
        self._is_closed = False
        self._used = Lock()
        """Held while the descriptor is in use: closed meanwhile, it could be given to another file."""

    async def append(self, data: bytes | bytearray) -> None:
        """Write *data* at its end; nowhere once it is closed. Raises OSError."""
        await asyncio.to_thread(self._append, data)

    async def read(self, at: int, most_bytes: int) -> bytes:
        """At most *most_bytes* from offset *at* on. Raises OSError."""
        return await asyncio.to_thread(self._read, at, most_bytes)

    def close(self) -> None:
        """Have it closed, as soon as nobody uses it."""
        asyncio.get_running_loop().run_in_executor(None, self._close)

    def _append(self, data: bytes | bytearray) -> None:
        with self._used:
            if self._is_closed:
                return
            if self._file is None:
                self._file = TemporaryFile(buffering=0, dir=self._directory)  # noqa: SIM115 - `_close` closes it
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._file.fileno(), rest) :]

    def _read(self, at: int, most_bytes: int) -> bytes:
        with self._used:
            if self._file is None or self._is_closed:
                raise OSError("the file of a form was read after its request")
            return os.pread(self._file.fileno(), most_bytes, at)

    def _close(self) -> None:
        with self._used:
            self._is_closed = True
            if self._file is not None:
                self._file.close()


class _Stretch:
    """Part of a file: a `Stored` content."""

    __slots__ = ("_file", "_length", "_start")

    def __init__(self, file: _File, start: int, length: int) -> None:
        self._file = file
        self._start = start
        self._length = length

    def __len__(self) -> int:
        return self._length

    async def read(self, at: int, most_bytes: int) -> bytes:
        """See `Stored.read`."""
        return await self._file.read(self._start + at, min(most_bytes, self._length - at))


class Incoming:
    """One form on its way in. Its owner closes it when its request has ended, however it ended."""

    def __init__(self, content_type: str, directory: Path, memory_bytes: int) -> None:
        self._collector: Collector | None = None
        self._fault: BadRequest | None = None
        self._unwritten = bytearray()
        self._file = _File(directory)
        self._is_stored = False
        try:
            self._collector = Collector(boundary_of(content_type), memory_bytes)
        except BadRequest as fault:
            self._fault = fault

    async def take(self, data: bytes) -> None:
        """Take a piece of the body; nothing is kept of one that is no form. Raises OSError if it cannot be stored."""
        if self._collector is None:
            return
        try:
            for content in self._collector.feed(data):
                self._unwritten += content
        except BadRequest as fault:
            self._give_up(fault)
        if len(self._unwritten) >= WRITE_BYTES:
            await self._write()

    async def form(self) -> Form:
        """The form, now that the body has ended, or why it is none. Raises OSError if it cannot be stored."""
        if self._collector is not None:
            try:
                form = self._collector.form(self._stored)
            except BadRequest as fault:
                self._give_up(fault)
            else:
                await self._write()
                return form
        return Form(fault=self._fault)

    def close(self) -> None:
        """Let go of what was kept: it cannot be read any more."""
        if self._is_stored:
            self._file.close()

    async def _write(self) -> None:
        """Write what waits to be written."""
        if self._unwritten:
            self._is_stored = True
            data, self._unwritten = self._unwritten, bytearray()
            await self._file.append(data)

    def _stored(self, start: int, length: int) -> Stored:
        return _Stretch(self._file, start, length)

    def _give_up(self, fault: BadRequest) -> None:
        self._collector = None
        self._fault = fault
        self._unwritten.clear()


class Uploads:
    """Where the forms of a worker are kept while they are answered: large files in *directory*, which is made."""

    def __init__(self, directory: Path, *, memory_bytes: int = MEMORY_BYTES) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._memory_bytes = memory_bytes

    def incoming(self, content_type: str) -> Incoming:
        """A form that is about to arrive under that Content-Type."""
        return Incoming(content_type, self._directory, self._memory_bytes)
