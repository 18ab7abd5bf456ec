import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import hub
from engine.errors import UpstreamMalformed
from engine.values import Usage
from engine.wire.gemini.reply import Ids, decode_reply, encode_reply


def answer(*parts: dict[str, Any], **candidate: Any) -> bytes:
    told = {"content": {"parts": list(parts), "role": "model"}, "finishReason": "STOP", "index": 0} | candidate
    return json.dumps({"candidates": [told], "responseId": "r-1", "modelVersion": "m"}).encode()


def test_calls_without_ids_get_their_own() -> None:
    """Unique within the answer and between answers; given ids stay; STOP with calls wants tools."""
    call = {"functionCall": {"name": "f"}, "thoughtSignature": "s"}
    given = {"functionCall": {"name": "g", "id": "x", "args": {"a": 1}}}
    [choice] = decode_reply(answer(call, call, given)).choices
    assert choice.finish is hub.Finish.TOOL_CALLS
    assert choice.parts == (
        hub.ToolCall(id="call_r-1_0", name="f", arguments="{}", signature="s"),
        hub.ToolCall(id="call_r-1_1", name="f", arguments="{}", signature="s"),
        hub.ToolCall(id="x", name="g", arguments='{"a": 1}'),
    )


def test_ids_hang_on_the_bytes_where_the_answer_has_none() -> None:
    """Two answers differ, at least in what they count."""
    assert Ids(None, b"a").make() != Ids(None, b"b").make()
    assert Ids("r" * 99, b"").make() == "call_" + "r" * 24 + "_0"


@pytest.mark.parametrize(
    ("candidate", "finish"),
    [
        ({"finishReason": "MAX_TOKENS", "content": {"role": "model"}}, hub.Finish.LENGTH),
        ({"finishReason": "SAFETY", "content": {}}, hub.Finish.CONTENT_FILTER),
        ({"finishReason": "NO_IMAGE"}, hub.Finish.ERROR),
        ({}, None),
    ],
)
def test_candidates_without_parts(candidate: dict[str, Any], finish: hub.Finish | None) -> None:
    """The model thought until its tokens were spent, or was stopped before the first word."""
    reply = decode_reply(json.dumps({"candidates": [candidate]}).encode())
    assert (reply.choices[0].parts, reply.choices[0].finish) == ((), finish)
    assert decode_reply(encode_reply(reply)) == reply


def test_a_blocked_prompt_is_an_answer_by_the_filter() -> None:
    """It has no candidates; callers of Gemini's own protocol get it as it was."""
    body = b'{"promptFeedback":{"blockReason":"MODEL_ARMOR"},"usageMetadata":{"trafficType":"ON_DEMAND"}}'
    reply = decode_reply(body)
    [choice] = reply.choices
    assert (choice.finish, choice.finish_raw, reply.usage) == (hub.Finish.CONTENT_FILTER, "MODEL_ARMOR", None)
    written = json.loads(encode_reply(reply))
    assert "candidates" not in written
    assert written["promptFeedback"] == {"blockReason": "MODEL_ARMOR"}
    assert decode_reply(b'{"promptFeedback":{"blockReason":3}}').choices[0].finish_raw == "BLOCK_REASON_UNSPECIFIED"


def test_citations_stand_at_the_text_they_begin_in() -> None:
    """And what Gemini said about its sources is kept behind the parts."""
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 4, "endIndex": 6}, "groundingChunkIndices": [0]},
            {"groundingChunkIndices": [0]},
        ],
    }
    [choice] = decode_reply(answer({"text": "é a"}, {"text": "bcd"}, groundingMetadata=grounding)).choices
    first, second, kept = choice.parts
    assert isinstance(first, hub.Text)
    assert isinstance(second, hub.Text)
    assert isinstance(kept, hub.Foreign)
    assert first.citations == ()
    assert [(each.start, each.end) for each in second.citations] == [(3, 5), (None, None)]
    assert json.loads(bytes(kept.raw)) == {"groundingMetadata": grounding}
    reply = hub.Reply(id="r", model="m", choices=(choice,), origin="gemini")
    assert decode_reply(encode_reply(reply)) == reply


def test_citations_of_other_protocols_become_grounding() -> None:
    """A caller with Google's SDK finds them where it looks."""
    text = hub.Text(text="abc", citations=(hub.Citation(url="https://a", start=0, end=2),))
    written = json.loads(encode_reply(hub.Reply(choices=(hub.Choice(parts=(text,)),))))
    [candidate] = written["candidates"]
    assert candidate["groundingMetadata"]["groundingChunks"] == [{"web": {"uri": "https://a", "title": ""}}]


