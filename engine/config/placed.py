"""A value together with the way to it, so that whatever is said of it has a file, a line and a key path."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from engine.config.places import Sparse
from engine.config.tree import Document, Path
from engine.errors import Place

__all__ = ["Placed", "merged"]


class Placed(msgspec.Struct, frozen=True):
    """A value of a document. What was filled in by default has the place of what it was filled into."""

    document: Document
    path: Path
    value: Any

    @property
    def place(self) -> Place:
        """Where the value is written."""
        return self.document.places.value(self.path)

    @property
    def key_place(self) -> Place:
        """Where its key is written; for an item of a list, the item."""
        return self.document.places.key(self.path)

    @property
    def key(self) -> str:
        """The dotted key path."""
        return ".".join(map(str, self.path))

    @property
    def name(self) -> str:
        """The last key of the path."""
        return str(self.path[-1])

    def __contains__(self, key: str) -> bool:
        return key in self.value

    def __getitem__(self, key: str | int) -> "Placed":
        value = self.value
        step = value.indexes[key] if isinstance(value, Sparse) and isinstance(key, int) else key
        return Placed(self.document, (*self.path, step), value[key])

    def is_whole(self, *keys: str) -> bool:
        """Whether all of it, or of what is under *keys*, says what was meant: nothing was wrong there."""
        path = (*self.path, *keys)
        return not any(gap[: len(path)] == path or path[: len(gap)] == gap for gap in self.document.gaps)

    def get(self, key: str) -> "Placed | None":
        """The value under *key*; None when there is none."""
        return self[key] if key in self.value else None

    def items(self) -> Iterator[tuple[str, "Placed"]]:
        """The entries of a mapping, in the order of the file."""
        return ((key, self[key]) for key in self.value)

    def values(self) -> Iterator["Placed"]:
        """The values of a mapping, in the order of the file."""
        return (self[key] for key in self.value)

    def each(self) -> Iterator["Placed"]:
        """The items of a list; a value that is no list is its own only item."""
        if not isinstance(self.value, list):
            return iter((self,))
        return (self[n] for n in range(len(self.value)))

    def with_value(self, value: Any) -> "Placed":
        """The same place with another value."""
        return replace(self, value=value)


def merged(base: Any, over: Any) -> Any:
    """*over* laid over *base*: mappings merge by key, everything else replaces."""
    if not isinstance(base, Mapping) or not isinstance(over, Mapping):
        return over
    return {**base, **{key: merged(base[key], value) if key in base else value for key, value in over.items()}}
