from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import hub
from engine.errors import BadRequest
from engine.wire.json_edit import Fields
from engine.wire.ollama.request import decode_request, encode_request, finish

HI = (hub.Message(role=hub.Role.USER, parts=(hub.Text(text="Hi"),)),)
SCHEMA = hub.Json(b'{"type":"object","properties":{"a":{"type":"string"}}}')


def asked(**more: Any) -> hub.Request:
    return hub.Request(**{"model": "m", "messages": HI, **more})


def sent(request: hub.Request) -> dict[str, Any]:
    said = {name: msgspec.json.decode(raw) for name, raw in encode_request(request).fields.items()}
    assert said.pop("messages")
    return said


def fields(**said: object) -> Fields:
    return msgspec.json.decode(msgspec.json.encode(said), type=Fields)


def test_stream_is_always_said() -> None:
    """Ollama streams unless it is told not to."""
    body = finish(encode_request(asked()).fields, model="up", stream=False)
    assert msgspec.json.decode(body) == {
        "messages": [{"role": "user", "content": "Hi"}],
        "model": "up",
        "stream": False,
    }
    assert decode_request(fields(messages=[])).stream is True


def test_parameters_are_options() -> None:
    """What other protocols have at the top stands in `options`; its own options come back beside them."""
    request = asked(max_tokens=5, top_k=3, stop=("x",), extra={"options": hub.Json(b'{"num_ctx":9}')}, origin="ollama")
    assert sent(request) == {"options": {"num_predict": 5, "top_k": 3, "stop": ["x"], "num_ctx": 9}}
    assert "options" not in sent(asked())


def test_without_end_is_no_bound() -> None:
    """A negative `num_predict` means that there is none, and stays what it was."""
    request = decode_request(fields(messages=[], options={"num_predict": -1}))
    assert request.max_tokens is None
    assert bytes(encode_request(request).fields["options"]) == b'{"num_predict":-1}'


def test_what_has_no_word_is_reported() -> None:
    """Each field that is dropped is named, and only where it would have changed anything."""
    lost = asked(parallel_tool_calls=False, n=2, user="u", service_tier="flex", extra={"logit_bias": hub.Json(b"{}")})
    assert encode_request(lost).dropped == ("parallel_tool_calls", "n", "user", "service_tier", "logit_bias")
    assert encode_request(asked(parallel_tool_calls=True, n=1)).dropped == ()


def test_options_of_another_protocol_are_not_ollamas() -> None:
    """A field of that name from elsewhere is reported and does not reach the options."""
    encoded = encode_request(asked(extra={"options": hub.Json(b'{"a":1}')}, origin="openai-chat"))
    assert encoded.dropped == ("options",)
    assert "options" not in encoded.fields


def test_choices_of_tools() -> None:
    """None leaves them out, named ones the others; that one must be called cannot be said."""
    tools = (hub.Tool(name="a", parameters=SCHEMA), hub.Tool(name="b", strict=True))
    assert sent(asked(tools=tools, tool_choice=hub.ToolChoice(mode="none"))) == {}
    named = asked(tools=tools, tool_choice=hub.ToolChoice(mode="any", names=("b",)))
    assert sent(named) == {"tools": [{"type": "function", "function": {"name": "b"}}]}
    assert encode_request(named).dropped == ("tool_choice", "strict")
    assert encode_request(asked(tool_choice=hub.ToolChoice(mode="any"))).dropped == ()


def test_tools_of_others_are_reported() -> None:
    """Server tools go by their kind, tools that take free text as `custom`."""
    search = hub.Foreign(protocol="openai-responses", kind="web_search", raw=hub.Json(b"{}"))
    encoded = encode_request(asked(tools=(search, hub.Tool(name="s", custom=True))))
    assert encoded.dropped == ("web_search", "custom")
    assert "tools" not in encoded.fields


@pytest.mark.parametrize(
    ("reasoning", "think", "dropped"),
    [
        (hub.Reasoning(enabled=False), False, ()),
        (hub.Reasoning(effort="none"), False, ()),
        (hub.Reasoning(budget_tokens=0), False, ()),
        (hub.Reasoning(enabled=True), True, ()),
        (hub.Reasoning(effort="minimal"), "low", ()),
        (hub.Reasoning(effort="xhigh"), "high", ()),
        (hub.Reasoning(budget_tokens=800), True, ("budget_tokens",)),
        (hub.Reasoning(summary="auto", show=False), None, ("reasoning.summary", "reasoning.show")),
    ],
)
def test_thinking(reasoning: hub.Reasoning, think: object, dropped: tuple[str, ...]) -> None:
    """On, off or a level; budgets are lost and reported."""
    request = asked(reasoning=reasoning)
    assert sent(request).get("think") == think
    assert encode_request(request).dropped == dropped


def test_formats() -> None:
    """`json`, a schema, or the empty string of old clients for none."""
    assert sent(asked(format=hub.OutputFormat()))["format"] == "json"
    assert sent(asked(format=hub.OutputFormat(schema=SCHEMA)))["format"]["type"] == "object"
    assert decode_request(fields(messages=[], format="")).format is None
    assert decode_request(fields(messages=[], format="json")).format == hub.OutputFormat()


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"messages": "Hi"}, "messages"),
        ({"messages": [{"role": "user", "content": ["Hi"]}]}, "messages"),
        ({"messages": [], "tools": [{}]}, "tools"),
        ({"messages": [], "options": []}, "options"),
        ({"messages": [], "options": {"temperature": "hot"}}, "temperature"),
        ({"messages": [], "format": "xml"}, "format"),
        ({"messages": [], "think": 7}, "think"),
    ],
)
def test_what_is_not_of_the_protocol_is_refused(said: dict[str, object], param: str) -> None:
    """The fault names the field."""
    with pytest.raises(BadRequest) as refused:
        decode_request(fields(**said))
    assert refused.value.param == param


TEXTS = st.text(min_size=1, max_size=6)
CALLS = st.lists(
    st.builds(hub.ToolCall, id=TEXTS, name=TEXTS, arguments=st.just('{"x":1}')),
    min_size=1,
    max_size=2,
    unique_by=lambda call: call.id,
)
REQUESTS = st.builds(
    hub.Request,
    model=TEXTS,
    stream=st.booleans(),
    messages=st.lists(
        st.builds(
            hub.Message,
            role=st.just(hub.Role.USER),
            parts=st.tuples(st.builds(hub.Text, text=TEXTS), st.just(hub.Media(kind="image", data="QUJD"))),
        )
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
    format=st.sampled_from([None, hub.OutputFormat(), hub.OutputFormat(schema=SCHEMA)]),
    reasoning=st.sampled_from([None, hub.Reasoning(enabled=True), hub.Reasoning(effort="low")]),
    extra=st.just({"keep_alive": hub.Json(b'"5m"'), "options": hub.Json(b'{"num_ctx":1}')}),
    origin=st.just("ollama"),
)


@given(request=REQUESTS)
def test_a_request_comes_back_as_it_was(request: hub.Request) -> None:
    """Whatever Ollama can express survives being written and read."""
    encoded = encode_request(request)
    assert encoded.dropped == ()
    body = finish(encoded.fields, model=request.model, stream=request.stream)
    assert decode_request(msgspec.json.decode(body, type=Fields)) == request
