"""Where every key and value of a document is written."""

from collections.abc import Iterable, Mapping
from typing import Any

from engine.errors import Place

__all__ = ["Node", "Path", "Places", "Sparse", "Spot"]

Path = tuple[str | int, ...]
"""Keys and list indexes from the root of a document down to a value."""

Spot = tuple[str, int, int]
"""File, line and column, counted from 1: a `Place` in the form that is kept by the hundred thousand."""

Node = tuple[Spot, Spot, Mapping[str | int, Any]]
"""Where a value's key stands, where the value stands, and the same for each of its children (`Any` is `Node`)."""


class Places:
    """Places by path. A path that the document does not have is answered with its nearest ancestor's place."""

    __slots__ = ("root",)

    def __init__(self, root: Node) -> None:
        self.root = root

    def key(self, path: Path) -> Place:
        """Where the key at *path* is written; for a list item, where the item is."""
        return Place(*self._node(path)[0])

    def value(self, path: Path) -> Place:
        """Where the value at *path* begins."""
        return Place(*self._node(path)[1])

    def _node(self, path: Path) -> Node:
        node = self.root
        for step in path:
            child = node[2].get(step)
            if child is None:
                return node
            node = child
        return node


class Sparse(list[Any]):
    """A list without some of its items; the others know at which index they are written."""

    def __init__(self, items: Iterable[Any], indexes: tuple[int, ...]) -> None:
        super().__init__(items)
        self.indexes = indexes
