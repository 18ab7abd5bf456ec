import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UpstreamMalformed
from engine.wire.sse import MOST_EVENT_BYTES, EventBlocks, data_of, events, is_whole

ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


def fed(data: bytes, cuts: list[int]) -> tuple[bytes, bytes]:
    """All blocks, joined, and the rest, of *data* cut at *cuts*."""
    blocks = EventBlocks()
    marks = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    whole = b"".join(blocks.feed(data[begin:end]) for begin, end in pairwise(marks))
    return whole, blocks.rest()


@given(
    lines=st.lists(
        st.sampled_from([b"data: {}", b"", b": ping", b"event: error", b"data: a\xe2\x80\xa8b"]), max_size=12
    ),
    end=ENDS,
    cuts=st.lists(st.integers(0, 200), max_size=8),
)
def test_cuts_and_line_ends_do_not_matter(lines: list[bytes], end: bytes, cuts: list[int]) -> None:
    """The same events come out whatever ends the lines and wherever the bytes are cut."""
    with_lf = b"".join(line + b"\n" for line in [*lines, b": end"])
    data = b"".join(line + end for line in lines) + b": end\n"
    for got in (fed(data, []), fed(data, cuts), fed(data, list(range(200)))):
        assert b"".join(got) == with_lf


@given(data=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200), max_size=8))
def test_blocks_hold_whole_events(data: bytes, cuts: list[int]) -> None:
    """Every block ends with the empty line of its last event, and its events joined are the block."""
    whole, _ = fed(data, cuts)
    assert whole == b"" or whole.endswith(b"\n\n")
    assert b"".join(events(whole)) == whole


def test_events_are_told_apart_by_empty_lines() -> None:
    """Each ends with its first empty line; a line too many begins the next, and the last may be cut."""
    block = b": hi\n\nevent: a\ndata: b\n\n\ndata: c\n\n\n\ndata: d\n"
    assert list(events(block)) == [b": hi\n\n", b"event: a\ndata: b\n\n", b"\ndata: c\n\n", b"\n\n", b"data: d\n"]


def test_an_event_of_many_lines_takes_no_more_memory_than_it_has_bytes() -> None:
    """A provider decides how many lines an event has."""
    block = b"a\n" * 200_000 + b"\n"
    tracemalloc.start()
    assert list(events(block)) == [block]
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most_bytes < 2 * len(block)


def test_the_last_event_may_lack_its_empty_line() -> None:
    """What is not ended is handed over at the end."""
    assert fed(b"data: 1\n\ndata: 2\n", []) == (b"data: 1\n\n", b"data: 2\n")


def test_data_lines_are_joined() -> None:
    """An event's data are its data lines, joined by LF; comments and names are not data."""
    assert data_of(b": hi\nevent: x\ndata: a\ndata:b\n\n") == b"a\nb"
    assert data_of(b"data:\ndata: b\n\n") == b"\nb"
    assert data_of(b"metadata: a\n data: b\n\n") == b""
    assert data_of(b": ping\n\n") == b""


def test_an_endless_event_is_refused() -> None:
    """Memory is bounded: an event larger than the bound is no event."""
    blocks = EventBlocks()
    piece = b"x" * (1 << 20)
    for _ in range(MOST_EVENT_BYTES >> 20):
        assert blocks.feed(piece) == b""
    with pytest.raises(UpstreamMalformed):
        blocks.feed(b"x")


@pytest.mark.parametrize(
    ("rest", "whole"),
    [
        (b'data: {"a": 1}', True),
        (b"event: done\ndata: {}\n", True),
        (b"data: [DONE]", True),
        (b'data: {"a": ', False),
        (b"data: [1]", False),
        (b'data: {"a": "\xff"}', False),
        (b"data: " + b"[" * 100_000, False),
        (b": ping", False),
        (b"", False),
    ],
)
def test_what_lacks_only_its_empty_line(rest: bytes, whole: bool) -> None:
    """An event whose data is an object or the end has arrived; half of one, or none, has not."""
    assert is_whole(rest) is whole
