"""A worker's end of the broker: what answers an ask, and what does not."""

from engine.live.control import Message, TokenAsk, TokenLease, TokenLeave, TokenTold
from engine.live.token_link import TokenLink
from engine.values import AccessToken, TokenStanding

STANDING = TokenStanding(version=1, token=AccessToken("tok", 100.0), at_s=1.0)


def test_only_the_last_ask_is_answered() -> None:
    """What the broker says of an earlier one is dropped: the last says what had been seen, so newer things follow."""
    said: list[Message] = []
    heard: list[TokenStanding | None] = []
    link = TokenLink(said.append)
    link.ask("a", 0, heard.append)
    link.leave("a")
    link.take(TokenTold("a", 1, STANDING))
    link.ask("a", 0, heard.append)
    link.take(TokenTold("a", 1, STANDING))
    link.take(TokenLease("a", 1))
    assert heard == []
    link.take(TokenLease("a", 2))
    link.take(TokenTold("a", 2, STANDING))

    assert heard == [None, STANDING]
    assert said == [TokenAsk("a", 0, 1), TokenLeave("a"), TokenAsk("a", 0, 2)]
