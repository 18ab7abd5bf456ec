"""Contents that need not be in memory, and bodies that are made of them.

Whoever reads a form sees only how long such a content is; whoever sends it reads what it holds, piece by piece.
"""

from collections.abc import AsyncGenerator
from typing import Protocol

import msgspec

__all__ = ["Body", "Content", "Pieces", "Stored"]

CHUNK_BYTES = 64 * 1024
"""asyncio's high-water mark for a transport: no more is handed over at once than may wait there."""


class Stored(Protocol):
    """A content that is kept outside memory."""

    def __len__(self) -> int:
        """How many bytes it has."""
        ...

    async def read(self, at: int, most_bytes: int) -> bytes:
        """At most *most_bytes* from offset *at* on; fewer if the content ends before.

        Raises:
            OSError: it cannot be read.
        """
        ...


Content = bytes | Stored


class Pieces(msgspec.Struct, frozen=True):
    """A body whose length is known, and which can be read more than once, each time from its start."""

    contents: tuple[Content, ...]

    def __len__(self) -> int:
        return sum(map(len, self.contents))

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """All of it, at most 64 KiB at a time. Raises OSError where a stored content cannot be read."""
        for content in self.contents:
            for at in range(0, len(content), CHUNK_BYTES):
                if isinstance(content, bytes):
                    yield content[at : at + CHUNK_BYTES]
                else:
                    yield await content.read(at, CHUNK_BYTES)


Body = bytes | Pieces
"""What goes to a provider: bytes where we wrote it in memory, pieces where it is a form."""