def test_other_protocols_content_is_left_out() -> None:
    """What only they know has no place here; their signatures travel wrapped, refusals are words."""
    parts: tuple[hub.Part, ...] = (
        hub.Thinking(text="t", signature="s", origin="anthropic"),
        hub.Foreign(protocol="anthropic", kind="server_tool_use", raw=msgspec.Raw(b"{}")),
        hub.Refusal(text="no"),
    )
    choice = hub.Choice(parts=parts, finish=hub.Finish.CONTENT_FILTER, finish_raw="refusal")
    reply = decode_reply(encode_reply(hub.Reply(choices=(choice,), extra={"system_fingerprint": msgspec.Raw(b"1")})))
    assert reply.choices[0].parts == (parts[0], hub.Text(text="no"))
    assert reply.choices[0].finish is hub.Finish.CONTENT_FILTER
    assert reply.extra == {}


TEXTS = st.text(min_size=1, max_size=6)
PARTS: st.SearchStrategy[hub.Part] = st.one_of(
    st.builds(hub.Text, text=TEXTS, signature=st.sampled_from(["", "s"])),
    st.just(hub.Text(text="", signature="s")),
    st.builds(hub.Thinking, text=TEXTS),
    st.builds(hub.Thinking, text=TEXTS, signature=TEXTS, origin=st.sampled_from(["gemini", "anthropic"])),
    st.builds(hub.ToolCall, id=TEXTS, name=TEXTS, arguments=st.sampled_from(["{}", '{"a": "\\n"}'])),
    st.just(hub.Media(kind="audio", data="QUJD", media_type="audio/wav")),
    st.just(hub.Foreign(protocol="gemini", kind="executableCode", raw=msgspec.Raw(b'{"executableCode":{"code":"1"}}'))),
)
CHOICES = st.builds(
    hub.Choice,
    parts=st.lists(PARTS, max_size=4).map(tuple),
    logprobs=st.sampled_from(
        [None, msgspec.Raw(b'{"content":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[]}]}')]
    ),
)
REPLIES = st.builds(
    hub.Reply,
    id=TEXTS,
    model=TEXTS,
    choices=st.lists(CHOICES, min_size=1, max_size=2).map(
        lambda some: tuple(finished(choice, index) for index, choice in enumerate(some))
    ),
    usage=st.just(Usage(input=1, cached_input=2, output=3, reasoning=4)),
    service_tier=st.sampled_from(["", "flex"]),
    extra=st.sampled_from([{}, {"createTime": msgspec.Raw(b'"2026"')}]),
    origin=st.just("gemini"),
)


def finished(choice: hub.Choice, index: int) -> hub.Choice:
    calls = any(isinstance(part, hub.ToolCall) for part in choice.parts)
    finish = hub.Finish.TOOL_CALLS if calls else hub.Finish.STOP
    return msgspec.structs.replace(choice, index=index, finish=finish, finish_raw="STOP")


@settings(max_examples=150)
@given(reply=REPLIES)
def test_answers_come_back(reply: hub.Reply) -> None:
    """What Gemini can say is written and read as the same answer."""
    assert decode_reply(encode_reply(reply)) == reply


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff",
        b"[]",
        b"{}",
        b'{"candidates": [5]}',
        b'{"candidates": [{"content": {"parts": [{"text": 5}]}}]}',
        b'{"candidates": [], "promptFeedback": {}}',
        b'{"candidates": [{"logprobsResult": 5}]}',
        b'{"a":' + b"[" * 5000,
    ],
)
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    """Nothing else escapes."""
    with pytest.raises(UpstreamMalformed) as caught:
        decode_reply(body)
    assert caught.value.received


@given(body=st.binary(max_size=60), at=st.integers(0, 200))
def test_no_answer_is_too_strange(body: bytes, at: int) -> None:
    """Any bytes, alone or in the midst of an answer, are one or malformed."""
    good = answer({"text": "a"}, {"functionCall": {"name": "f"}}, groundingMetadata={"groundingChunks": []})
    for each in (body, good[:at] + body + good[at:]):
        with suppress(UpstreamMalformed):
            encode_reply(decode_reply(each))


def test_an_answer_always_has_ended() -> None:
    """Without a reason Gemini's would go on: one of a protocol that tells none came to its end."""
    told = encode_reply(hub.Reply(choices=(hub.Choice(parts=(hub.Text(text="Hi"),)),), origin="openai"))
    assert decode_reply(told).choices[0].finish_raw == "STOP"
