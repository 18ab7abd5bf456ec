import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from engine import hub
from engine.errors import OutcomeKind
from engine.values import Outcome, Usage
from engine.wire.openai_chat.chunks import Encoder

CALL = hub.CallOpened(call=0, id="c", name="f")
ARGUMENTS = hub.CallDelta(call=0, arguments='{"a":1}')
STOP = hub.Finished(finish=hub.Finish.STOP, finish_raw="end_turn")
EVENTS: list[hub.Event] = [
    hub.Opened(id="msg_1", model="up", created=5),
    hub.TextDelta(text="Hi"),
    hub.TextDelta(text="", signature="sig"),
    hub.TextDelta(text="other", choice=1),
    hub.ThinkingDelta(text="hm"),
    hub.ThinkingSigned(signature="sig", origin="anthropic"),
    hub.ThinkingSigned(redacted="red", origin="openai-responses", id="rs_1"),
    CALL,
    ARGUMENTS,
    hub.CallOpened(call=1, id="d", name="g"),
    hub.CallDelta(call=5, arguments="of no call"),
    hub.RefusalDelta(text="no"),
    hub.Cited(citation=hub.Citation(url="https://a.example", title="A")),
    hub.MediaArrived(media=hub.Media(kind="image", data="QUJD", media_type="image/png")),
    hub.MediaArrived(media=hub.Media(kind="file", file_id="f")),
    hub.Foreign(protocol="anthropic", kind="server_tool_use", raw=hub.Json(b"{}")),
    hub.LogProbs(logprobs=hub.Json(b'{"content":[],"refusal":null}')),
    hub.Metered(usage=Usage(input=1, output=2)),
    STOP,
]


def encoded(*events: hub.Event, ask_usage: bool = False) -> bytes:
    encoder = Encoder(model="org/model", ask_usage=ask_usage)
    return b"".join(map(encoder.encode, events)) + encoder.close()


def chunks_of(data: bytes) -> list[dict[str, Any]]:
    *chunks, done, rest = data.split(b"\n\n")
    assert (done, rest) == (b"data: [DONE]", b"")
    return [json.loads(chunk.removeprefix(b"data: ")) for chunk in chunks]


def by_choice(chunks: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            found.setdefault(choice["index"], []).append(choice)
    return found


@settings(max_examples=100)
@given(events=st.lists(st.sampled_from(EVENTS), max_size=12), ask_usage=st.booleans())
def test_the_stream_is_well_formed_in_any_order_of_events(events: list[hub.Event], ask_usage: bool) -> None:
    """The role first and once, one finish and last, every chunk of OpenAI's type, usage only in the last one."""
    chunks = chunks_of(encoded(*events, ask_usage=ask_usage))
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    for choices in by_choice(chunks).values():
        assert [choice["delta"].get("role") for choice in choices] == ["assistant"] + [None] * (len(choices) - 1)
        finishes = [choice["finish_reason"] for choice in choices]
        assert finishes[:-1] == [None] * (len(choices) - 1)
        assert finishes[-1] in {"stop", "tool_calls"}
    metered = [chunk for chunk in chunks if chunk.get("usage")]
    assert metered == ([chunks[-1]] if ask_usage and any(isinstance(event, hub.Metered) for event in events) else [])


def test_openais_own_accumulator_puts_it_together() -> None:
    """What the official SDK makes of the stream is what was said."""
    state = ChatCompletionStreamState()
    for chunk in chunks_of(encoded(*EVENTS[:2], *EVENTS[4:10], *EVENTS[-2:], ask_usage=True)):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    completion = state.get_final_completion()
    message = completion.choices[0].message

    assert (completion.id, completion.model) == ("msg_1", "up")
    assert message.content == "Hi"
    assert [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()] == [
        ("c", "f", '{"a":1}'),
        ("d", "g", ""),
    ]
    assert completion.usage is not None
    assert completion.usage.total_tokens == 3


def test_a_stream_without_anything_is_still_an_answer() -> None:
    """An empty answer has a role and a finish."""
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks_of(encoded())] == [None, "stop"]


def test_usage_that_never_came_is_not_made_up() -> None:
    """Who asked for usage gets the end all the same."""
    assert "usage" in chunks_of(encoded(hub.TextDelta(text="a"), ask_usage=True))[-1]
    assert "usage" not in chunks_of(encoded(hub.TextDelta(text="a")))[-1]


@pytest.mark.parametrize(
    ("events", "word"),
    [
        ([hub.TextDelta(text="a"), STOP], "stop"),
        ([CALL, hub.Finished(finish=hub.Finish.TOOL_CALLS)], "tool_calls"),
        ([CALL], "tool_calls"),
        ([hub.Finished(finish=hub.Finish.PAUSE)], "stop"),
        ([hub.Finished(finish=hub.Finish.ERROR)], "length"),
        ([STOP, hub.Finished(finish=hub.Finish.LENGTH)], "stop"),
    ],
)
def test_the_finish_is_a_word_that_openais_sdk_knows(events: list[hub.Event], word: str) -> None:
    """Whatever the provider's was, and whether it said one."""
    assert chunks_of(encoded(*events))[-1]["choices"][0]["finish_reason"] == word


def test_custom_tools_are_told_as_such() -> None:
    """Their text is `input`."""
    opened = hub.CallOpened(call=0, id="c", name="f", custom=True)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks_of(encoded(opened, ARGUMENTS))]
    assert deltas[1]["tool_calls"][0]["custom"] == {"name": "f", "input": ""}
    assert deltas[2]["tool_calls"][0]["custom"] == {"input": '{"a":1}'}


def test_a_failure_is_left_to_the_error_event() -> None:
    """Nothing goes out for it here."""
    encoder = Encoder(model="m")
    assert encoder.encode(hub.Failed(outcome=Outcome(kind=OutcomeKind.MALFORMED))) == b""
