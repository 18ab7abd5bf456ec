from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import hub
from engine.errors import UpstreamMalformed
from engine.values import Usage
from engine.wire.cohere.reply import decode_reply, encode_reply, finish_of, word_of

CASES = Path(__file__).parents[3] / "wire" / "cohere"
BODIES = [path.read_bytes() for path in sorted(CASES.glob("*/upstream.json"))]


@pytest.mark.parametrize("word", ["COMPLETE", "STOP_SEQUENCE", "MAX_TOKENS", "TOOL_CALL", "ERROR", "TIMEOUT"])
def test_every_word_comes_back(word: str) -> None:
    """Cohere's own word is kept where it means the same."""
    assert word_of(finish_of(word, calls=False), word) == word


def test_words_of_other_protocols() -> None:
    """A finish that came from elsewhere has a word; a word that nobody knows is an error."""
    assert word_of(hub.Finish.LENGTH, "max_tokens") == "MAX_TOKENS"
    assert word_of(None, "") == "COMPLETE"
    assert finish_of("SURPRISE", calls=False) is hub.Finish.ERROR


def test_content_may_be_a_text_or_nothing() -> None:
    """Content as a string is read as one text, null as none."""
    reply = decode_reply(b'{"message":{"content":"Hi"}}')
    assert reply.choices[0].parts == (hub.Text(text="Hi"),)
    assert reply.choices[0].finish is None
    assert decode_reply(b'{"message":{"content":null}}').choices[0].parts == ()


def test_a_tool_that_takes_nothing_is_called_with_an_object() -> None:
    """Cohere writes `null` for it, which is no arguments to a caller's tool."""
    call = b'{"id":"a","type":"function","function":{"name":"now","arguments":"null"}}'
    reply = decode_reply(b'{"message":{"tool_calls":[%b]}}' % call)
    assert reply.choices[0].parts == (hub.ToolCall(id="a", name="now", arguments="{}"),)


PARTS: st.SearchStrategy[hub.Part] = st.one_of(
    st.builds(hub.Text, text=st.text(min_size=1)),
    st.builds(hub.Thinking, text=st.text(min_size=1)),
)
CALLS = st.lists(st.builds(hub.ToolCall, id=st.text(), name=st.text(), arguments=st.just('{"a":1}')), max_size=2)


@given(parts=st.lists(PARTS, max_size=4), calls=CALLS)
def test_a_reply_comes_back_as_it_was(parts: list[hub.Part], calls: list[hub.ToolCall]) -> None:
    """Texts, thoughts and calls survive; one thought beside calls is their plan, and comes first again."""
    thoughts = [part for part in parts if isinstance(part, hub.Thinking)]
    if calls and len(thoughts) == 1:
        parts = [*thoughts, *(part for part in parts if part is not thoughts[0])]
    finish = hub.Finish.TOOL_CALLS if calls else hub.Finish.STOP
    choice = hub.Choice(parts=(*parts, *calls), finish=finish, finish_raw="TOOL_CALL" if calls else "COMPLETE")
    reply = hub.Reply(id="r", choices=(choice,), usage=Usage(input=1, output=2), origin="cohere")
    assert decode_reply(encode_reply(reply)) == reply


def test_what_cohere_cannot_say_is_left_out_of_a_reply() -> None:
    """A picture of another provider's, and an answer without choices, do not stop anything."""
    choice = hub.Choice(parts=(hub.Media(kind="image", data="QUJD"), hub.Text(text="Hi")))
    assert decode_reply(encode_reply(hub.Reply(choices=(choice,)))).choices[0].parts == (hub.Text(text="Hi"),)
    assert decode_reply(encode_reply(hub.Reply())).choices[0].parts == ()


@given(data=st.data())
def test_no_body_crashes_it(data: st.DataObject) -> None:
    """Random bytes, and answers with bytes changed, are read or are malformed."""
    body = bytearray(data.draw(st.sampled_from(BODIES)))
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, len(body) - 1), st.integers(0, 255)), max_size=4)):
        body[at] = byte
    for candidate in (bytes(body), data.draw(st.binary(max_size=60))):
        try:
            reply = decode_reply(candidate)
        except UpstreamMalformed:
            continue
        assert msgspec.json.decode(encode_reply(reply))
