"""What the compile subprocess is told and what it hands back, each a MessagePack value, and how it is run.

It is told the digests of the parts in force on its standard input, so that it need not encode, nor the supervisor read,
a part that has not changed: the supervisor shares its processor with workers, whose callers would wait meanwhile.
"""

import asyncio
import os
from asyncio.subprocess import PIPE
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec

from engine.errors import EngineError

__all__ = [
    "CompileFailed",
    "Compiled",
    "CompiledPart",
    "SecretNeed",
    "compile_beside",
    "decode",
    "decode_known",
    "encode",
]

NICENESS = 10
"""How much nicer the subprocess is than we are: requests come first where processors are shared."""

TIMEOUT_S = 120.0
"""The largest configuration promised (200 providers, 5,000 models) compiles in 4 s: after 30 times that, it hangs."""
LAST_WORDS_BYTES = 2000
"""How much of a crashed compiler's standard error goes into the log."""


class CompileFailed(EngineError):
    """The compile subprocess died, hung or wrote what cannot be read. Not the fault of the configuration's author."""


class SecretNeed(msgspec.Struct, frozen=True):
    """A secret needed by a provider that some name can reach."""

    provider: str
    key: str
    """Label of the key it belongs to; empty for a reference elsewhere in the file."""
    scheme: str
    """`env` or `file`."""
    name: str
    place: str
    """`file:line:column`."""
    optional: bool
    """The provider says that it may be unconfigured."""


class CompiledPart(msgspec.Struct, frozen=True):
    """One part of a snapshot, dumped, with the names it needs on the board."""

    name: str
    """`root`, or `provider/<id>`."""
    digest: str
    """`snapshot.part_hash`: parts with equal digests are equal, though their dumps may differ."""
    data: bytes
    """Empty when the receiver has the part."""
    slots: tuple[str, ...]


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration as it was read: either its parts, or the problems that stop it from being used."""

    bundle_hash: str
    git_rev: str
    files: dict[str, bytes]
    """The configuration root's own files."""
    laid_over: dict[str, bytes]
    """Files of the demo that were laid over them."""
    problems: tuple[str, ...]
    """One line each, warnings too."""
    diagnostics: str
    """The same problems as `engine validate` prints them, with excerpts."""
    config_hash: str = ""
    parts: tuple[CompiledPart, ...] = ()
    """The root first, then the providers by name; empty when an error was found."""
    secrets: tuple[SecretNeed, ...] = ()
    tables: bytes = b""
    """Rows for the usage store, as `ConfigRecord.models` wants them."""
    retention_days: int | None = None

    @property
    def texts(self) -> dict[str, str]:
        """Path → text of every file that took part."""
        return {path: data.decode(errors="replace") for path, data in {**self.files, **self.laid_over}.items()}


_decoder: msgspec.msgpack.Decoder[Compiled] = msgspec.msgpack.Decoder(Compiled)
_known_decoder: msgspec.msgpack.Decoder[dict[str, str]] = msgspec.msgpack.Decoder(dict[str, str])


def decode_known(data: bytes) -> Mapping[str, str]:
    """Name → digest of the parts that the receiver has, from what the subprocess is told; empty without bytes."""
    return _known_decoder.decode(data) if data else {}


def encode(compiled: Compiled) -> bytes:
    """The bytes that the subprocess writes."""
    return msgspec.msgpack.encode(compiled)


def decode(data: bytes) -> Compiled:
    """What `encode` was given.

    Raises:
        CompileFailed: anything else, such as the output of a process that was killed.
    """
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError as exc:
        raise CompileFailed(f"its output of {len(data)} bytes cannot be read") from exc


async def compile_beside(
    command: Sequence[str], environ: Mapping[str, str], known: Mapping[str, str], timeout_s: float = TIMEOUT_S
) -> Compiled:
    """Run the compile subprocess and read its result; the event loop goes on meanwhile.

    *known* maps the names of parts to the digests whose parts need not be sent back.

    Raises:
        CompileFailed: it did not start, ended with a status other than 0, took longer than *timeout_s*, or wrote
            something else.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environ, process_group=0
        )
    except OSError as exc:
        raise CompileFailed(f"its process could not be started: {exc}") from exc
    try:
        _make_way(process.pid)
        async with asyncio.timeout(timeout_s):
            output, errors = await process.communicate(msgspec.msgpack.encode(known))
    except TimeoutError as exc:
        raise CompileFailed(f"it took longer than {timeout_s:.0f} s") from exc
    finally:
        await _end(process)
    if process.returncode != 0:
        words = errors[-LAST_WORDS_BYTES:].decode(errors="replace").strip()
        raise CompileFailed(f"it ended with status {process.returncode}: {words}")
    return decode(output)


def _make_way(pid: int) -> None:
    """Lower the process's priority below ours; the kernel clamps niceness at its maximum."""
    with suppress(ProcessLookupError):  # it may have ended already
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid) + NICENESS)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Leave no process behind, whatever happened to the wait for it."""
    if process.returncode is None:
        process.kill()
        await process.wait()
