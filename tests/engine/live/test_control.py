"""Messages between supervisor and workers survive however a socket cuts them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Bug
from engine.live.control import (
    MAX_FRAME_BYTES,
    Drain,
    FrameDecoder,
    Message,
    Part,
    Reload,
    Reloaded,
    Report,
    Swap,
    SwapFailed,
    Swapped,
    TokenAsk,
    TokenFailed,
    TokenFetched,
    TokenLease,
    TokenLeave,
    TokenTold,
    encode,
)
from engine.live.current import Result, Status
from engine.values import AccessToken, TokenStanding

STATUS = Status(config_hash="ab", result=Result.REFUSED, diagnostics="routes.yaml:1:1: no", previous=("cd",))
MESSAGES: list[Message] = [
    Part("root", b"\x00bytes\xff", {"retry-budget": 0}),
    Swap(7, ("root", "provider/a"), STATUS),
    Report(STATUS),
    Reload(3),
    Reloaded(3, STATUS),
    Drain(),
    Swapped(7),
    SwapFailed(8, "KeyError: 'root'"),
    TokenAsk("ac", 0, 1),
    TokenLease("ac", 1),
    TokenFetched("ac", 1, AccessToken("t0k-canary", 12.5)),
    TokenFailed("ac", 1, "the token endpoint answered 503"),
    TokenTold(
        "ac", 1, TokenStanding(version=2, token=AccessToken("t0k-canary", 12.5), failures=1, detail="no", at_s=9.0)
    ),
    TokenTold("ac", 2, TokenStanding()),
    TokenLeave("ac"),
]


def test_whole() -> None:
    """Every kind of message comes out as it went in."""
    assert FrameDecoder().feed(b"".join(map(encode, MESSAGES))) == MESSAGES


def test_one_byte_at_a_time() -> None:
    """A message is there as soon as its last byte is, and not before."""
    decoder, seen = FrameDecoder(), []
    for byte in b"".join(map(encode, MESSAGES)):
        seen += decoder.feed(bytes([byte]))

    assert seen == MESSAGES


def test_no_message_shows_a_token() -> None:
    """What a message's `repr` says may be logged."""
    assert "canary" not in repr(MESSAGES)


@given(st.lists(st.integers(0, 2000)))
def test_any_cuts(cuts: list[int]) -> None:
    """Where the bytes are cut makes no difference."""
    data = b"".join(map(encode, MESSAGES))
    places = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    decoder, seen = FrameDecoder(), []
    for start, end in pairwise(places):
        seen += decoder.feed(data[start:end])

    assert seen == MESSAGES


@pytest.mark.parametrize("data", [b"\x00\x00\x00\x01\xc1", (MAX_FRAME_BYTES).to_bytes(4, "big")])
def test_what_we_do_not_write_is_a_bug(data: bytes) -> None:
    """A frame that is no message, or too large to be one, ends the conversation instead of being guessed at."""
    with pytest.raises(Bug):
        FrameDecoder().feed(data)
