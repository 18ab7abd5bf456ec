from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import hub
from engine.errors import BadRequest
from engine.wire.bedrock.request import decode_request, encode_request, finish
from engine.wire.json_edit import Fields

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


def text(words: str) -> tuple[hub.Part, ...]:
    return (hub.Text(text=words),)


def asked(*messages: hub.Message, **more: Any) -> hub.Request:
    said = messages or (hub.Message(role=hub.Role.USER, parts=text("hi")),)
    return hub.Request(**{"model": CLAUDE, "messages": said} | more)


def sent(request: hub.Request) -> dict[str, Any]:
    fields, dropped = encode_request(request)
    assert dropped == ()
    return dict(msgspec.json.decode(finish(fields, model="m", stream=True)))


def fields_of(body: object) -> Fields:
    return msgspec.json.decode(msgspec.json.encode(body), type=Fields)


CALL = hub.ToolCall(id="c1", name="f", arguments='{"a":1}')
RESULT = hub.ToolResult(call_id="c1", name="f", parts=text("one"))
TOOL = hub.Tool(name="f", parameters=msgspec.Raw(b'{"type":"object"}'))


def test_the_body_has_neither_model_nor_stream() -> None:
    """Both stand in the path."""
    assert sent(asked()) == {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}


def test_turns_alternate_and_results_are_the_users() -> None:
    """Neighbours of a role become one turn; system messages stand apart, in order, wherever they were said."""
    body = sent(
        asked(
            hub.Message(role=hub.Role.SYSTEM, parts=text("be brief")),
            hub.Message(role=hub.Role.USER, parts=text("one")),
            hub.Message(role=hub.Role.USER, parts=text("two")),
            hub.Message(role=hub.Role.ASSISTANT, parts=(CALL,)),
            hub.Message(role=hub.Role.TOOL, parts=(RESULT,)),
            hub.Message(role=hub.Role.DEVELOPER, parts=text("and kind")),
            hub.Message(role=hub.Role.USER, parts=text("three")),
            tools=(TOOL,),
        )
    )
    assert body["system"] == [{"text": "be brief"}, {"text": "and kind"}]
    assert body["messages"] == [
        {"role": "user", "content": [{"text": "one"}, {"text": "two"}]},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c1", "name": "f", "input": {"a": 1}}}]},
        {
            "role": "user",
            "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "one"}]}}, {"text": "three"}],
        },
    ]


def test_a_turn_with_nothing_to_say_is_left_out() -> None:
    """Converse refuses blank text and empty turns."""
    body = sent(asked(hub.Message(role=hub.Role.ASSISTANT, parts=text(" ")), *asked().messages))
    assert [turn["role"] for turn in body["messages"]] == ["user"]


def test_pictures_for_the_system_are_refused() -> None:
    """Content of a system message that is no text is not dropped in silence."""
    picture = hub.Media(kind="image", data="aGk=", media_type="image/png")
    with pytest.raises(BadRequest) as caught:
        encode_request(asked(hub.Message(role=hub.Role.SYSTEM, parts=(picture,))))
    assert (caught.value.reason, caught.value.param) == ("content_not_supported", "messages")


def test_another_protocols_own_fields_are_reported() -> None:
    """What only the caller's protocol knows is dropped by name; of our own it is put back whole."""
    extra = {"guardrailConfig": msgspec.Raw(b'{"guardrailIdentifier":"g"}')}
    assert encode_request(asked(extra=extra, origin="openai")).dropped == ("guardrailConfig",)
    assert sent(asked(extra=extra, origin="bedrock"))["guardrailConfig"] == {"guardrailIdentifier": "g"}


def test_results_know_their_tools_name() -> None:
    """Converse does not send it, Gemini needs it."""
    use = {"toolUse": {"toolUseId": "c1", "name": "f", "input": {}}}
    result = {"toolResult": {"toolUseId": "c1", "content": [{"json": {"a": 1}}, {"text": "x"}], "status": "error"}}
    body = {
        "messages": [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result, {"text": "go on"}]}]
    }
    request = decode_request(fields_of(body))
    assert [message.role for message in request.messages] == [hub.Role.ASSISTANT, hub.Role.TOOL, hub.Role.USER]
    parts = (hub.Text(text='{"a":1}'), hub.Text(text="x"))
    assert request.messages[1].parts == (hub.ToolResult(call_id="c1", name="f", parts=parts, is_error=True),)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "tool", "content": []}]}, "messages"),
        ({"messages": [{"role": "user", "content": "hi"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"text": 1}]}]}, "messages"),
        ({"system": "hi"}, "system"),
        ({"inferenceConfig": {"maxTokens": "1"}}, "inferenceConfig"),
        ({"toolConfig": {"tools": {}}}, "toolConfig"),
        ({"additionalModelRequestFields": []}, "additionalModelRequestFields"),
    ],
)
def test_a_body_of_another_shape_is_refused(body: object, param: str) -> None:
    """The refusal names the field."""
    with pytest.raises(BadRequest) as caught:
        decode_request(fields_of(body))
    assert caught.value.param == param


