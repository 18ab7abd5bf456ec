from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import OutcomeKind, UpstreamFault, UpstreamMalformed, UpstreamReset
from engine.wire.media_stream import MOST_HELD_BYTES, MediaStream, Said


class Stream(MediaStream):
    __slots__ = ("ends",)

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[Any] = []

    def _end(self, said: Said) -> None:
        self.ends.append(said.usage)


def event(**fields: Any) -> bytes:
    return b"data: " + msgspec.json.encode(fields) + b"\n\n"


OPENED = event(type="x.created")
PIECE = event(type="x.delta", delta="a")
END = event(type="x.done", usage={"n": 1})
DONE = b"data: [DONE]\n\n"


def test_bytes_pass_as_they_are() -> None:
    """Pieces go out as they came, and the end is read on the way."""
    stream = Stream()
    assert stream.feed(OPENED) == b""
    assert not stream.started
    assert stream.feed(PIECE) == OPENED + PIECE
    assert stream.started
    assert stream.feed(PIECE + END) == PIECE + END
    assert (stream.content_events, stream.ends) == (2, [{"n": 1}])
    assert stream.feed(DONE) == b""
    assert stream.close() == DONE
    assert stream.done


def test_no_terminator_is_needed() -> None:
    """The end of the answer is a proper end, as OpenAI's picture streams have no other."""
    stream = Stream()
    assert stream.feed(PIECE + END.removesuffix(b"\n")) + stream.close() == PIECE + END


@pytest.mark.parametrize("body", [OPENED + PIECE + PIECE + END + DONE, PIECE.replace(b"\n", b"\r\n") + END])
@pytest.mark.parametrize("size", [1, 7])
def test_cuts_do_not_matter(body: bytes, size: int) -> None:
    """However the stream is cut, the same bytes go out and the same is read."""
    stream = Stream()
    out = b"".join(stream.feed(body[at : at + size]) for at in range(0, len(body), size)) + stream.close()
    assert out == body.replace(b"\r\n", b"\n")
    assert stream.ends == [{"n": 1}]


@pytest.mark.parametrize(
    "error",
    [
        event(type="error", error={"message": "slow down", "code": "rate_limit_exceeded"}),
        event(type="error", message="slow down", code="rate_limit_exceeded"),
        b"event: error\n" + event(error={"message": "slow down", "code": "rate_limit_exceeded"}),
    ],
)
def test_errors_inside(error: bytes) -> None:
    """An error inside the stream is told, before the first piece so that another target can take over."""
    stream = Stream()
    assert stream.feed(OPENED + error + PIECE) == b""
    assert stream.error is not None
    assert stream.error.kind is OutcomeKind.RATE_LIMITED
    assert not stream.started
    late = Stream()
    assert late.feed(PIECE + error + PIECE) == PIECE
    assert late.error == stream.error


def test_an_error_instead_of_a_stream() -> None:
    """A JSON error in place of the stream is told; any other body is none."""
    stream = Stream()
    stream.feed(b'{"error":{"message":"slow down","code":"rate_limit_exceeded"}}')
    assert stream.close() == b""
    assert stream.error is not None
    assert stream.error.kind is OutcomeKind.RATE_LIMITED
    html = Stream()
    html.feed(b"<html>")
    with pytest.raises(UpstreamMalformed):
        html.close()


@pytest.mark.parametrize("body", [b"", OPENED, PIECE, PIECE + END[:9], PIECE + DONE])
def test_an_early_end(body: bytes) -> None:
    """A body that ends before the answer was cut off."""
    stream = Stream()
    stream.feed(body)
    with pytest.raises(UpstreamReset):
        stream.close()


def test_events_that_cannot_be_read() -> None:
    """Bytes that are not the protocol end the stream; what came before them goes out."""
    stream = Stream()
    assert stream.feed(PIECE + b"data: {\n\n" + PIECE) == PIECE
    assert stream.error is not None
    assert stream.error.kind is OutcomeKind.MALFORMED


def test_what_is_held_is_bounded() -> None:
    """A stream without any piece is let go when much of it is held."""
    stream = Stream()
    comment = b": wait\n\n" * (MOST_HELD_BYTES // 8)
    assert stream.feed(comment) == b""
    assert stream.feed(b": wait\n\n") == comment + b": wait\n\n"
    assert stream.started


@given(
    pieces=st.lists(
        st.binary(max_size=20) | st.sampled_from([OPENED, PIECE, END, DONE, b"data: ", b"\n\n", b"[]", b"{}", b"\r"]),
        max_size=8,
    )
)
def test_no_stream_is_too_strange(pieces: list[bytes]) -> None:
    """Any bytes pass, end in an error, or are told at the close."""
    stream = Stream()
    for piece in pieces:
        stream.feed(piece)
    with suppress(UpstreamFault):
        stream.close()
        assert stream.ends or stream.error
