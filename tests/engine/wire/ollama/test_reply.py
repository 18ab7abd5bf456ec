from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import hub
from engine.errors import UpstreamMalformed
from engine.values import Usage
from engine.wire.ollama.reply import created_at, created_of, decode_reply, encode_reply, finish_of, prefix_of

CASES = Path(__file__).parents[3] / "wire" / "ollama"
BODIES = [path.read_bytes() for path in sorted(CASES.glob("*/upstream.json"))]


def test_times() -> None:
    """Go writes up to nine digits and any zone; what is no time is none."""
    assert created_of("2026-03-01T10:00:00.123456789Z") == created_of("2026-03-01T11:00:00+01:00") == 1_772_359_200
    assert created_of("") is None
    assert created_of("soon") is None
    assert created_at(1_772_359_200) == "2026-03-01T10:00:00Z"
    assert created_at(None) == "1970-01-01T00:00:00Z"


def test_made_up_ids_differ_from_answer_to_answer() -> None:
    """They hold the time of their answer, to the last digit."""
    assert prefix_of("2026-03-01T10:00:00.123456Z") == "call_20260301100000123456"


def test_words() -> None:
    """Only `length` is a reason of its own; calls make a stop one for tools."""
    assert finish_of("load", calls=False) is hub.Finish.STOP
    assert finish_of("stop", calls=True) is hub.Finish.TOOL_CALLS
    assert finish_of("length", calls=True) is hub.Finish.LENGTH


def test_an_answer_that_is_not_done_has_no_finish() -> None:
    """Where the provider does not say why it ended, nobody does."""
    choice = decode_reply(b'{"message":{"content":"Hi"},"done":false}').choices[0]
    assert choice.finish is None


PARTS = st.tuples(
    st.builds(hub.Thinking, text=st.text(min_size=1)),
    st.builds(hub.Text, text=st.text(min_size=1)),
    st.just(hub.Media(kind="image", data="QUJD")),
    st.builds(hub.ToolCall, id=st.text(min_size=1), name=st.text(), arguments=st.just('{"a":1}')),
)


@given(parts=PARTS, take=st.sets(st.integers(0, 3)), created=st.none() | st.integers(1, 2**32))
def test_a_reply_comes_back_as_it_was(parts: tuple[hub.Part, ...], take: set[int], created: int | None) -> None:
    """Thoughts, text, pictures and calls survive, in Ollama's order."""
    kept = tuple(part for at, part in enumerate(parts) if at in take)
    finish = hub.Finish.TOOL_CALLS if 3 in take else hub.Finish.STOP
    logprobs = hub.Json(b'{"content":[{"token":"a","logprob":-1}]}')
    choice = hub.Choice(parts=kept, finish=finish, finish_raw="stop", logprobs=logprobs)
    usage = Usage(input=1, output=2)
    reply = hub.Reply(model="m", created=created or 0, choices=(choice,), usage=usage, origin="ollama")
    assert decode_reply(encode_reply(reply)) == reply


def test_what_ollama_cannot_say_is_left_out_of_a_reply() -> None:
    """Media by reference, and an answer without choices, do not stop anything."""
    choice = hub.Choice(parts=(hub.Media(kind="audio", data="QUJD"), hub.Text(text="Hi")))
    assert decode_reply(encode_reply(hub.Reply(choices=(choice,)))).choices[0].parts == (hub.Text(text="Hi"),)
    assert decode_reply(encode_reply(hub.Reply())).choices[0].parts == ()


def test_arguments_that_are_no_object_do_not_stop_a_reply() -> None:
    """A model may write what it likes; an answer is not refused for it."""
    call = hub.ToolCall(id="a", name="f", arguments="oops")
    (again,) = decode_reply(encode_reply(hub.Reply(choices=(hub.Choice(parts=(call,)),)))).choices[0].parts
    assert again == hub.ToolCall(id="a", name="f", arguments='{"input":"oops"}')


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


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b'{"message":null}', b'{"message":"Hi"}', b"[" * 100_000])
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    """Nothing else is raised."""
    with pytest.raises(UpstreamMalformed):
        decode_reply(body)
