from engine.wire.content import CHUNK_BYTES, Pieces
from tests.forms import Kept


async def test_pieces_are_read_in_chunks() -> None:
    """A body of pieces knows its length, and gives all of it, in bounded chunks, as often as it is read."""
    stored = Kept(bytes(range(256)) * 600)
    body = Pieces((b"a" * (CHUNK_BYTES + 1), stored, b"", b"z"))
    for _ in range(2):
        chunks = [chunk async for chunk in body.chunks()]
        assert b"".join(chunks) == b"a" * (CHUNK_BYTES + 1) + stored.content + b"z"
        assert max(map(len, chunks)) == CHUNK_BYTES
        assert all(chunks)
    assert len(body) == CHUNK_BYTES + 1 + len(stored) + 1
