"""Bounded decompression, for providers that compress although we ask for `identity`."""

import zlib

from engine.errors import UpstreamMalformed

__all__ = ["Inflater"]

PIECE_BYTES = 65_536
MAX_DECODED_BYTES = 64 * 1_048_576
"""The growth of memory that a bomb may cause, were its reader to keep it all."""
MAX_RATIO = 100
"""Decoded to encoded, judged after the first MiB: JSON text packs 3 to 20 fold, a bomb a thousandfold."""
RATIO_FREE_BYTES = 1_048_576

_GZIP = 31
_ZLIB = 15
_RAW = -15
_ZLIB_HEAD_BYTES = 2
"""Whether the zlib wrapper is there can be told from its two bytes of head, together."""
_WINDOWS = {b"gzip": _GZIP, b"x-gzip": _GZIP, b"deflate": _ZLIB}


class Inflater:
    """gzip or deflate in, decoded pieces of at most 64 KiB out.

    `feed` takes encoded bytes, `read` gives the next piece (b"" when it needs more), `finish` checks the end. All
    raise UpstreamMalformed; so does the constructor for an encoding that is neither.
    """

    def __init__(self, encoding: bytes) -> None:
        window = _WINDOWS.get(encoding)
        if window is None:
            raise UpstreamMalformed("a content encoding other than gzip and deflate", received=True)
        self._window = window
        self._inflate = zlib.decompressobj(window)
        self._input = b""
        self._in_bytes = 0
        self._out_bytes = 0

    def feed(self, data: bytes) -> None:
        """Add encoded bytes. Call it only once `read` has given b"": that is what bounds the memory."""
        self._in_bytes += len(data)
        self._input += data

    def read(self) -> bytes:
        """The next decoded piece, b"" when more input is needed."""
        if self._window == _ZLIB and self._in_bytes < _ZLIB_HEAD_BYTES:
            return b""
        while self._input or not self._inflate.eof:
            piece = self._step()
            if piece:
                return piece
            if not self._input:
                break
        return b""

    def finish(self) -> None:
        """Check that the encoded body was whole. An empty body is: some servers label it so all the same."""
        if self._in_bytes and not self._inflate.eof:
            raise UpstreamMalformed("the compressed body broke off", received=True)

    def _step(self) -> bytes:
        if self._inflate.eof:  # gzip files may be concatenated, RFC 1952 2.2
            self._inflate = zlib.decompressobj(self._window)
        try:
            piece = self._inflate.decompress(self._input, PIECE_BYTES)
        except zlib.error as exc:
            if self._window != _ZLIB or self._out_bytes:
                raise UpstreamMalformed("the compressed body is damaged", received=True) from exc
            # RFC 9110 8.4.1.2 note: some servers send deflate without its zlib wrapper
            self._window = _RAW
            self._inflate = zlib.decompressobj(_RAW)
            return self._step()
        self._input = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
        self._count(len(piece))
        return piece

    def _count(self, size: int) -> None:
        self._out_bytes += size
        if self._out_bytes > MAX_DECODED_BYTES:
            raise UpstreamMalformed("a compressed body of more than 64 MiB", received=True)
        if self._out_bytes > RATIO_FREE_BYTES and self._out_bytes > MAX_RATIO * self._in_bytes:
            raise UpstreamMalformed("a decompression bomb", received=True)
