"""The shape of a configuration: every file parsed, overlaid and held against its schema."""

from dataclasses import dataclass

from engine.config.bundle import Bundle
from engine.config.cache import Cache
from engine.config.tree import Document, Kind, parse
from engine.errors import Problem

__all__ = ["Checked", "check"]

FOLDERS = {
    "routes.d": Kind.ROUTES,
    "providers.d": Kind.PROVIDER,
    "policies": Kind.POLICY,
    "tests/routing": Kind.ROUTING_TEST,
}


@dataclass(frozen=True, slots=True)
class Checked:
    """All documents of a configuration that could be read, and every problem found on the way."""

    documents: tuple[Document, ...]
    """`routes.yaml` first, then by path: the order in which rules are read."""
    problems: tuple[Problem, ...]
    broken: tuple[str, ...] = ()
    """Files whose YAML could not be read: what they would have defined is unknown, not absent."""


def check(bundle: Bundle, cache: Cache | None = None) -> Checked:
    """Every file of *bundle*, read and held against its schema, with the overlay in force laid over."""
    documents: list[Document] = []
    problems: list[Problem] = []
    broken: list[str] = []
    for file, data in bundle.files.items():
        kind = Kind.ROUTES if file == "routes.yaml" else FOLDERS.get(file.rpartition("/")[0])
        if kind is None:
            continue
        value, places, found = parse(file, data)
        problems += found
        if found and not value:
            broken.append(file)
        else:
            documents.append(Document(file, kind, value, places, sound=not found))
    return Checked(tuple(documents), tuple(problems), tuple(broken))
