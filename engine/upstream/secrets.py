"""Where secrets come from: a port, and the one implementation over the environment and files."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Protocol

from engine.values import SecretRef

__all__ = ["RECHECK_S", "EnvAndFiles", "Secrets", "expand", "may_change", "references"]

RECHECK_S = 1.0
"""How stale a secret from a file may be: a `stat` a second costs nothing, one a request would cost 2 µs."""
MAX_SECRET_BYTES = 65_536
"""Far above any credential (a GCP service account is 2.4 kB); a file above it is not one."""

_REFERENCE = re.compile(r"\$\{(env|file):([^}]+)\}")


class Secrets(Protocol):
    """Resolves references. What it gives is never logged, put into an exception, or into a `repr`."""

    def read(self, ref: SecretRef) -> str | None:
        """The secret; None when it is missing or empty: an empty credential is none. See `may_change`."""
        ...


def may_change(ref: SecretRef) -> bool:
    """Whether *ref* may come to read differently: the environment stays as a process was started with it."""
    return ref.scheme != "env"


def references(text: str) -> Iterator[SecretRef]:
    """The references inside *text*, in order."""
    return (SecretRef(match[1], match[2]) for match in _REFERENCE.finditer(text))


def expand(text: str, secrets: Secrets) -> str | None:
    """*text* with its references replaced; None when one is missing."""
    if any(secrets.read(ref) is None for ref in references(text)):
        return None
    return _REFERENCE.sub(lambda match: secrets.read(SecretRef(match[1], match[2])) or "", text)


class EnvAndFiles:
    """`env:NAME` from *environ*, `file:PATH` from the disk, read again when the file has changed."""

    def __init__(self, environ: Mapping[str, str], now: Callable[[], float] = monotonic) -> None:
        self._environ = dict(environ)
        self._now = now
        self._files: dict[str, _File] = {}

    def read(self, ref: SecretRef) -> str | None:
        """See `Secrets.read`. White space around a file's content is not part of it: editors end it with a newline."""
        if ref.scheme == "env":
            return self._environ.get(ref.name) or None
        if ref.scheme != "file":
            return None
        now_s = self._now()
        file = self._files.get(ref.name)
        if file is None:
            file = self._files[ref.name] = _File(Path(ref.name))
        if now_s >= file.look_at_s:
            file.look()
            file.look_at_s = now_s + RECHECK_S
        return file.content


class _File:
    """A file as it was last seen."""

    __slots__ = ("_path", "_stamp", "content", "look_at_s")

    def __init__(self, path: Path) -> None:
        self.content: str | None = None
        self.look_at_s = 0.0
        self._path = path
        self._stamp: tuple[int, int, int] | None = None

    def look(self) -> None:
        """Read it again if it is another one, or has been written to."""
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp != self._stamp:
                self.content = self._read() if stat.st_size <= MAX_SECRET_BYTES else None
                self._stamp = stamp
        except (OSError, UnicodeDecodeError):
            self.content = None
            self._stamp = None

    def _read(self) -> str | None:
        return self._path.read_text(encoding="utf-8").strip() or None
