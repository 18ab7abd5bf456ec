import gzip
import zlib
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UpstreamMalformed
from engine.upstream.inflate import MAX_DECODED_BYTES, PIECE_BYTES, Inflater

ENCODED: dict[str, tuple[bytes, Callable[[bytes], bytes]]] = {
    "gzip": (b"gzip", lambda data: gzip.compress(data, mtime=0)),
    "x-gzip": (b"x-gzip", lambda data: gzip.compress(data, mtime=0)),
    "members": (b"gzip", lambda data: gzip.compress(data[:7], mtime=0) + gzip.compress(data[7:], mtime=0)),
    "zlib": (b"deflate", zlib.compress),
    "raw": (b"deflate", lambda data: zlib.compress(data, wbits=-15)),
}


def inflated(encoding: bytes, pieces: Iterable[bytes]) -> bytes:
    """What comes out when the pieces go in one after the other."""
    inflater = Inflater(encoding)
    out = []
    for piece in pieces:
        inflater.feed(piece)
        while data := inflater.read():
            assert len(data) <= PIECE_BYTES
            out.append(data)
    inflater.finish()
    return b"".join(out)


@pytest.mark.parametrize("kind", ENCODED)
@given(data=st.binary(min_size=1, max_size=2_000))
def test_what_went_in_comes_out(kind: str, data: bytes) -> None:
    """Every encoding is undone, fed whole and byte by byte."""
    encoding, encode = ENCODED[kind]
    encoded = encode(data)
    assert inflated(encoding, [encoded]) == data
    assert inflated(encoding, [encoded[i : i + 1] for i in range(len(encoded))]) == data


@pytest.mark.parametrize("encoding", [b"br", b"zstd", b"gzip, gzip", b"compress"])
def test_other_encodings_are_refused(encoding: bytes) -> None:
    """We ask for none of them, and nested ones are how bombs are built."""
    with pytest.raises(UpstreamMalformed):
        Inflater(encoding)


def test_an_empty_body_is_whole() -> None:
    """Some servers label an empty body as compressed."""
    assert inflated(b"gzip", []) == b""


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_broken_off_body(cut: int) -> None:
    """A compressed body without its end is malformed, not short."""
    with pytest.raises(UpstreamMalformed):
        inflated(b"gzip", [gzip.compress(b"hello" * 100, mtime=0)[:cut]])


def test_a_damaged_body() -> None:
    """A wrong checksum is malformed."""
    encoded = bytearray(gzip.compress(b"hello" * 100, mtime=0))
    encoded[-6] ^= 1
    with pytest.raises(UpstreamMalformed):
        inflated(b"gzip", [bytes(encoded)])


def test_a_bomb_is_stopped_early() -> None:
    """A thousandfold body is given up soon after its first MiB, piece by piece until then."""
    inflater = Inflater(b"gzip")
    inflater.feed(gzip.compress(bytes(8 * 1_048_576))[:4_096])
    for _ in range(1_048_576 // PIECE_BYTES):
        assert inflater.read()
    with pytest.raises(UpstreamMalformed, match="bomb"):
        inflater.read()


def test_text_is_no_bomb() -> None:
    """Two MiB of ordinary JSON pass, although they pack well."""
    text = b"".join(b'{"id":%d,"delta":{"content":"word %d"}},' % (n, n * 7_919) for n in range(60_000))
    assert len(text) > 2 * 1_048_576
    assert inflated(b"gzip", [gzip.compress(text, mtime=0)]) == text


def test_the_whole_is_bounded() -> None:
    """More than 64 MiB are not decoded, however honest the ratio."""
    packer = zlib.compressobj(0)
    pieces = (packer.compress(bytes(PIECE_BYTES)) for _ in range(2 * MAX_DECODED_BYTES // PIECE_BYTES))
    with pytest.raises(UpstreamMalformed, match="64 MiB"):
        inflated(b"deflate", pieces)
