from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import hub
from engine.errors import BadRequest
from engine.wire.cohere.request import decode_request, encode_request, finish
from engine.wire.json_edit import Fields

HI = (hub.Message(role=hub.Role.USER, parts=(hub.Text(text="Hi"),)),)
SCHEMA = hub.Json(b'{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}')


def asked(**more: Any) -> hub.Request:
    return hub.Request(**{"model": "m", "messages": HI, **more})


def sent(request: hub.Request) -> dict[str, Any]:
    said = {name: msgspec.json.decode(raw) for name, raw in encode_request(request).fields.items()}
    assert said.pop("messages")
    return said


def fields(**said: object) -> Fields:
    return msgspec.json.decode(msgspec.json.encode(said), type=Fields)


def test_model_and_stream_come_last() -> None:
    """The encoder leaves them out, `finish` puts them in."""
    encoded = encode_request(asked(stream=True))
    assert encoded.fields.keys() == {"messages"}
    assert msgspec.json.decode(finish(encoded.fields, model="up", stream=True)) == {
        "messages": [{"role": "user", "content": "Hi"}],
        "model": "up",
        "stream": True,
    }


def test_what_cohere_would_refuse_is_brought_into_its_bounds() -> None:
    """A `top_p` of 1, which many clients send unasked, is the most that Cohere takes."""
    assert sent(asked(top_p=1.0, top_k=999, frequency_penalty=1.5)) == {"p": 0.99, "k": 500, "frequency_penalty": 1.0}


def test_only_one_penalty_is_sent() -> None:
    """Cohere takes one or the other; a penalty below zero is none."""
    encoded = encode_request(asked(frequency_penalty=0.5, presence_penalty=0.5))
    assert "presence_penalty" not in encoded.fields
    assert encoded.dropped == ("presence_penalty",)
    assert encode_request(asked(frequency_penalty=0.0, presence_penalty=0.0)).dropped == ()
    assert encode_request(asked(presence_penalty=-1.0)).dropped == ("presence_penalty",)


def test_what_has_no_word_is_reported() -> None:
    """Each field that is dropped is named, and only where it would have changed anything."""
    lost = asked(parallel_tool_calls=False, n=2, top_logprobs=3, user="u", service_tier="flex")
    assert encode_request(lost).dropped == ("parallel_tool_calls", "n", "top_logprobs", "user", "service_tier")
    assert encode_request(asked(parallel_tool_calls=True, n=1)).dropped == ()


def test_extra_fields_of_another_protocol_are_reported() -> None:
    """Only its own come back."""
    extra = {"logit_bias": hub.Json(b"{}")}
    assert encode_request(asked(extra=extra, origin="openai-chat")).dropped == ("logit_bias",)
    assert "logit_bias" in encode_request(asked(extra=extra, origin="cohere")).fields


def test_named_tools_leave_only_those() -> None:
    """Cohere can be told that it must call a tool, and from which; not to call one that is there is `NONE`."""
    tools = (hub.Tool(name="a", parameters=SCHEMA), hub.Tool(name="b", parameters=SCHEMA))
    said = sent(asked(tools=tools, tool_choice=hub.ToolChoice(mode="any", names=("b",))))
    assert [tool["function"]["name"] for tool in said["tools"]] == ["b"]
    assert said["tool_choice"] == "REQUIRED"
    assert sent(asked(tools=tools, tool_choice=hub.ToolChoice(mode="none")))["tool_choice"] == "NONE"
    assert "tool_choice" not in sent(asked(tools=tools, tool_choice=hub.AUTO))
    assert sent(asked(tool_choice=hub.ToolChoice(mode="any"))) == {}


def test_tools_are_strict_together_or_not_at_all() -> None:
    """`strict_tools` holds for all, and Cohere refuses it where a tool has nothing that is required."""
    strict, loose = hub.Tool(name="a", parameters=SCHEMA, strict=True), hub.Tool(name="b", parameters=SCHEMA)
    assert sent(asked(tools=(strict,)))["strict_tools"] is True
    assert encode_request(asked(tools=(strict, loose))).dropped == ("strict",)
    empty = hub.Tool(name="c", strict=True)
    encoded = encode_request(asked(tools=(empty,)))
    assert encoded.dropped == ("strict",)
    assert b'"parameters":{"type":"object","properties":{}}' in bytes(encoded.fields["tools"])


def test_tools_of_others_are_reported() -> None:
    """Server tools go by their kind, tools that take free text as `custom`."""
    tools = (
        hub.Foreign(protocol="openai-responses", kind="web_search", raw=hub.Json(b"{}")),
        hub.Tool(name="s", custom=True),
    )
    encoded = encode_request(asked(tools=tools))
    assert encoded.dropped == ("web_search", "custom")
    assert "tools" not in encoded.fields


