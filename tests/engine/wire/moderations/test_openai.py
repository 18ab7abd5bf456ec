import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UpstreamMalformed
from engine.values import Usage
from engine.wire.moderations.openai import decode_reply
from engine.wire.moderations.values import ModerationReply

REPLY = (
    b'{"id":"modr-1","model":"omni-moderation","results":[{"flagged":false,"categories":{"violence":false}},'
    b'{"flagged":true,"categories":{"violence":true},"category_scores":{"violence":0.9}}]}'
)
MISTRAL = (
    b'{"id":"1","usage":{"prompt_tokens":9,"total_tokens":9,"completion_tokens":0},"model":"mistral-moderation",'
    b'"results":[{"categories":{"pii":true,"sexual":false}},{"categories":{"pii":false}}]}'
)


def test_verdicts() -> None:
    """Each input is flagged as the provider says, or where it does not, when a category is met."""
    assert decode_reply(REPLY) == ModerationReply(id="modr-1", model="omni-moderation", flagged=(False, True))
    mistral = decode_reply(MISTRAL)
    assert (mistral.flagged, mistral.usage) == ((True, False), Usage(input=9))


@given(at=st.integers(0, len(REPLY) - 1), whole=st.binary(max_size=30))
def test_no_answer_is_too_strange(at: int, whole: bytes) -> None:
    """Any other bytes are malformed."""
    for body in (REPLY[:at], whole, b"{}", b'{"results":[7]}', b'{"results":[{"flagged":"no"}]}'):
        with pytest.raises(UpstreamMalformed):
            decode_reply(body)
