"""Results of earlier checks, kept in files of the user's cache directory so that the next check is quick."""

import copyreg
import hashlib
import io
import os
import pickle
from contextlib import suppress
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from engine import __version__
from engine.cli.environment import cache_home
from engine.config.tree import Kind
from engine.errors import Place, Problem, Severity

__all__ = ["DiskCache", "cache_file"]

ALLOWED = {(found.__module__, found.__qualname__): found for found in (Decimal, Kind, Place, Problem, Severity)}
"""All that results are made of, beside plain values: nothing else in a cache file is ever called."""
SEAL_BYTES = 16
"""Pickle reads most damaged bytes as other values without a word, so a digest stands before them."""
PACKAGE = Path(__file__).parent.parent


def cache_file(root: Path, name: str) -> Path | None:
    """Where *name* is kept for the configuration at *root*: in the user's cache directory; None without one."""
    home = cache_home()
    if home is None:
        return None
    digest = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]
    return home / "engine" / f"{digest}.{name}"


@cache
def _make() -> str:
    """What results depend on beside their keys: the version, and in a working tree the newest file of the code."""
    newest = max(path.stat().st_mtime_ns for path in PACKAGE.rglob("*.py"))
    return f"{__version__}:{newest}"


def _by_value(member: Enum) -> tuple[type[Enum], tuple[object]]:
    return type(member), (member.value,)


class _Pickler(pickle.Pickler):
    # Python 3.11.0 to 3.11.3 have `getattr` look a member up by its name, which has no place in a cache.
    dispatch_table = copyreg.dispatch_table | {Kind: _by_value, Severity: _by_value}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a cache") from None


class DiskCache:
    """A `config.cache.Cache` over *file*, which is read when it is first asked, and saved with what was used.

    Without a file it keeps nothing.

    A file that is missing, damaged or of another make counts as empty, and one that cannot be written is not: a cache
    is never a reason to fail. Saving leaves out what was not asked for, so that a file does not grow.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._make = _make()
        self._known: dict[str, Any] | None = None
        self._used: dict[str, Any] = {}
        self._has_news = False

    def get(self, key: str) -> Any:
        """The result kept under *key*; None when there is none."""
        if self._known is None:
            self._known = {} if self._file is None else _loaded(self._file, self._make)
        if key not in self._used and key in self._known:
            self._used[key] = self._known[key]
        return self._used.get(key)

    def put(self, key: str, result: Any) -> None:
        """Keep *result*, which is not None, under *key*."""
        self._used[key] = result
        self._has_news = True

    def save(self) -> None:
        """Write what was used, if anything of it is new; whole or not at all."""
        if self._file is None or not self._has_news:
            return
        temporary = self._file.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            results = _dumped(self._used)
            temporary.write_bytes(_seal(self._make, results) + results)
            temporary.replace(self._file)
        except OSError:
            with suppress(OSError):
                temporary.unlink()


def _dumped(results: object) -> bytes:
    stream = io.BytesIO()
    _Pickler(stream, pickle.HIGHEST_PROTOCOL).dump(results)
    return stream.getvalue()


def _loaded(file: Path, make: str) -> dict[str, Any]:
    """The results in *file*, if they are just as they were written, by an engine of the same *make*."""
    try:
        data = file.read_bytes()
        seal, results = data[:SEAL_BYTES], data[SEAL_BYTES:]
        return dict(_Unpickler(io.BytesIO(results)).load()) if seal == _seal(make, results) else {}
    except (OSError, pickle.UnpicklingError):
        return {}


def _seal(make: str, results: bytes) -> bytes:
    return hashlib.blake2b(f"{make}\0".encode() + results, digest_size=SEAL_BYTES).digest()
