"""The shape of a configuration: every file parsed, overlaid and held against its schema."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any

import msgspec
from msgspec import structs

from engine import __version__
from engine.config import overlay, schemas
from engine.config.bundle import ROOT_FILE, Bundle
from engine.config.cache import Cache
from engine.config.gaps import without_gaps
from engine.config.leaks import leaks
from engine.config.places import Node, Path, Places
from engine.config.tree import Document, Kind, parse
from engine.errors import Place, Problem

__all__ = ["Checked", "check"]

KINDS = {
    "routes.d": Kind.ROUTES,
    "providers.d": Kind.PROVIDER,
    "policies": Kind.POLICY,
    "tests/routing": Kind.ROUTING_TEST,
}
"""Folder → what its files are."""


class Checked(msgspec.Struct, frozen=True):
    """All documents of a configuration that could be read, and every problem found on the way."""

    written: tuple[Document, ...]
    """As they are written, with what is wrong in them: names are read from these, since what stands in a place where
    something is wrong is not unknown. `routes.yaml` first, then by path: the order in which rules are read."""
    documents: tuple[Document, ...]
    """The same without what is wrong in them."""
    problems: tuple[Problem, ...]
    """By place."""
    broken: tuple[str, ...] = ()
    """Files that could not be read: what they would have defined is unknown, not absent."""


class _Examined(msgspec.Struct, frozen=True):
    """One file and what is wrong with it."""

    document: Document
    writing: Sequence[Problem] = ()
    """Of the text."""
    shape: Sequence[Problem] = ()
    """Of the values."""
    unread: Sequence[Path] = ()
    """The gaps of its document that the writing makes."""

    @property
    def is_broken(self) -> bool:
        """Nothing could be read of it."""
        return bool(self.writing) and not self.document.value


def check(bundle: Bundle, cache: Cache | None = None) -> Checked:
    """Every file of *bundle*, read and held against its schema, with the overlay in force laid over."""
    names = sorted(bundle.files, key=lambda name: (name != ROOT_FILE, name))
    problems = list(_misnamed(names))
    files = [_examined(name, kind, bundle.files[name], cache) for name in names if (kind := _kind(name))]
    if bundle.overlay:
        files, more = _overlaid(files, bundle, cache)
        problems += more
    for file in files:
        problems += [*file.writing, *file.shape]
    written = tuple(file.document for file in files if not file.is_broken)
    return Checked(
        written=written,
        documents=tuple(map(without_gaps, written)),
        problems=tuple(sorted(set(problems), key=lambda problem: problem.order)),
        broken=(*(file.document.file for file in files if file.is_broken), *_unread(names)),
    )


def _kind(name: str) -> Kind | None:
    """What the file *name* is; None for overlays and for files that are refused by name."""
    folder, _, base = name.rpartition("/")
    if not base.endswith(".yaml"):
        return None
    return Kind.ROUTES if name == ROOT_FILE else KINDS.get(folder)


def _misnamed(names: Iterable[str]) -> Iterator[Problem]:
    for name in names:
        if name.endswith(".yml"):
            hint = f"rename it to '{name.rpartition('/')[2].removesuffix('.yml')}.yaml'"
            message = "files that end in '.yml' are not read"
            yield Problem(slug="file-name", place=Place(name, 1), key="", message=message, hint=hint)


def _unread(names: Iterable[str]) -> Iterator[str]:
    """What the files that are refused by name would be called."""
    renamed = (f"{name.removesuffix('.yml')}.yaml" for name in names if name.endswith(".yml"))
    return (name for name in renamed if _kind(name))


def _examined(name: str, kind: Kind, data: bytes, cache: Cache | None) -> _Examined:
    """One file by itself."""
    value, node, writing, unread, shape, gaps = _kept(cache, [kind, name, data], partial(_read, name, kind, data))
    return _Examined(Document(name, kind, value, Places(node), (*unread, *gaps)), writing, shape, unread)


def _read(
    name: str, kind: Kind | None, data: bytes
) -> tuple[Any, Node, list[Problem], list[Path], list[Problem], list[Path]]:
    """The value of a file and its places, then problems and gaps: of the text, and of the values."""
    value, places, writing, unread = parse(name, data)
    writing += leaks(name, data)
    document = Document(name, kind or Kind.ROUTES, value, places)
    is_broken = bool(writing) and not value
    shape, gaps = _shape(document, writing) if kind and not is_broken else ([], [])
    return value, places.root, writing, unread, shape, gaps


def _overlaid(files: Sequence[_Examined], bundle: Bundle, cache: Cache | None) -> tuple[list[_Examined], list[Problem]]:
    """*files* with the overlay laid over, and the problems of the overlay's own text and keys."""
    name = f"overlays/{bundle.overlay}.yaml"
    data = bundle.files[name]
    value, node, writing, *_ = _kept(cache, ["overlay", name, data], partial(_read, name, None, data))
    patch = Document(name, Kind.ROUTES, value, Places(node))
    readable = {id(file.document): file for file in files if not file.is_broken}
    unread = {PurePosixPath(file.document.file).stem for file in files if file.is_broken}
    documents, misfits = overlay.laid_over([file.document for file in readable.values()], patch, unread)
    by_name = {file.document.file: file for file in files}
    result = [file for file in files if file.is_broken]
    for document in documents:
        before = readable.get(id(document))
        if before is None:
            first = by_name.get(document.file, _Examined(document))
            made_of = _made_of(document, bundle, data)
            shape, gaps = _kept(cache, made_of, partial(_patched_shape, document, first.writing))
            patched = structs.replace(document, gaps=(*first.unread, *gaps))
            before = _Examined(patched, first.writing, shape, first.unread)
        result.append(before)
    return result, [*writing, *misfits]


