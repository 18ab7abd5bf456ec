"""Forms for tests: written whole, and contents that are stored where a test can see who reads them."""

import asyncio
from pathlib import Path

from engine.wire.content import Pieces


def whole(body: Pieces) -> bytes:
    """*body*, of which nothing is stored."""
    return b"".join(content for content in body.contents if isinstance(content, bytes))


class Kept:
    """A stored content that knows how far it was read; *fails_at* is where it cannot be."""

    def __init__(self, content: bytes, *, fails_at: int | None = None) -> None:
        self.content = content
        self.fails_at = fails_at
        self.read_to = 0
        self.most_bytes = 0

    def __len__(self) -> int:
        return len(self.content)

    async def read(self, at: int, most_bytes: int) -> bytes:
        """See `Stored.read`."""
        await asyncio.sleep(0)
        if self.fails_at is not None and at >= self.fails_at:
            raise OSError("the disk is gone")
        self.most_bytes = max(self.most_bytes, most_bytes)
        data = self.content[at : at + most_bytes]
        self.read_to = at + len(data)
        return data


def open_below(folder: str, process: Path = Path("/proc/self")) -> list[str]:
    """The files below *folder*, nameless ones too, that *process* has open."""
    links = []
    for descriptor in (process / "fd").iterdir():
        try:
            links.append(str(descriptor.readlink()))
        except FileNotFoundError:  # closed meanwhile
            continue
    return [link for link in links if folder in link]
