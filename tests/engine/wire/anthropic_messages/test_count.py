from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UpstreamMalformed
from engine.wire.anthropic_messages.count import countable, decode_count, encode_count


@given(st.integers(0, 2**60))
def test_counts_come_back(tokens: int) -> None:
    """A count that is written reads the same."""
    assert decode_count(encode_count(tokens)) == tokens


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"input_tokens": "7"}', b'{"input_tokens": -1}', b"[" * 9999])
def test_what_is_no_count(body: bytes) -> None:
    """An answer without a count is malformed."""
    with pytest.raises(UpstreamMalformed):
        decode_count(body)


def test_newer_fields_are_passed_over() -> None:
    """Beta answers carry more beside the count."""
    assert decode_count(b'{"input_tokens": 7, "context_management": {"original_input_tokens": 9}}') == 7


def test_only_what_counts_is_asked() -> None:
    """The endpoint refuses what does not count, so it is left out."""
    fields = {
        name: msgspec.Raw(b"1") for name in ("messages", "system", "max_tokens", "stream", "temperature", "tools")
    }
    assert list(countable(fields)) == ["messages", "system", "tools"]


@given(st.binary())
def test_no_input_crashes(body: bytes) -> None:
    """Whatever comes is a count or is malformed."""
    with suppress(UpstreamMalformed):
        decode_count(body)
