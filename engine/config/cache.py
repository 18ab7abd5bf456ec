"""What was found out about a file before, kept by the digest of all it depended on."""

from typing import Any, Protocol

__all__ = ["Cache"]


class Cache(Protocol):
    """Results by key. Keys are digests over everything a result depends on, so an entry is never stale."""

    def get(self, key: str) -> Any:
        """The result kept under *key*; None when there is none."""
        ...

    def put(self, key: str, result: Any) -> None:
        """Keep *result*, which is not None, under *key*."""
        ...