def _made_of(document: Document, bundle: Bundle, patch: bytes) -> Iterator[str | bytes]:
    """All that a patched *document* depends on.

    A provider's patch goes into its own file; which file of the other kinds a section goes into depends on all of them.
    """
    yield from ("patched", document.kind, document.file, patch)
    for name, data in bundle.files.items():
        if name == document.file or (document.kind is not Kind.PROVIDER and _kind(name) is document.kind):
            yield from (name, data)


def _patched_shape(document: Document, writing: Sequence[Problem]) -> tuple[list[Problem], list[Path]]:
    """The same for a patched document: what stands in the overlay has the key path that it has there."""
    found, gaps = _shape(document, writing)
    if document.kind is not Kind.PROVIDER:
        return found, gaps
    prefix = f"providers.{PurePosixPath(document.file).stem}."
    return [p if p.place.file == document.file else replace(p, key=prefix + p.key) for p in found], gaps


def _shape(document: Document, writing: Sequence[Problem]) -> tuple[list[Problem], list[Path]]:
    """What the schema does not allow in *document*, but for values that a problem of the text explains; and its gaps.

    The module with jsonschema is imported only when it is needed: that takes longer than the rest of a check whose
    results are all in the cache.
    """
    explained = {problem.key for problem in writing if problem.key}
    validation = import_module("engine.config.validation")
    findings = validation.findings(document)
    problems = [problem for problem, _ in findings if problem.key not in explained]
    return problems, [gap for _, gaps in findings for gap in gaps]


def _kept(cache: Cache | None, parts: Iterable[str | bytes], make: Callable[[], Any]) -> Any:
    """What *make* returns, from the cache if it was made of the same *parts* before."""
    if cache is None:
        return make()
    digest = hashlib.sha256(f"{__version__}:{schemas.digest()}".encode())
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(f":{len(data)}:".encode() + data)
    key = digest.hexdigest()
    found = cache.get(key)
    if found is None:
        found = make()
        cache.put(key, found)
    return found