WORDS = st.text(min_size=1, max_size=8).filter(str.strip)
CACHE = st.sampled_from([None, msgspec.Raw(b'{"type":"ephemeral"}'), msgspec.Raw(b'{"type":"ephemeral","ttl":"1h"}')])
TEXTS = st.builds(hub.Text, text=WORDS, cache=CACHE)
PICTURES = st.builds(
    hub.Media, kind=st.just("image"), data=st.just("aGk="), media_type=st.just("image/png"), cache=CACHE
)
THOUGHTS = st.one_of(
    st.builds(hub.Thinking, text=WORDS, signature=WORDS, origin=st.just("bedrock")),
    st.builds(hub.Thinking, redacted=st.just("EuEC"), origin=st.just("bedrock")),
)
FOREIGN = st.just(
    hub.Foreign(protocol="bedrock", kind="guardContent", raw=msgspec.Raw(b'{"guardContent":{"text":{"text":"a"}}}'))
)
IDS = st.sampled_from(["a", "b"])
CALLS = st.builds(hub.ToolCall, id=IDS, name=st.just("f"), arguments=st.just('{"a":1}'), cache=CACHE)
RESULTS = st.builds(
    hub.ToolResult,
    call_id=st.just("z"),
    parts=st.lists(st.builds(hub.Text, text=WORDS), max_size=2).map(tuple),
    is_error=st.booleans(),
    cache=CACHE,
)
TURNS = st.sampled_from(
    [
        (hub.Role.USER, st.one_of(TEXTS, PICTURES, FOREIGN)),
        (hub.Role.ASSISTANT, st.one_of(TEXTS, THOUGHTS, CALLS)),
        (hub.Role.TOOL, RESULTS),
    ]
).flatmap(
    lambda turn: st.builds(
        hub.Message, role=st.just(turn[0]), parts=st.lists(turn[1], min_size=1, max_size=3).map(tuple)
    )
)
REASONING = st.one_of(
    st.none(),
    st.just(hub.Reasoning(enabled=False)),
    st.just(hub.Reasoning(enabled=True, budget_tokens=2048)),
    st.just(hub.Reasoning(enabled=True, effort="high", show=True)),
)
REQUESTS = st.builds(
    hub.Request,
    model=st.just(""),
    messages=st.lists(TURNS, min_size=1, max_size=5).map(tuple),
    tools=st.just((TOOL,)),
    tool_choice=st.sampled_from([None, hub.AUTO, hub.ToolChoice(mode="any"), hub.ToolChoice(mode="any", names=("f",))]),
    max_tokens=st.none() | st.integers(3000, 9000),
    temperature=st.none() | st.just(0.5),
    top_p=st.none() | st.just(0.25),
    top_k=st.none() | st.just(7),
    stop=st.sampled_from([(), ("a", "b")]),
    format=st.sampled_from([None, hub.OutputFormat(schema=msgspec.Raw(b'{"type":"object"}'), name="n")]),
    reasoning=REASONING,
    service_tier=st.sampled_from(["", "flex"]),
    extra=st.sampled_from([{}, {"requestMetadata": msgspec.Raw(b'{"a":"b"}')}]),
    origin=st.just("bedrock"),
)


def merged(request: hub.Request) -> hub.Request:
    """With neighbours of a role as one, as any protocol with alternating turns has them."""
    turns: list[hub.Message] = []
    for message in request.messages:
        if turns and turns[-1].role is message.role:
            turns[-1] = hub.Message(role=message.role, parts=turns[-1].parts + message.parts)
        else:
            turns.append(message)
    return msgspec.structs.replace(request, messages=tuple(turns))


@given(REQUESTS)
@settings(max_examples=40)
def test_requests_are_read_as_they_were_written(request: hub.Request) -> None:
    """What Converse can say survives the way there and back."""
    fields, dropped = encode_request(request)
    assert dropped == ()
    assert decode_request(fields) == merged(request)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["messages", "role", "content", "text", "toolUse", "tools", "user", "image"]), inner
            )
        ),
        max_leaves=12,
    )
)
@settings(max_examples=50)
def test_no_body_crashes_it(value: object) -> None:
    """Whatever stands in the fields, a request or a refusal comes out."""
    for name in ("messages", "system", "toolConfig", "inferenceConfig", "outputConfig"):
        try:
            decode_request(fields_of({name: value}))
        except BadRequest:
            continue
