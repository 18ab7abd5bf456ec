from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import hub
from engine.errors import BadRequest
from engine.hub import Message, OutputFormat, Reasoning, Request, Role, Text, Tool, ToolChoice
from engine.wire.anthropic_messages.request import DEFAULT_MAX_TOKENS, decode_request, encode_request
from engine.wire.json_edit import Fields


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


HI = (Message(role=Role.USER, parts=(Text(text="hi"),)),)
F = Tool(name="f", parameters=raw({"type": "object"}))


def fields(**values: Any) -> Fields:
    return {name: raw(value) for name, value in values.items()}


def asked(**values: Any) -> Request:
    return decode_request(fields(model="m", messages=[{"role": "user", "content": "hi"}], **values))


def sent(request: Request, **how: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    encoded = encode_request(request, **how)
    return {name: msgspec.json.decode(value) for name, value in encoded.fields.items()}, encoded.dropped


def other(**values: Any) -> Request:
    """A request of another protocol's caller."""
    return Request(**{"model": "m", "messages": HI, "origin": "openai-chat", **values})


def test_max_tokens_is_always_said() -> None:
    """The API demands it: the caller's, or the integrator's default, or ours."""
    assert sent(other())[0]["max_tokens"] == DEFAULT_MAX_TOKENS
    assert sent(other(), default_max_tokens=64_000)[0]["max_tokens"] == 64_000
    assert sent(other(max_tokens=0), default_max_tokens=64_000)[0]["max_tokens"] == 0


@pytest.mark.parametrize(
    ("values", "dropped"),
    [
        ({"frequency_penalty": 1.0}, "frequency_penalty"),
        ({"presence_penalty": -1.0}, "presence_penalty"),
        ({"seed": 0}, "seed"),
        ({"logprobs": True, "top_logprobs": None}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"n": 2}, "n"),
        ({"format": OutputFormat()}, "response_format"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"extra": {"logit_bias": raw({})}}, "logit_bias"),
        ({"temperature": 1.5}, "temperature"),
        ({"temperature": 0.5, "top_p": 0.9}, "top_p"),
        ({"reasoning": Reasoning(effort="low"), "temperature": 0.5}, "temperature"),
        ({"reasoning": Reasoning(effort="low"), "top_k": 5}, "top_k"),
        ({"reasoning": Reasoning(effort="low"), "top_p": 0.5}, "top_p"),
        ({"reasoning": Reasoning(effort="low"), "max_tokens": 500}, "reasoning"),
        (
            {"reasoning": Reasoning(effort="low"), "tools": (F,), "tool_choice": ToolChoice(mode="any")},
            "reasoning",
        ),
    ],
)
def test_what_cannot_be_said_is_reported(values: dict[str, Any], dropped: str) -> None:
    """A parameter that the API has no way to say is dropped under the name that the caller gave it."""
    assert sent(other(**values))[1] == (dropped,)


@pytest.mark.parametrize(
    "values",
    [
        {"n": 1, "presence_penalty": 0.0, "top_logprobs": 0},
        {"logprobs": False},
        {"service_tier": "auto"},
        {"temperature": 1.0},
        {"top_p": 0.9},
        {"reasoning": Reasoning(effort="low"), "temperature": 1.0, "max_tokens": 9000},
        {"reasoning": Reasoning(effort="low"), "top_p": 0.95, "max_tokens": 9000},
        {"reasoning": Reasoning(effort="none"), "tools": (F,), "tool_choice": ToolChoice(mode="any")},
    ],
)
def test_what_can_be_said_is_not_reported(values: dict[str, Any]) -> None:
    """What is the API's default anyway, or has its place, is no loss."""
    assert sent(other(**values))[1] == ()


def test_what_is_too_hot_is_cut() -> None:
    """Temperatures end at 1 here."""
    assert sent(other(temperature=1.5))[0]["temperature"] == 1


def test_a_schema_is_asked_natively() -> None:
    """Structured output goes as `output_config.format`, its objects closed as the API demands."""
    schema = raw({"type": "object", "properties": {"a": {"type": "string"}}})
    said, dropped = sent(other(format=OutputFormat(schema=schema, name="x", strict=True)))
    assert dropped == ()
    assert said["output_config"] == {
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "additionalProperties": False,
            },
        }
    }


