import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UpstreamMalformed
from engine.wire import lines
from engine.wire.lines import LineBlocks


@given(whole=st.binary(max_size=60), cuts=st.lists(st.integers(0, 60), max_size=6))
def test_lines_are_whole_however_they_are_cut(whole: bytes, cuts: list[int]) -> None:
    """Nothing is lost, and nothing goes out that has no end."""
    blocks, out, at = LineBlocks(), b"", 0
    for cut in [*sorted(cuts), len(whole)]:
        block = blocks.feed(whole[at:cut])
        assert not block or block.endswith(b"\n")
        out += block
        at = max(at, cut)
    rest = blocks.rest()
    assert b"\n" not in rest
    assert out + rest == whole
    assert blocks.rest() == b""


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held is bounded."""
    monkeypatch.setattr(lines, "MOST_LINE_BYTES", 8)
    blocks = LineBlocks()
    assert blocks.feed(b"12345678\n12345678") == b"12345678\n"
    with pytest.raises(UpstreamMalformed):
        blocks.feed(b"9")
