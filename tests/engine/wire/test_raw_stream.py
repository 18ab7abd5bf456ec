"""Answers that are no text, in pieces."""

import pytest

from engine.errors import UpstreamReset
from engine.values import Measures, Usage
from engine.wire.raw_stream import RawStream


def test_bytes_pass_as_they_are() -> None:
    """Every piece goes out, the last one at the end; what is paid is what was asked for."""
    stream = RawStream(Measures(characters=3))
    assert (stream.feed(b"ab"), stream.started) == (b"", False)
    assert (stream.feed(b"c"), stream.started) == (b"ab", True)
    assert stream.close() == b"c"
    assert (stream.content_events, stream.usage, stream.measures) == (2, Usage(), Measures(characters=3))


def test_an_answer_without_bytes_is_none() -> None:
    """Nothing came, so another target may be asked."""
    with pytest.raises(UpstreamReset):
        RawStream(Measures()).close()