def test_a_choice_needs_tools() -> None:
    """The API refuses a choice where there is nothing to choose from."""
    assert "tool_choice" not in sent(other(tool_choice=ToolChoice(mode="none"), parallel_tool_calls=False))[0]


@pytest.mark.parametrize(("word", "own"), [("auto", "auto"), ("default", "standard_only")])
def test_tiers_are_translated(word: str, own: str) -> None:
    """OpenAI's words for the tiers that both have go out and come back in Anthropic's."""
    assert sent(other(service_tier=word))[0]["service_tier"] == own
    assert asked(service_tier=own).service_tier == word


@pytest.mark.parametrize(
    ("values", "param"),
    [
        ({"max_tokens": "7"}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_k": 1.5}, "top_k"),
        ({"stop_sequences": "END"}, "stop_sequences"),
        ({"stream": "yes"}, "stream"),
        ({"system": 7}, "system"),
        ({"tools": [{}]}, "tools"),
        ({"tools": {}}, "tools"),
        ({"tool_choice": {"type": "other"}}, "tool_choice"),
        ({"thinking": 7}, "thinking"),
        ({"metadata": 7}, "metadata"),
        ({"metadata": {"user_id": 7}}, "metadata.user_id"),
        ({"output_config": []}, "output_config"),
        ({"output_config": {"effort": 7}}, "output_config.effort"),
        ({"output_config": {"format": 7}}, "output_config.format"),
        ({"output_format": 7}, "output_format"),
        ({"service_tier": 7}, "service_tier"),
    ],
)
def test_fields_of_the_wrong_shape(values: dict[str, Any], param: str) -> None:
    """A field that is not of the protocol's shape is the caller's fault, and named."""
    with pytest.raises(BadRequest) as fault:
        asked(**values)
    assert fault.value.param == param


def test_a_conversation_must_say_something() -> None:
    """No message, or none with anything in it, is no request."""
    for messages in ([], [{"role": "user", "content": ""}]):
        with pytest.raises(BadRequest, match="empty"):
            decode_request(fields(model="m", messages=messages))


def test_what_is_nested_too_deeply() -> None:
    """Depth is the caller's fault, not ours."""
    deep = msgspec.Raw(b"[" * 100_000 + b"]" * 100_000)
    with pytest.raises(BadRequest, match="deep"):
        decode_request({"messages": deep})


def test_unset_fields_are_null() -> None:
    """SDKs send null for what was not set."""
    names = ("system", "tools", "tool_choice", "thinking", "metadata", "output_config", "stop_sequences", "temperature")
    assert asked(**dict.fromkeys(names)) == asked()


word = st.sampled_from(["a", "f", "read_file", "x-1", "Z9"])
raws = st.sampled_from([b'{"type":"object"}', b'{"a":[true,null]}']).map(msgspec.Raw)
cache = st.none() | st.just(msgspec.Raw(b'{"type":"ephemeral"}'))
some_text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=9)
texts = st.builds(Text, text=some_text, cache=cache)
media = (
    st.builds(hub.Media, kind=st.just("image"), url=word.map("https://a.example/{}".format), cache=cache)
    | st.builds(hub.Media, kind=st.just("image"), data=word, media_type=st.just("image/png"))
    | st.builds(hub.Media, kind=st.just("file"), data=word, media_type=st.just("application/pdf"), name=word)
    | st.builds(hub.Media, kind=st.sampled_from(["image", "file"]), file_id=word)
)
foreign = st.just(
    hub.Foreign(protocol="anthropic", kind="search_result", raw=msgspec.Raw(b'{"type":"search_result","x":1}'))
)
thoughts = st.builds(hub.Thinking, text=some_text, signature=word, origin=st.just("anthropic")) | st.builds(
    hub.Thinking, redacted=word, origin=st.just("anthropic")
)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """Turns as the hub has them: a user's, an assistant's, results for its calls."""
    turns: list[Message] = []
    if draw(st.booleans()):
        turns.append(Message(role=Role.SYSTEM, parts=tuple(draw(st.lists(texts, min_size=1, max_size=2)))))
    for number in range(draw(st.integers(1, 3))):
        turns.append(
            Message(role=Role.USER, parts=tuple(draw(st.lists(texts | media | foreign, min_size=1, max_size=3))))
        )
        said: list[hub.Part] = draw(st.lists(texts | thoughts, min_size=1, max_size=2))
        calls = [
            hub.ToolCall(id=f"c{number}_{n}", name=name, arguments='{"a":1}', cache=draw(cache))
            for n, name in enumerate(draw(st.lists(word, max_size=2)))
        ]
        turns.append(Message(role=Role.ASSISTANT, parts=(*said, *calls)))
        results = [
            hub.ToolResult(
                call_id=call.id,
                name=call.name,
                parts=tuple(draw(st.lists(texts | media, max_size=2))),
                is_error=draw(st.booleans()),
                cache=draw(cache),
            )
            for call in calls
        ]
        turns += [Message(role=Role.TOOL, parts=tuple(results))] if results else []
    return tuple(turns)


