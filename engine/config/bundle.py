"""A configuration root as bytes: which files belong to it, and the one place in `config` that reads them."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from stat import S_ISREG
from types import MappingProxyType

from engine.config.revision import revision
from engine.errors import ConfigUnreadable

__all__ = ["Bundle", "laid_over", "overlays", "read", "with_overlay"]

ROOT_FILE = "routes.yaml"
ROOT_NAMES = (ROOT_FILE, "routes.yml")
FOLDERS = ("routes.d", "providers.d", "policies", "overlays", "tests/routing")
SUFFIXES = (".yaml", ".yml")
"""`.yml` is read so that it can be refused by name: a file that is silently skipped would be worse."""


@dataclass(frozen=True)
class Bundle:
    """The files of a configuration, exactly as they were read, and the overlay that is laid over them."""

    files: Mapping[str, bytes]
    """Path relative to the root, with `/` → content; sorted by path."""
    git_rev: str = ""
    """Short git revision of the root; empty outside a repository."""
    overlay: str = ""
    """Name of the overlay in force; empty for the base."""

    @cached_property
    def bundle_hash(self) -> str:
        """SHA-256 (hex) over overlay, paths and bytes, each with its length."""
        digest = hashlib.sha256(self.overlay.encode() + b"\0")
        for path, data in sorted(self.files.items()):
            digest.update(f"{len(path)}:{path}{len(data)}:".encode())
            digest.update(data)
        return digest.hexdigest()


def read(root: Path) -> Bundle:
    """The configuration under *root*.

    Raises:
        ConfigUnreadable: *root* is not a directory, or a folder or file of it cannot be read: what is in there would
            otherwise be gone without a word.
    """
    try:
        if not root.is_dir():
            raise ConfigUnreadable(f"{root} is not a directory")
        files = {path.relative_to(root).as_posix(): _bytes(path) for path in _files(root)}
    except OSError as exc:
        raise ConfigUnreadable(f"{exc.filename}: {exc.strerror}") from exc
    return Bundle(files=_sorted(files), git_rev=revision(root))


def overlays(bundle: Bundle) -> tuple[str, ...]:
    """Names of the overlays in *bundle*, sorted."""
    inside = (path.removeprefix("overlays/") for path in bundle.files if path.startswith("overlays/"))
    return tuple(sorted(name.removesuffix(".yaml") for name in inside if name.endswith(".yaml")))


def with_overlay(bundle: Bundle, name: str) -> Bundle:
    """*bundle* with the overlay *name* in force.

    Raises:
        ConfigUnreadable: there is no such overlay.
    """
    if name not in overlays(bundle):
        known = ", ".join(overlays(bundle)) or "there are none"
        raise ConfigUnreadable(f"no overlay '{name}' in this configuration (known: {known})")
    return replace(bundle, overlay=name)


def laid_over(bundle: Bundle, other: Mapping[str, bytes]) -> Bundle:
    """*bundle* with the files of *other* put in; where both have a path, *other* wins."""
    return replace(bundle, files=_sorted({**bundle.files, **other}))


def _sorted(files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    return MappingProxyType(dict(sorted(files.items())))


def _files(root: Path) -> Iterator[Path]:
    """The files that belong to a configuration. Hidden ones do not: editors and Kubernetes keep their own there."""
    yield from (path for name in ROOT_NAMES if os.path.lexists(path := root / name))
    for folder in FOLDERS:
        yield from (path for path in _inside(root / folder) if path.suffix in SUFFIXES and path.name[0] != ".")


def _inside(folder: Path) -> list[Path]:
    """What is in *folder*, sorted; nothing where there is none."""
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []


def _bytes(path: Path) -> bytes:
    """The content of a file that can be waited for: not of a pipe, which may never end."""
    if not path.name.isprintable():
        raise ConfigUnreadable(f"{str(path)!a}: the name of this file cannot be printed; rename it")
    if not S_ISREG(path.stat().st_mode):
        raise ConfigUnreadable(f"{path}: this is not a file")
    return path.read_bytes()
