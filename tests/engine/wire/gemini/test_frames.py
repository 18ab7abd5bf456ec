import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UpstreamMalformed
from engine.wire import sse
from engine.wire.gemini.frames import Frames, Items

VALUES = st.recursive(
    st.none() | st.booleans() | st.text(max_size=6) | st.sampled_from(['"', "\\", '\\"', "{", "]", "}[", "\n"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=3), max_size=4)


@settings(max_examples=60)
@given(objects=OBJECTS, indent=st.sampled_from([None, 2]), size=st.integers(1, 9))
def test_items_come_out_however_the_array_is_cut(objects: list[object], indent: int | None, size: int) -> None:
    """Brackets in texts, escapes and indents do not matter, nor does where a read ends."""
    sent = json.dumps(objects, indent=indent).encode()
    items = Items()
    got = [item for at in range(0, len(sent), size) for item in items.feed(sent[at : at + size])]
    assert [json.loads(item) for item in got] == objects
    assert items.ended
    assert items.rest() == b""


def test_an_open_array_has_not_ended() -> None:
    """What is left of an item that broke off is held, and only that."""
    items = Items()
    assert items.feed(b'[{"a": 1}\n,\r\n{"b"') == [b'{"a": 1}']
    assert not items.ended
    assert items.rest() == b'{"b"'


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_events_end_in_any_way(size: int) -> None:
    """Gemini ends its lines by CRLF; comments and white space before the first event do not matter."""
    sent = b'\r\n: hello\r\n\r\ndata: {"a": 1}\r\n\r\ndata: {"b": 2}\n\n'
    frames = Frames()
    got = [chunk for at in range(0, len(sent), size) for chunk in frames.feed(sent[at : at + size])]
    assert got == [b'{"a": 1}', b'{"b": 2}']
    assert frames.seen
    assert not frames.ended


def test_the_last_event_may_lack_its_empty_line() -> None:
    """It is given out at the end; what is no event is told apart from it."""
    frames = Frames()
    assert frames.feed(b'data: {"a": 1}\r\n') == []
    assert frames.close() == ([b'{"a": 1}'], b"")
    frames = Frames()
    assert frames.feed(b'{"error": {}}') == []
    assert frames.close() == ([], b'{"error": {}}')


def test_nothing_is_held_without_bound() -> None:
    """An item, like an event, may only be so large."""
    items = Items()
    items.feed(b'["')
    with pytest.raises(UpstreamMalformed, match="more than"):
        items.feed(b"x" * sse.MOST_EVENT_BYTES)
