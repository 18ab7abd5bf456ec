from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UpstreamMalformed, UpstreamReset
from engine.upstream.http1 import MAX_HEAD_BYTES, MAX_HEADERS, MAX_INTERIM, ResponseParser

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: Chunked\r\nX-Id: 7\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nx-t: 1\r\n\r\n"


def cuts(data: bytes) -> st.SearchStrategy[list[bytes]]:
    """*data*, cut anywhere."""
    places = st.lists(st.integers(0, len(data)), max_size=12).map(sorted)
    return places.map(lambda at: [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True)])


@given(cuts(CHUNKED))
def test_cuts_do_not_matter(pieces: list[bytes]) -> None:
    """An answer reads the same however its bytes were cut."""
    parser = ResponseParser()
    for piece in pieces:
        parser.feed(piece)
    assert (parser.status, b"".join(parser.pieces), parser.complete, parser.keep_alive) == (
        200,
        b"hello world",
        True,
        True,
    )
    assert parser.headers == [(b"transfer-encoding", b"Chunked"), (b"x-id", b"7")]


def test_one_byte_at_a_time() -> None:
    """Fed byte by byte, an answer is complete with its last byte and not before."""
    parser = ResponseParser()
    for i in range(len(CHUNKED)):
        assert not parser.complete
        parser.feed(CHUNKED[i : i + 1])
    assert parser.complete
    assert b"".join(parser.pieces) == b"hello world"


def test_begin_forgets_everything() -> None:
    """One parser reads any number of answers; nothing of one is left in the next."""
    parser = ResponseParser()
    parser.feed(CHUNKED)
    first = b"".join(parser.pieces)
    parser.pieces.clear()
    parser.begin()
    assert (parser.started, parser.status, parser.complete, parser.headers) == (False, 0, False, [])
    parser.feed(OK + b"content-length: 2\r\n\r\nhi")
    assert (first, parser.pieces) == (b"hello world", [b"hi"])


@pytest.mark.parametrize("surplus", [b"junk", OK, OK + b"content-length: 3\r\n\r\nbad"])
def test_surplus_ends_reuse_and_nothing_else(surplus: bytes) -> None:
    """What follows a complete answer never becomes part of it."""
    parser = ResponseParser()
    parser.feed(OK + b"content-length: 2\r\n\r\nhi" + surplus)
    assert (parser.pieces, parser.headers, parser.status) == ([b"hi"], [(b"content-length", b"2")], 200)
    assert parser.complete
    assert not parser.keep_alive


@pytest.mark.parametrize("status", [102, 103])
def test_interim_answers_are_skipped(status: int) -> None:
    """1xx heads leave nothing behind, up to their bound."""
    interim = b"HTTP/1.1 %d X\r\nlink: y\r\n\r\n" % status
    parser = ResponseParser()
    parser.feed(interim * MAX_INTERIM + OK + b"content-length: 0\r\n\r\n")
    assert parser.headers == [(b"content-length", b"0")]
    with pytest.raises(UpstreamMalformed):
        ResponseParser().feed(interim * (MAX_INTERIM + 1))


def test_heads_are_bounded() -> None:
    """Number and bytes of headers have a bound that ordinary heads are far from."""
    headers = b"".join(b"a%d: b\r\n" % n for n in range(MAX_HEADERS))
    ResponseParser().feed(OK + headers + b"\r\n")
    with pytest.raises(UpstreamMalformed):
        ResponseParser().feed(OK + headers + b"more: x\r\n\r\n")
    with pytest.raises(UpstreamMalformed):
        ResponseParser().feed(OK + b"a: " + b"b" * MAX_HEAD_BYTES + b"\r\n\r\n")


@pytest.mark.parametrize("endless", [b"x", b"0;", b"0\r\nx: "], ids=["head", "chunk extension", "trailer"])
def test_framing_without_body_is_bounded(endless: bytes) -> None:
    """A head, chunk extension or trailer that never ends is cut off: it must not grow in memory."""
    parser = ResponseParser()
    start = OK + b"a: " if endless == b"x" else OK + b"transfer-encoding: chunked\r\n\r\n" + endless

    def feed_long() -> None:
        parser.feed(start)
        for _ in range(MAX_HEAD_BYTES // 1_000 + 1):
            parser.feed(b"x" * 1_000)

    with pytest.raises(UpstreamMalformed):
        feed_long()


def test_a_long_body_in_small_chunks_is_not_framing() -> None:
    """The bound on framing starts again with every piece of body."""
    parser = ResponseParser()
    parser.feed(OK + b"transfer-encoding: chunked\r\n\r\n")
    for _ in range(MAX_HEAD_BYTES):
        parser.feed(b"1\r\na\r\n")
        parser.pieces.clear()
    assert not parser.complete


@pytest.mark.parametrize(
    ("sent", "received"), [(b"", False), (b"HTTP/1.1", True), (OK + b"content-length: 2\r\n\r\nh", True)]
)
def test_an_early_end_is_a_reset(sent: bytes, received: bool) -> None:
    """A connection that ends before its answer says whether any byte had come."""
    parser = ResponseParser()
    if sent:
        parser.feed(sent)
    with pytest.raises(UpstreamReset) as caught:
        parser.eof()
    assert caught.value.received is received


def test_the_end_completes_an_answer_without_a_length() -> None:
    """Without length and chunks the end of the connection is the end of the answer."""
    parser = ResponseParser()
    parser.feed(OK + b"\r\nall of it")
    assert not parser.complete
    parser.eof()
    assert parser.complete
    assert not parser.keep_alive


@pytest.mark.parametrize("end", [ResponseParser.eof, ResponseParser.end])
def test_an_answer_that_is_ended_is_the_last(end: Callable[[ResponseParser], None]) -> None:
    """What the answer before it said of keeping alive does not count for one whose end was not framed."""
    parser = ResponseParser()
    parser.feed(OK + b"content-length: 0\r\n\r\n")
    assert parser.keep_alive
    parser.begin()
    parser.feed(OK + b"\r\n")
    end(parser)
    assert parser.complete
    assert not parser.keep_alive


@given(st.binary(max_size=300))
def test_no_bytes_crash_it(data: bytes) -> None:
    """Whatever arrives is an answer, the beginning of one, or malformed."""
    for start in (b"", OK, OK + b"transfer-encoding: chunked\r\n\r\n"):
        parser = ResponseParser()
        try:
            parser.feed(start + data)
        except UpstreamMalformed as fault:
            assert fault.received  # noqa: PT017 - most inputs are malformed, some are not