@pytest.mark.parametrize(
    ("reasoning", "thinking", "dropped"),
    [
        (hub.Reasoning(enabled=False), {"type": "disabled"}, ()),
        (hub.Reasoning(effort="none"), {"type": "disabled"}, ()),
        (hub.Reasoning(budget_tokens=0), {"type": "disabled"}, ()),
        (hub.Reasoning(enabled=True, budget_tokens=-1), {"type": "enabled"}, ()),
        (hub.Reasoning(budget_tokens=800), {"type": "enabled", "token_budget": 800}, ()),
        (hub.Reasoning(effort="low"), {"type": "enabled"}, ("reasoning_effort",)),
        (hub.Reasoning(summary="auto"), None, ("reasoning.summary",)),
        (hub.Reasoning(show=False), None, ("reasoning.show",)),
    ],
)
def test_thinking(reasoning: hub.Reasoning, thinking: object, dropped: tuple[str, ...]) -> None:
    """On with or without a budget, or off; levels are lost and reported."""
    request = asked(reasoning=reasoning)
    assert sent(request).get("thinking") == thinking
    assert encode_request(request).dropped == dropped


def test_formats() -> None:
    """Any object, or a schema; plain text is no format."""
    assert sent(asked(format=hub.OutputFormat()))["response_format"] == {"type": "json_object"}
    assert sent(asked(format=hub.OutputFormat(schema=SCHEMA)))["response_format"]["json_schema"]["required"] == ["a"]
    assert decode_request(fields(messages=[], response_format={"type": "text"})).format is None
    assert decode_request(fields(messages=[], response_format={"type": "json_object"})).format == hub.OutputFormat()


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"messages": {}}, "messages"),
        ({"messages": [{"role": "king", "content": "Hi"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}, "messages"),
        ({"messages": [], "tools": [{"type": "function"}]}, "tools"),
        ({"messages": [], "tool_choice": "MAYBE"}, "tool_choice"),
        ({"messages": [], "temperature": "hot"}, "temperature"),
        ({"messages": [], "max_tokens": 1.5}, "max_tokens"),
        ({"messages": [], "thinking": 7}, "thinking"),
        ({"messages": [], "stop_sequences": "x"}, "stop_sequences"),
    ],
)
def test_what_is_not_of_the_protocol_is_refused(said: dict[str, object], param: str) -> None:
    """The fault names the field."""
    with pytest.raises(BadRequest) as refused:
        decode_request(fields(**said))
    assert refused.value.param == param


TEXTS = st.text(min_size=1, max_size=6)
PARTS = st.lists(
    st.builds(hub.Text, text=TEXTS) | st.builds(hub.Media, kind=st.just("image"), url=st.just("https://example.com/a")),
    min_size=1,
    max_size=3,
).map(tuple)
CALLS = st.lists(
    st.builds(hub.ToolCall, id=TEXTS, name=TEXTS, arguments=st.just("{}")),
    min_size=1,
    max_size=2,
    unique_by=lambda call: call.id,
)
REQUESTS = st.builds(
    hub.Request,
    model=TEXTS,
    stream=st.booleans(),
    messages=st.lists(
        st.builds(hub.Message, role=st.just(hub.Role.USER), parts=PARTS)
        | st.builds(hub.Message, role=st.just(hub.Role.SYSTEM), parts=st.tuples(st.builds(hub.Text, text=TEXTS)))
        | CALLS.map(lambda calls: hub.Message(role=hub.Role.ASSISTANT, parts=(hub.Thinking(text="p"), *calls))),
        max_size=4,
    ).map(tuple),
    tools=st.lists(st.builds(hub.Tool, name=TEXTS, description=TEXTS, parameters=st.just(SCHEMA)), max_size=2).map(
        tuple
    ),
    max_tokens=st.none() | st.integers(0, 9_999),
    temperature=st.none() | st.floats(0, 2),
    top_k=st.none() | st.integers(0, 500),
    stop=st.lists(TEXTS, max_size=2).map(tuple),
    seed=st.none() | st.integers(0, 2**63),
    format=st.sampled_from([None, hub.OutputFormat(), hub.OutputFormat(schema=SCHEMA)]),
    reasoning=st.sampled_from([None, hub.Reasoning(enabled=True, budget_tokens=5), hub.Reasoning(enabled=False)]),
    extra=st.just({"documents": hub.Json(b"[]")}),
    origin=st.just("cohere"),
)


@given(request=REQUESTS)
def test_a_request_comes_back_as_it_was(request: hub.Request) -> None:
    """Whatever Cohere can express survives being written and read."""
    encoded = encode_request(request)
    assert encoded.dropped == ()
    body = finish(encoded.fields, model=request.model, stream=request.stream)
    assert decode_request(msgspec.json.decode(body, type=Fields)) == request