tools = st.builds(
    Tool,
    name=word,
    description=st.sampled_from(["", "d"]),
    parameters=st.just(msgspec.Raw(b'{"type":"object"}')),
    strict=st.none() | st.booleans(),
    cache=cache,
)
choices = st.none() | st.sampled_from(
    [ToolChoice(), ToolChoice(mode="none"), ToolChoice(mode="any"), ToolChoice(mode="any", names=("f",))]
)
reasonings = st.none() | st.sampled_from(
    [
        Reasoning(effort="low"),
        Reasoning(enabled=False),
        Reasoning(enabled=True),
        Reasoning(enabled=True, budget_tokens=1024, show=True),
        Reasoning(enabled=True, effort="max", show=False),
    ]
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    offered = draw(st.lists(tools, max_size=2))
    choice = draw(choices) if offered else None
    takes_parallel = choice is not None and choice.mode != "none"
    return Request(
        model="m",
        messages=draw(conversations()),
        stream=draw(st.booleans()),
        tools=tuple(offered),
        tool_choice=choice,
        parallel_tool_calls=draw(st.none() | st.booleans()) if takes_parallel else None,
        max_tokens=draw(st.integers(2000, 9000)),
        temperature=draw(st.none() | st.floats(0, 1)),
        top_p=draw(st.none() | st.floats(0, 1)),
        top_k=draw(st.none() | st.integers(0, 99)),
        stop=tuple(draw(st.lists(word, max_size=2))),
        format=draw(st.none() | st.builds(OutputFormat, schema=raws)),
        reasoning=draw(reasonings),
        user=draw(st.sampled_from(["", "u"])),
        service_tier=draw(st.sampled_from(["", "auto", "default"])),
        extra=draw(st.dictionaries(st.sampled_from(["container", "cache_control"]), raws)),
        origin="anthropic",
    )


@given(requests())
@settings(max_examples=60)
def test_requests_come_back(request: Request) -> None:
    """What this protocol can say is the same after it was encoded and decoded, and nothing is reported lost."""
    encoded = encode_request(request)
    assert encoded.dropped == ()
    said = {**encoded.fields, "model": raw(request.model), "stream": raw(request.stream)}
    assert decode_request(said) == request


@given(requests(), st.booleans() | st.none())
@settings(max_examples=40)
def test_other_protocols_requests_are_fit_to_send(request: Request, adaptive: bool | None) -> None:
    """Whatever another protocol asked, turns alternate, results lead, and thinking keeps to its rules."""
    said, _ = sent(msgspec.structs.replace(request, origin="openai-chat"), adaptive=adaptive)
    roles = [turn["role"] for turn in said["messages"]]
    assert all(before != after for before, after in pairwise(roles))
    assert not ("temperature" in said and "top_p" in said)
    thinking = said.get("thinking", {"type": "disabled"})
    if thinking["type"] != "disabled":
        assert said.get("temperature", 1) == 1
        assert "top_k" not in said
        assert thinking.get("budget_tokens", 0) < said["max_tokens"]
        assert said.get("tool_choice", {}).get("type") not in {"any", "tool"}
