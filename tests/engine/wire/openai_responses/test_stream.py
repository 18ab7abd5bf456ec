from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import hub
from engine.errors import UpstreamFault, UpstreamMalformed, UpstreamReset
from engine.wire.openai_responses.stream import Decoder

CASES = Path(__file__).parents[3] / "wire" / "openai_responses"
STREAMS = [path.read_bytes() for path in sorted(CASES.glob("*/upstream.sse"))]


def decoded(pieces: list[bytes]) -> tuple[list[hub.Event], str]:
    decoder = Decoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    try:
        return events + decoder.close(), ""
    except UpstreamFault as fault:
        return events, f"{fault.kind}: {fault.detail}"


@settings(max_examples=100)
@given(data=st.data(), stream=st.sampled_from(STREAMS))
def test_a_stream_says_the_same_however_it_is_cut(data: st.DataObject, stream: bytes) -> None:
    """Also between CR and LF, and within a character."""
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert decoded(pieces) == decoded([stream])


@settings(max_examples=200)
@given(data=st.data(), stream=st.sampled_from(STREAMS))
def test_no_damage_is_too_strange(data: st.DataObject, stream: bytes) -> None:
    """A stream with any piece replaced gives events, and at most one failure, which is the last of them."""
    at = data.draw(st.integers(0, len(stream)))
    to = data.draw(st.integers(at, min(len(stream), at + 40)))
    new = data.draw(st.binary(max_size=4) | st.sampled_from([b"null", b"[]", b"{}", b"1", b'""', b"\n\n"]))
    events, _ = decoded([stream[:at] + new + stream[to:]])
    failures = [isinstance(event, hub.Failed) for event in events]
    assert not any(failures[:-1])


@given(body=st.binary(max_size=60))
def test_no_bytes_are_too_strange(body: bytes) -> None:
    """What is no stream is a fault or a failure."""
    with suppress(UpstreamFault):
        decoder = Decoder()
        events = [*decoder.feed(body), *decoder.close()]
        assert isinstance(events[-1], hub.Failed)


def test_the_end_is_seen() -> None:
    """`done` says whether the event that ends an answer came; what follows it does not count."""
    whole = next(stream for stream in STREAMS if b"response.completed" in stream and b"\r" not in stream)
    decoder = Decoder()
    assert not decoder.done
    assert decoder.feed(whole)
    assert decoder.done
    assert decoder.feed(whole) == decoder.close() == []


def test_a_body_that_ends_early_was_reset() -> None:
    """No bytes at all, a comment, or `[DONE]` without an answer."""
    for body in (b"", b": waiting\n\n", b"data: [DONE]\n\n"):
        decoder = Decoder()
        assert decoder.feed(body) == []
        with pytest.raises(UpstreamReset):
            decoder.close()


def test_an_event_without_end_is_malformed() -> None:
    """What is held is bounded."""
    decoder = Decoder()
    events = [event for _ in range(17) for event in decoder.feed(b"data: " + b"x" * 1024 * 1024)]
    assert [type(event) for event in events] == [hub.Failed]
    assert decoder.close() == []


def test_a_page_is_no_stream() -> None:
    """It is said so."""
    decoder = Decoder()
    decoder.feed(b"<html></html>\n\n")
    with pytest.raises(UpstreamMalformed, match="not an event stream"):
        decoder.close()
