import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import hub
from engine.errors import BadRequest
from engine.wire.dialect import Dialect
from engine.wire.openai_chat.envelope import read_envelope
from engine.wire.openai_chat.request import DROPPED, decode_request, encode_request

HI = hub.Message(role=hub.Role.USER, parts=(hub.Text(text="hi"),))
OBJECT = msgspec.Raw(b'{"type":"object"}')
FREE = Dialect(reasoning="object", cache=True, top_k=True, tool_media=True)
"""Takes all that there is a word for."""

REQUESTS = st.builds(
    hub.Request,
    model=st.just("m"),
    messages=st.just((HI,)),
    stream=st.booleans(),
    tools=st.lists(
        st.builds(
            hub.Tool,
            name=st.sampled_from(["f", "g"]),
            description=st.sampled_from(["", "does"]),
            parameters=st.sampled_from([None, OBJECT]),
            strict=st.sampled_from([None, True]),
            cache=st.sampled_from([None, msgspec.Raw(b'{"type":"ephemeral"}')]),
        )
        | st.just(hub.Tool(name="h", custom=True, parameters=OBJECT))
        | st.just(hub.Foreign(protocol="openai", kind="web", raw=msgspec.Raw(b'{"type":"web"}'))),
        min_size=1,
        max_size=3,
    ).map(tuple),
    tool_choice=st.sampled_from(
        [
            None,
            hub.AUTO,
            hub.ToolChoice(mode="none"),
            hub.ToolChoice(mode="any"),
            hub.ToolChoice(mode="any", names=("f",)),
            hub.ToolChoice(mode="any", names=("f", "h")),
        ]
    ),
    parallel_tool_calls=st.sampled_from([None, False]),
    max_tokens=st.sampled_from([None, 7]),
    temperature=st.sampled_from([None, 0.5]),
    top_k=st.sampled_from([None, 5]),
    stop=st.sampled_from([(), ("a",), ("a", "b")]),
    n=st.sampled_from([None, 2]),
    logprobs=st.sampled_from([None, True]),
    format=st.sampled_from(
        [None, hub.OutputFormat(), hub.OutputFormat(schema=OBJECT, name="n", description="d", strict=True)]
    ),
    reasoning=st.sampled_from(
        [
            None,
            hub.Reasoning(effort="high"),
            hub.Reasoning(budget_tokens=9, show=False),
            hub.Reasoning(enabled=True, summary="auto"),
        ]
    ),
    user=st.sampled_from(["", "u"]),
    service_tier=st.sampled_from(["", "flex"]),
    extra=st.sampled_from([{}, {"logit_bias": msgspec.Raw(b'{"1":2}')}]),
    origin=st.just("openai"),
)


def asked(**fields: Any) -> hub.Request:
    messages = {"messages": [{"role": "user", "content": "hi"}]}
    return decode_request(read_envelope(json.dumps({"model": "m"} | messages | fields).encode()).fields)


def sent(request: hub.Request, **dialect: Any) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(msgspec.json.encode(encode_request(request, dialect=Dialect(**dialect)).fields))
    return fields


@settings(max_examples=150)
@given(request=REQUESTS)
def test_what_is_written_is_read_again(request: hub.Request) -> None:
    """Decoding what was encoded gives the same request, at those who take all that there is a word for."""
    fields, dropped = encode_request(request, dialect=FREE)
    stream = {"stream": msgspec.Raw(msgspec.json.encode(request.stream))}
    assert decode_request(fields | {"model": msgspec.Raw(b'"m"')} | stream) == request
    assert not dropped


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": 5}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages"),
        ({"messages": [{"role": "user", "content": [5]}]}, "messages"),
        ({"messages": [{"role": "nobody"}]}, "messages"),
        ({"messages": [{"content": "a"}]}, "messages"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"stop": [1]}, "stop"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"tools": [{}]}, "tools"),
        ({"tool_choice": "must"}, "tool_choice"),
        ({"tool_choice": 5}, "tool_choice"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"reasoning": "much"}, "reasoning"),
        ({"reasoning_effort": 5}, "reasoning_effort"),
    ],
)
def test_what_is_not_of_the_shape_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    """The caller is told which field it was."""
    messages = {"messages": [{"role": "user", "content": "hi"}]}
    raw = {name: msgspec.Raw(json.dumps(value).encode()) for name, value in (messages | fields).items()}
    with pytest.raises(BadRequest) as raised:
        decode_request(raw)
    assert raised.value.param == param


