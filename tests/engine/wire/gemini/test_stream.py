import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import hub
from engine.errors import OutcomeKind, UpstreamFault, UpstreamMalformed, UpstreamReset
from engine.values import Usage
from engine.wire.fold import fold
from engine.wire.gemini.stream import Decoder


def chunk(*parts: dict[str, Any], usage: dict[str, Any] | None = None, **candidate: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"candidates": [{"content": {"parts": list(parts), "role": "model"}} | candidate]}
    return told | {"responseId": "r-1", "modelVersion": "m"} | ({"usageMetadata": usage} if usage else {})


def events_of(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(each).encode() + b"\r\n\r\n" for each in chunks)


def decoded(body: bytes, sizes: Iterator[int] | None = None) -> list[hub.Event]:
    decoder, events, at = Decoder(), [], 0
    while at < len(body):
        size = next(sizes, len(body)) if sizes else len(body)
        events += decoder.feed(body[at : at + size])
        at += size
    return events + decoder.close()


END: dict[str, Any] = {"finishReason": "STOP"}

MIXED = (
    chunk({"text": "hmm", "thought": True}, usage={"promptTokenCount": 5}),
    chunk({"text": "é"}, {"text": "b", "thoughtSignature": "s"}, usage={"promptTokenCount": 5}),
    chunk({"functionCall": {"name": "f"}}, usage={"promptTokenCount": 5, "candidatesTokenCount": 3}),
    chunk({"text": "", "thoughtSignature": "t"}, **END, usage={"promptTokenCount": 5, "candidatesTokenCount": 3}),
)

