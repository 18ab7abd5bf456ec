from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import hub
from engine.errors import UpstreamMalformed
from engine.values import Usage
from engine.wire.bedrock.reply import decode_reply, encode_reply

WORDS = st.text(min_size=1, max_size=8).filter(str.strip)
CITATION = hub.Citation(
    title="t", foreign=hub.Foreign(protocol="bedrock", kind="citation", raw=msgspec.Raw(b'{"title":"t"}'))
)
FOREIGN = hub.Foreign(
    protocol="bedrock",
    kind="server_tool_use",
    raw=msgspec.Raw(b'{"toolUse":{"toolUseId":"s","name":"x","input":{},"type":"server_tool_use"}}'),
)
PARTS = st.lists(
    st.one_of(
        st.builds(hub.Text, text=WORDS, citations=st.sampled_from([(), (CITATION,)])),
        st.builds(hub.Thinking, text=WORDS, signature=WORDS, origin=st.just("bedrock")),
        st.just(hub.Thinking(redacted="EuEC", origin="bedrock")),
        st.just(hub.Media(kind="image", data="aGk=", media_type="image/png")),
        st.just(FOREIGN),
    ),
    max_size=4,
)
CALLS = st.lists(st.builds(hub.ToolCall, id=st.just("a"), name=st.just("f"), arguments=st.just('{"a":1}')), max_size=2)
ENDS = st.sampled_from(
    [
        (hub.Finish.STOP, "end_turn"),
        (hub.Finish.LENGTH, "max_tokens"),
        (hub.Finish.CONTENT_FILTER, "guardrail_intervened"),
        (hub.Finish.ERROR, "malformed_tool_use"),
    ]
)


@given(PARTS, CALLS, ENDS, st.builds(Usage, input=st.integers(0, 99), output=st.integers(0, 99)))
@settings(max_examples=100)
def test_answers_are_read_as_they_were_written(
    parts: list[hub.Part], calls: list[hub.ToolCall], end: tuple[hub.Finish, str], usage: Usage
) -> None:
    """What Converse can say survives the way there and back."""
    finish, raw = (hub.Finish.TOOL_CALLS, "tool_use") if calls else end
    choice = hub.Choice(parts=(*parts, *calls), finish=finish, finish_raw=raw)
    extra = {"metrics": msgspec.Raw(b'{"latencyMs":3}')}
    reply = hub.Reply(choices=(choice,), usage=usage, service_tier="flex", extra=extra, origin="bedrock")
    assert decode_reply(encode_reply(reply)) == reply


def test_the_stop_sequence_is_told_where_it_was_asked_for() -> None:
    """It comes among the additional fields, as the model wrote it."""
    choice = hub.Choice(finish=hub.Finish.STOP, finish_raw="stop_sequence", stop_sequence="x")
    (read,) = decode_reply(encode_reply(hub.Reply(choices=(choice,)))).choices
    assert read == choice


def test_an_answer_from_elsewhere_is_written_in_converses_words() -> None:
    """Without choices, usage or an end of its own it is still one that an SDK can read."""
    body = msgspec.json.decode(encode_reply(hub.Reply()))
    assert body == {
        "output": {"message": {"role": "assistant", "content": []}},
        "stopReason": "end_turn",
        "metrics": {"latencyMs": 0},
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"<html>",
        b"{}",
        b'{"message":"no"}',
        b'{"output":{}}',
        b'{"output":{"message":{"content":[{"text":1}]}}}',
        b'{"output":{"message":{"content":[{"text":"\xff"}]}}}',
        b'{"output":{"message":{"content":[{"toolUse":{"toolUseId":"a","name":"f","input":"\xff"}}]}}}',
        b'{"output":' * 5000,
    ],
)
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    """A body of another shape is an outcome and no crash."""
    with pytest.raises(UpstreamMalformed) as caught:
        decode_reply(body)
    assert caught.value.received


GOOD: dict[str, Any] = {
    "output": {"message": {"role": "assistant", "content": [{"text": "hi"}, {"reasoningContent": {}}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 2},
}


@given(st.data())
@settings(max_examples=150)
def test_no_body_crashes_it(data: st.DataObject) -> None:
    """Whatever bytes of an answer are changed, an answer or `UpstreamMalformed` comes out."""
    body = bytearray(msgspec.json.encode(GOOD))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode_reply(bytes(body))
    except UpstreamMalformed:
        return
