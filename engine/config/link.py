"""Documents → one tree: sections of several files joined by name, providers by their id, rules in order.

Knows which mappings are joined, and what may stand in one file only. Does not know what anything means.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from msgspec.structs import replace

from engine.config.defaults import filled
from engine.config.placed import Placed
from engine.config.places import Node, Path, Places
from engine.config.report import Report
from engine.config.tree import Document, Kind
from engine.errors import Place, Problem

__all__ = ["ROOT", "Tree", "link"]

ROOT: Final = "routes.yaml"

JOINED: Final[frozenset[Path]] = frozenset(
    {
        (),
        ("aliases",),
        ("models",),
        ("teams",),
        ("consumers",),
        ("access",),
        ("access", "roles"),
        ("record",),
        ("privacy",),
    }
)
"""Mappings whose entries may come from several files; each entry is written in one of them."""

ROOT_ONLY: Final = ("requires", "defaults")
"""What holds for the whole configuration and is read from its root file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A configuration as one tree, defaults filled in."""

    routes: Placed
    """`version`, `requires`, `defaults`, `aliases` and `models` of all files."""
    rules: tuple[Placed, ...]
    """`routes` of all files: `routes.yaml` first, then by file name."""
    providers: Mapping[str, Placed]
    policies: Placed


def link(documents: Sequence[Document], broken: Collection[str], report: Report) -> Tree:
    """The tree of *documents*, which come without their gaps and in the order of their rules."""
    routes, providers, policies = (
        [document for document in documents if document.kind is kind]
        for kind in (Kind.ROUTES, Kind.PROVIDER, Kind.POLICY)
    )
    _check_root((*broken, *(document.file for document in documents)), report)
    for document in routes:
        _check_root_only(document, report)
    return Tree(
        routes=filled(_joined(Kind.ROUTES, routes, report), Kind.ROUTES),
        rules=tuple(rule for document in routes for rule in _rules(document)),
        providers=_providers(providers, report),
        policies=filled(_joined(Kind.POLICY, policies, report), Kind.POLICY),
    )


def _check_root(files: Collection[str], report: Report) -> None:
    if ROOT not in files:
        message = "a configuration begins with this file, and it is not there"
        hint = "write one with `version: 1` and `defaults`, or give the directory with --config"
        report.problems.append(Problem(slug="no-root", place=Place(ROOT, 1), key="", message=message, hint=hint))


def _check_root_only(document: Document, report: Report) -> None:
    if document.file == ROOT:
        return
    for key in ROOT_ONLY:
        if key in document.value:
            at = Placed(document, (key,), document.value[key])
            report.key_error("root-only", at, f"'{key}' holds for the whole configuration", hint=f"move it to {ROOT}")


def _rules(document: Document) -> Iterable[Placed]:
    """The rules of one file, each at its own index there."""
    if "routes" not in document.value:
        return ()
    return filled(Placed(document, ("routes",), document.value["routes"]), Kind.ROUTES, "routes").each()


def _providers(documents: Iterable[Document], report: Report) -> Mapping[str, Placed]:
    """Providers by the name of their file, which `id` repeats; one that does not goes by the file's all the same."""
    providers: dict[str, Placed] = {}
    for document in documents:
        name = PurePosixPath(document.file).stem
        provider = Placed(document, (), _without_free(document.value))
        if provider["id"].value != name and provider.is_whole("id"):
            message = f"'{provider['id'].value}' is not the name of its file"
            report.error("provider-id", provider["id"], message, hint=f"write '{name}', or rename the file")
        providers[name] = filled(provider.with_value({**provider.value, "id": name}), Kind.PROVIDER)
    return providers


def _without_free(value: Mapping[str, Any]) -> dict[str, Any]:
    """The root of a file without its free keys, which are a home for anchors and mean nothing."""
    return {key: inner for key, inner in value.items() if not key.startswith("x-")}


def _joined(kind: Kind, documents: Sequence[Document], report: Report) -> Placed:
    """One document of all *documents*. What two of them set stays as the first one says, and is an error."""
    spot = (documents[0].file if documents else ROOT, 1, 1)
    joined = Document(spot[0], kind, {}, Places((spot, spot, {})))
    for document in documents:
        left_out = {"routes", *(ROOT_ONLY if document.file != ROOT else ())}
        own = {key: value for key, value in _without_free(document.value).items() if key not in left_out}
        addition = replace(document, value=own)
        value, node = _join((), (joined.value, joined.places.root), (own, document.places.root), addition, report)
        joined = replace(joined, value=value, places=Places(node), gaps=joined.gaps + document.gaps)
    return Placed(joined, (), joined.value)


_Tree = tuple[Any, Node]


def _join(path: Path, first: _Tree, second: _Tree, document: Document, report: Report) -> _Tree:
    """Both mappings in one; *second* is what *document* has at *path*."""
    values, nodes = dict(first[0]), dict(first[1][2])
    for key, value in second[0].items():
        node, inner = second[1][2][key], (*path, key)
        if key not in values:
            values[key], nodes[key] = value, node
        elif inner in JOINED:
            values[key], nodes[key] = _join(inner, (values[key], nodes[key]), (value, node), document, report)
        elif inner != ("version",):
            first_place = Place(*nodes[key][0])
            at = Placed(document, inner, value)
            report.key_error(
                "set-twice", at, f"'{key}' is set twice", hint="keep one", related=(("first", first_place),)
            )
    return values, (first[1][0], first[1][1], nodes)