USAGE = [
    {"promptTokenCount": 5, "totalTokenCount": 5},
    {"promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 7, "totalTokenCount": 14},
]


def test_an_answer_arrives() -> None:
    """Thoughts, words with their signatures, a call with an id of ours, the finish, and each new count once."""
    assert decoded(events_of(*MIXED)) == [
        hub.Opened(id="r-1", model="m"),
        hub.ThinkingDelta(text="hmm"),
        hub.Metered(usage=Usage(input=5)),
        hub.TextDelta(text="é"),
        hub.TextDelta(text="b", signature="s"),
        hub.CallOpened(call=0, id="call_r-1_0", name="f"),
        hub.CallDelta(call=0, arguments="{}"),
        hub.Metered(usage=Usage(input=5, output=3)),
        hub.TextDelta(text="", signature="t"),
        hub.Finished(finish=hub.Finish.TOOL_CALLS, finish_raw="STOP"),
    ]


@settings(max_examples=50)
@given(sizes=st.lists(st.integers(1, 60)), array=st.booleans())
def test_cuts_do_not_matter(sizes: list[int], array: bool) -> None:
    """Nor does whether it is events or, without `alt=sse`, one array."""
    whole = decoded(events_of(*MIXED))
    sent = json.dumps(MIXED, indent=2).encode() if array else events_of(*MIXED)
    assert decoded(sent, iter(sizes)) == whole
    assert decoded(sent, iter([1] * len(sent))) == whole


def test_the_last_count_is_the_count() -> None:
    """They are running totals: nothing is added up, and thoughts are no part of the candidates."""
    body = events_of(chunk({"text": "a"}, usage=USAGE[0]), chunk({"text": "b"}, **END, usage=USAGE[1]))
    assert fold(decoded(body)).usage == Usage(input=5, output=2, reasoning=7)


def test_arguments_may_come_in_pieces() -> None:
    """As Vertex streams them: the name in the first piece alone, each call until a piece does not go on."""
    piece = [{"jsonPath": "$.city", "stringValue": "Bos", "willContinue": True}]
    body = events_of(
        chunk({"functionCall": {"name": "f", "willContinue": True}, "thoughtSignature": "s"}),
        chunk({"functionCall": {"partialArgs": piece, "willContinue": True}}),
        chunk({"functionCall": {"partialArgs": [{"jsonPath": "$.city", "stringValue": "ton"}], "willContinue": True}}),
        chunk({"functionCall": {}}),
        chunk({"functionCall": {"name": "g", "willContinue": True}}),
        chunk({"functionCall": {"name": "h", "id": "x", "args": {"a": 1}}}, **END),
    )
    assert fold(decoded(body)).choices[0].parts == (
        hub.ToolCall(id="call_r-1_0", name="f", arguments='{"city":"Boston"}', signature="s"),
        hub.ToolCall(id="call_r-1_1", name="g", arguments="{}"),
        hub.ToolCall(id="x", name="h", arguments='{"a": 1}'),
    )


def test_a_blocked_prompt_is_an_end() -> None:
    """It has no candidates; the reason is the filter's."""
    events = decoded(events_of({"promptFeedback": {"blockReason": "SAFETY"}}))
    assert events[-1] == hub.Finished(finish=hub.Finish.CONTENT_FILTER, finish_raw="SAFETY")


def test_sources_are_told_after_the_words() -> None:
    """Citations count the whole text, and what Gemini says of its sources does not stand between words."""
    chunks = [{"web": {"uri": "https://a"}}]
    support = {"segment": {"startIndex": 2, "endIndex": 4}, "groundingChunkIndices": [0]}
    body = events_of(
        chunk({"text": "é"}, urlContextMetadata={"urlMetadata": []}),
        chunk({"text": "bc"}, groundingMetadata={"groundingChunks": chunks, "groundingSupports": [support]}, **END),
    )
    text, *kept = fold(decoded(body)).choices[0].parts
    assert text == hub.Text(text="ébc", citations=(hub.Citation(url="https://a", start=1, end=3),))
    assert [each.kind for each in kept if isinstance(each, hub.Foreign)] == ["urlContextMetadata", "groundingMetadata"]


def test_several_answers_are_told_apart() -> None:
    """The stream is done when each has ended."""
    decoder = Decoder()
    two = [
        {"index": 0, "content": {"parts": [{"text": "a"}]}, **END},
        {"index": 1, "content": {"parts": [{"text": "b"}]}},
    ]
    events = decoder.feed(events_of({"candidates": two}))
    assert not decoder.done
    events += decoder.feed(events_of(chunk(index=1, finishReason="MAX_TOKENS")))
    assert decoder.done
    reply = fold(events + decoder.close())
    assert [choice.finish for choice in reply.choices] == [hub.Finish.STOP, hub.Finish.LENGTH]


def test_other_parts_arrive() -> None:
    """Pictures, log-probabilities, and what only Gemini knows."""
    picture = {"inlineData": {"mimeType": "image/png", "data": "QQ=="}}
    code = {"executableCode": {"code": "1"}, "thoughtSignature": "s"}
    result = {"chosenCandidates": [{"token": "a", "logProbability": -1}]}
    [choice] = fold(decoded(events_of(chunk(picture, code, logprobsResult=result, **END)))).choices
    assert choice.parts[0] == hub.Media(kind="image", data="QQ==", media_type="image/png")
    assert isinstance(choice.parts[1], hub.Foreign)
    assert choice.logprobs is not None


@pytest.mark.parametrize(
    "body",
    [
        events_of(chunk({"text": "a"}), {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}),
        b'[{"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}]',
        b'{"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}',
    ],
    ids=["event", "array", "body"],
)
def test_an_error_is_the_last_event(body: bytes) -> None:
    """Wherever it comes, nothing follows it."""
    failed = decoded(body)[-1]
    assert isinstance(failed, hub.Failed)
    assert (failed.outcome.kind, failed.outcome.status) == (OutcomeKind.OVERLOADED, 200)


@pytest.mark.parametrize(
    "bad",
    [
        b"data: {\r\n\r\n",
        b'data: {"candidates": 5}\r\n\r\n',
        b'data: "x"\n\n',
        b"data: \xff\n\n",
        b'data: {"error": 5}\n\n',
        events_of(chunk({"functionCall": {"name": "f", "partialArgs": [{"jsonPath": "$[1]"}]}})),
    ],
)
def test_a_chunk_that_cannot_be_read_fails(bad: bytes) -> None:
    """As malformed, and what comes after it is not looked at."""
    decoder = Decoder()
    failed = decoder.feed(bad + events_of(chunk({"text": "a"}, **END)))[-1]
    assert isinstance(failed, hub.Failed)
    assert failed.outcome.kind is OutcomeKind.MALFORMED
    assert decoder.feed(events_of(chunk({"text": "b"}))) == []
    assert decoder.close() == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", UpstreamReset),
        (events_of(chunk({"text": "a"})), UpstreamReset),
        (events_of(chunk({"text": "a"})) + b"data: {", UpstreamReset),
        (b'[{"candidates": [{"content": {"parts": [{"text": "a"}]}}]}', UpstreamReset),
        (b"<html>", UpstreamMalformed),
        (b'{"a": 1}', UpstreamMalformed),
    ],
)
def test_a_body_that_ends_early(body: bytes, fault: type[UpstreamFault]) -> None:
    """Cut off is one thing, no stream at all another."""
    with pytest.raises(fault):
        decoded(body)


def test_the_last_event_may_lack_its_empty_line() -> None:
    """It counts when it is whole."""
    assert fold(decoded(events_of(chunk({"text": "a"}, **END)).rstrip())).choices[0].finish is hub.Finish.STOP


@settings(max_examples=150)
@given(noise=st.binary(max_size=30), at=st.integers(0, 900), array=st.booleans())
def test_no_stream_is_too_strange(noise: bytes, at: int, array: bool) -> None:
    """Bytes anywhere in it make an error or an end, never another exception."""
    sent = msgspec.json.encode(MIXED) if array else events_of(*MIXED)
    with suppress(UpstreamReset, UpstreamMalformed):
        decoded(sent[:at] + noise + sent[at:])
    with suppress(UpstreamReset, UpstreamMalformed):
        decoded(noise)
