"""Overlays: a patch of the whole configuration laid over its documents.

At the top an overlay has the keys of `routes.yaml` and of the policies, and `providers` with a patch per provider.
Mappings merge by key; scalars and lists replace. What an overlay says has its place in the overlay's file.
"""

from collections.abc import Collection, Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

from msgspec.structs import replace

from engine.config.places import Node, Path, Places
from engine.config.schemas import schema
from engine.config.suggest import did_you_mean
from engine.config.tree import Document, Kind
from engine.errors import Problem

__all__ = ["laid_over"]

_Tree = tuple[Any, Node]
"""A value and where it is written."""

PROVIDERS = "providers"


def laid_over(
    documents: Sequence[Document], patch: Document, unread: Collection[str] = ()
) -> tuple[list[Document], list[Problem]]:
    """*documents* with *patch* merged in, in the same order, and what of the patch fits nowhere.

    Documents that the patch does not touch are returned as they are. What no file of a kind defines goes into the
    first of that kind; where there is none, into a document of its own that is written in the overlay's file.
    Patches of *unread* providers are passed over.
    """
    problems: list[Problem] = []
    result = list(documents)
    for key, value in patch.value.items():
        tree = (value, patch.places.root[2][key])
        if key == PROVIDERS and isinstance(value, dict):
            patches = {name: inner for name, inner in value.items() if name not in unread}
            _lay_providers(result, patch, (patches, tree[1]), problems)
        elif kind := _kind_of(key):
            _lay_section(result, kind, key, tree, patch.file)
        elif not key.startswith("x-"):
            problems.append(_unknown(patch, (key,), "unknown key", _known_sections()))
    return result, problems


def _kind_of(key: str) -> Kind | None:
    return next((kind for kind in (Kind.ROUTES, Kind.POLICY) if key in schema(kind)["properties"]), None)


def _known_sections() -> list[str]:
    return [PROVIDERS, *schema(Kind.ROUTES)["properties"], *schema(Kind.POLICY)["properties"]]


def _unknown(patch: Document, path: Path, message: str, known: Iterable[str]) -> Problem:
    key = str(path[-1])
    return Problem(
        slug="unknown-key",
        place=patch.places.key(path),
        key=".".join(map(str, path)),
        message=message,
        hint=did_you_mean(key, known),
    )


def _lay_providers(documents: list[Document], patch: Document, tree: _Tree, problems: list[Problem]) -> None:
    """Patch each provider's document, found by the name of its file."""
    by_id = {PurePosixPath(d.file).stem: i for i, d in enumerate(documents) if d.kind is Kind.PROVIDER}
    for name, value in tree[0].items():
        if name not in by_id:
            problems.append(_unknown(patch, (PROVIDERS, name), "no such provider to lay this over", by_id))
            continue
        index = by_id[name]
        documents[index] = _with(documents[index], _merged(_tree(documents[index]), (value, tree[1][2][name])))


def _lay_section(documents: list[Document], kind: Kind, key: str, tree: _Tree, file: str) -> None:
    """Patch one top-level key of a kind whose files are one tree."""
    indexes = [i for i, document in enumerate(documents) if document.kind is kind]
    if not indexes:
        empty = Document(file, kind, {}, Places(((file, 1, 1), (file, 1, 1), {})))
        documents.append(empty)
        indexes = [len(documents) - 1]
    trees = [_tree(documents[i]) for i in indexes]
    _lay(trees, (key,), tree)
    for index, new in zip(indexes, trees, strict=True):
        if new[0] is not documents[index].value:
            documents[index] = _with(documents[index], new)


def _lay(trees: list[_Tree], path: Path, patch: _Tree) -> None:
    """Put *patch* at *path* of the tree that has it, in place in *trees*; of several, each gets its own part."""
    holders = [i for i, tree in enumerate(trees) if _at(tree, path) is not None]
    values = [patch[0], *(found[0] for i in holders if (found := _at(trees[i], path)))]
    if len(holders) > 1 and all(isinstance(value, dict) for value in values):
        for key, value in patch[0].items():
            _lay(trees, (*path, key), (value, patch[1][2][key]))
        return
    for other in holders[1:]:
        trees[other] = _replaced(trees[other], path, None)
    first = holders[0] if holders else next(i for i, tree in enumerate(trees) if _at(tree, path[:-1]) is not None)
    before = _at(trees[first], path)
    trees[first] = _replaced(trees[first], path, _merged(before, patch) if before else patch)


def _tree(document: Document) -> _Tree:
    return document.value, document.places.root


def _with(document: Document, tree: _Tree) -> Document:
    return replace(document, value=tree[0], places=Places(tree[1]))


def _at(tree: _Tree, path: Path) -> _Tree | None:
    value, node = tree
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return None
        value, node = value[str(step)], node[2][step]
    return value, node


def _merged(base: _Tree, patch: _Tree) -> _Tree:
    """*patch* over *base*: mappings key by key, anything else replaced."""
    if not isinstance(base[0], dict) or not isinstance(patch[0], dict):
        return patch
    values, nodes = dict(base[0]), dict(base[1][2])
    for key, value in patch[0].items():
        new = (value, patch[1][2][key])
        values[key], nodes[key] = _merged((values[key], nodes[key]), new) if key in values else new
    return values, (base[1][0], base[1][1], nodes)


def _replaced(tree: _Tree, path: Path, new: _Tree | None) -> _Tree:
    """A copy of *tree* with *new* at *path*, whose parent exists; None removes what is there."""
    values, nodes = dict(tree[0]), dict(tree[1][2])
    step = str(path[0])
    if len(path) > 1:
        values[step], nodes[step] = _replaced((values[step], nodes[step]), path[1:], new)
    elif new is None:
        del values[step], nodes[step]
    else:
        values[step], nodes[step] = new
    return values, (tree[1][0], tree[1][1], nodes)
