import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response

from engine import hub
from engine.errors import UpstreamMalformed
from engine.values import Usage
from engine.wire.openai_responses import PROTOCOL
from engine.wire.openai_responses.reply import decode_reply, encode_reply


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
COUNTS = st.integers(0, 99)
CITATIONS = st.sampled_from([(), (hub.Citation(url="https://example.com", title="A", start=0, end=2),)])
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "a"}}
PARTS: st.SearchStrategy[hub.Part] = st.one_of(
    st.builds(hub.Text, text=TEXTS, citations=CITATIONS),
    st.builds(hub.Refusal, text=TEXTS),
    st.builds(hub.Thinking, text=TEXTS, signature=TEXTS, origin=st.sampled_from([PROTOCOL, "anthropic", "gemini"])),
    st.builds(hub.Thinking, redacted=TEXTS, origin=st.sampled_from([PROTOCOL, "anthropic"])),
    st.builds(hub.Thinking, text=TEXTS),
    st.builds(hub.ToolCall, id=TEXTS, name=TEXTS, arguments=st.just('{"a":1}'), signature=st.sampled_from(["", "s"])),
    st.builds(hub.ToolCall, id=TEXTS, name=TEXTS, arguments=TEXTS, custom=st.just(True)),
    st.just(hub.Foreign(protocol=PROTOCOL, kind="web_search_call", raw=raw(SEARCH))),
)


def ended(parts: list[hub.Part], incomplete: str) -> hub.Choice:
    if incomplete:
        finish = hub.Finish.LENGTH if incomplete == "max_output_tokens" else hub.Finish.CONTENT_FILTER
        return hub.Choice(parts=tuple(parts), finish=finish, finish_raw=incomplete)
    calls = any(isinstance(part, hub.ToolCall) for part in parts)
    finish = hub.Finish.TOOL_CALLS if calls else hub.Finish.STOP
    return hub.Choice(parts=tuple(parts), finish=finish, finish_raw="completed")


REPLIES = st.builds(
    hub.Reply,
    id=st.just("resp_a1"),
    model=TEXTS,
    created=st.integers(0, 2**40),
    choices=st.builds(
        ended, st.lists(PARTS, max_size=4), st.sampled_from(["", "max_output_tokens", "content_filter"])
    ).map(lambda choice: (choice,)),
    usage=st.none()
    | st.builds(Usage, input=st.integers(0, 99), output=st.integers(0, 99), reasoning=st.integers(0, 9)),
    service_tier=st.sampled_from(["", "default"]),
    extra=st.sampled_from([{}, {"x_billing": raw({"payer": "a"})}]),
    origin=st.just(PROTOCOL),
)


@settings(max_examples=150)
@given(reply=REPLIES)
def test_a_reply_that_is_written_reads_the_same(reply: hub.Reply) -> None:
    """Nothing is lost, whoever signed the thoughts, and openai-python's type takes it."""
    written = encode_reply(reply)

    assert decode_reply(written) == reply
    Response.model_validate_json(written)


def test_an_answer_of_another_protocol() -> None:
    """Ids get OpenAI's prefixes, a picture is what its picture tool gives, and what has no place is left out."""
    parts: tuple[hub.Part, ...] = (
        hub.Text(text="A", citations=(hub.Citation(quote="q"),)),
        hub.Media(kind="image", data="QUJD", media_type="image/png"),
        hub.Media(kind="audio", data="QUJD"),
        hub.Foreign(protocol="anthropic", kind="server_tool_use", raw=raw({})),
    )
    other = hub.Choice(index=1, parts=(hub.Text(text="B"),))
    choice = hub.Choice(parts=parts, finish=hub.Finish.PAUSE)
    reply = hub.Reply(id="msg_1", model="m", choices=(choice, other), extra={"container": raw("c")}, origin="anthropic")
    answer = Response.model_validate_json(encode_reply(reply, created=7))

    assert (answer.id, answer.created_at, answer.status) == ("resp_msg_1", 7, "completed")
    assert [item.type for item in answer.output] == ["message", "image_generation_call"]
    assert answer.output_text == "A"
    assert answer.service_tier is None
    assert not hasattr(answer, "container")


@pytest.mark.parametrize(
    ("finish", "status"),
    [(hub.Finish.ERROR, "failed"), (hub.Finish.LENGTH, "incomplete"), (None, "completed")],
)
def test_how_an_answer_ended_is_its_status(finish: hub.Finish | None, status: str) -> None:
    """Also of one without parts, or whose provider did not say."""
    answer = Response.model_validate_json(encode_reply(hub.Reply(choices=(hub.Choice(finish=finish),))))
    assert (answer.status, answer.error is not None) == (status, status == "failed")


def test_an_empty_reply_is_an_answer() -> None:
    """It has no output, and an id all the same."""
    answer = Response.model_validate_json(encode_reply(hub.Reply()))
    assert (answer.id, answer.output) == ("resp_0", [])


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "message", "reasoning", "function_call"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "content", "summary", "name", "call_id", "text", "annotations", "id", "reason"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
FIELDS = ["id", "model", "created_at", "status", "output", "usage", "error", "incomplete_details", "service_tier"]


@settings(max_examples=200)
@given(fields=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5))
def test_no_answer_is_too_strange(fields: dict[str, Any]) -> None:
    """Any JSON is an answer that can be written, or malformed."""
    with suppress(UpstreamMalformed):
        assert encode_reply(decode_reply(json.dumps({"output": []} | fields).encode()))


@given(body=st.binary(max_size=40))
def test_no_bytes_are_too_strange(body: bytes) -> None:
    """What is no JSON object with output is malformed."""
    with pytest.raises(UpstreamMalformed):
        decode_reply(body)