@settings(max_examples=60)
@given(
    fields=st.dictionaries(
        st.sampled_from(["messages", "tools", "functions", "tool_choice", "function_call", "response_format", "stop"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["role", "content", "type", "function", "name", "text", "file", "image_url"]), inner
                )
            ),
        ),
    )
)
def test_no_request_is_too_strange(fields: dict[str, Any]) -> None:
    """It is read or refused; nothing else."""
    try:
        decode_request({name: msgspec.Raw(json.dumps(value).encode()) for name, value in fields.items()})
    except BadRequest:
        return


def test_what_the_format_cannot_say_is_dropped_by_name() -> None:
    """Each is listed; foreign tools and fields are named as well."""
    message = hub.Message(role=hub.Role.TOOL, parts=(hub.ToolResult(call_id="a", is_error=True),))
    foreign = hub.Foreign(protocol="anthropic", kind="bash_20250124", raw=msgspec.Raw(b"{}"))
    request = hub.Request(
        model="m",
        messages=(HI, message, hub.Message(role=hub.Role.USER, parts=(foreign,))),
        tools=(foreign,),
        tool_choice=hub.AUTO,
        top_k=4,
        reasoning=hub.Reasoning(summary="auto"),
        extra={"container": msgspec.Raw(b'"c"')},
        origin="anthropic",
    )
    fields, dropped = encode_request(request)

    assert set(dropped) == {*DROPPED, "bash_20250124", "container"}
    assert set(fields) == {"messages"}


def test_fields_of_its_own_are_put_back_whole() -> None:
    """Unknown ones among them; wishes and stream options are the gateway's affair."""
    request = asked(logit_bias={"1": 2}, thinking={"type": "enabled"}, provider={}, stream_options={})
    assert set(request.extra) == {"logit_bias", "thinking"}
    assert sent(request)["thinking"] == {"type": "enabled"}


def test_the_bound_on_output_has_two_names() -> None:
    """Both are read, the newer first; either is written."""
    request = asked(max_tokens=5, max_completion_tokens=6)
    assert request.max_tokens == 6
    assert sent(request)["max_completion_tokens"] == 6
    assert sent(request, max_tokens="max_tokens")["max_tokens"] == 6


def test_functions_are_tools() -> None:
    """As there were before, with a choice of their own."""
    request = asked(functions=[{"name": "f", "parameters": {}}], function_call={"name": "f"})
    assert request.tools == (hub.Tool(name="f", parameters=msgspec.Raw(b"{}")),)
    assert request.tool_choice == hub.ToolChoice(mode="any", names=("f",))


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}}, "tool_choice"),
        ({"response_format": {"type": "grammar", "grammar": "g"}}, "response_format"),
    ],
)
def test_what_the_hub_has_no_word_for_goes_round_as_it_is(fields: dict[str, Any], name: str) -> None:
    """It comes back where the same protocol is spoken, and is dropped by name elsewhere."""
    request = asked(**fields)
    assert sent(request)[name] == fields[name]
    other = msgspec.structs.replace(request, origin="gemini")
    assert encode_request(other).dropped == (name,)


@pytest.mark.parametrize(
    ("reasoning", "effort"),
    [
        (hub.Reasoning(effort="low", budget_tokens=9_999), "low"),
        (hub.Reasoning(effort="max"), "xhigh"),
        (hub.Reasoning(budget_tokens=1_024), "low"),
        (hub.Reasoning(budget_tokens=8_000), "medium"),
        (hub.Reasoning(budget_tokens=32_000), "high"),
        (hub.Reasoning(enabled=False), "none"),
        (hub.Reasoning(enabled=True), None),
    ],
)
def test_reasoning_is_an_effort(reasoning: hub.Reasoning, effort: str | None) -> None:
    """A budget becomes the effort that comes near it."""
    request = hub.Request(model="m", messages=(HI,), reasoning=reasoning, origin="anthropic")
    assert sent(request).get("reasoning_effort") == effort


def test_callers_of_this_protocol_are_taken_at_their_word() -> None:
    """An effort that OpenAI does not know may be one that the provider does."""
    assert sent(asked(reasoning_effort="max"))["reasoning_effort"] == "max"
    assert sent(asked(reasoning={"enabled": True}), reasoning="object")["reasoning"] == {"enabled": True}


def test_null_says_nothing() -> None:
    """SDKs send null for what was not set."""
    nulls = dict.fromkeys(["tools", "tool_choice", "stop", "temperature", "response_format", "reasoning", "user"])
    assert asked(**nulls) == asked()


def test_text_is_no_format() -> None:
    """It is what comes anyway."""
    assert asked(response_format={"type": "text"}) == asked()
