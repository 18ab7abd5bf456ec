import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import hub
from engine.errors import BadRequest
from engine.hub import Message, Role
from engine.wire.gemini.request import decode_request, encode_request
from engine.wire.json_edit import Fields

CONTENTS: list[dict[str, Any]] = [{"role": "user", "parts": [{"text": "hello"}]}]


def fields(**body: Any) -> Fields:
    return {name: msgspec.Raw(json.dumps(value).encode()) for name, value in ({"contents": CONTENTS} | body).items()}


def told(request: hub.Request) -> dict[str, Any]:
    return {name: json.loads(bytes(raw)) for name, raw in encode_request(request).fields.items()}


TEXTS = st.text(min_size=1, max_size=6)
RAW = st.sampled_from([b"{}", b'{"a":1}']).map(msgspec.Raw)
JSON_TEXTS = st.sampled_from(["{}", '{"a": [1, "\\n"]}'])
MEDIA = st.builds(
    hub.Media,
    kind=st.just("image"),
    data=st.just("QUJD"),
    media_type=st.sampled_from(["image/png", "image/webp"]),
    signature=st.sampled_from(["", "s"]),
)
TEXT = st.builds(hub.Text, text=TEXTS, signature=st.sampled_from(["", "s"]))
SPOKEN: st.SearchStrategy[hub.Part] = st.one_of(TEXT, MEDIA)
SAID: st.SearchStrategy[hub.Part] = st.one_of(
    TEXT,
    MEDIA,
    st.builds(hub.Thinking, text=TEXTS),
    st.builds(hub.Thinking, text=TEXTS, signature=TEXTS, origin=st.just("gemini")),
    st.builds(hub.ToolCall, id=TEXTS, name=TEXTS, arguments=JSON_TEXTS, signature=st.sampled_from(["", "s"])),
)
RESULTS: st.SearchStrategy[hub.Part] = st.builds(
    hub.ToolResult,
    call_id=TEXTS,
    # Names that no call has: a result whose id fits none is the answer to the oldest call of its name.
    name=TEXTS.map(lambda text: f"another tool: {text}"),
    parts=st.lists(TEXTS.map(lambda text: hub.Text(text=text)), max_size=1).map(tuple),
    is_error=st.just(False),
)


def message(role: Role, parts: st.SearchStrategy[hub.Part]) -> st.SearchStrategy[Message]:
    return st.lists(parts, min_size=1, max_size=3).map(lambda some: Message(role=role, parts=tuple(some)))


ROUNDS = st.lists(
    st.tuples(message(Role.ASSISTANT, SAID), message(Role.TOOL, RESULTS), message(Role.USER, SPOKEN)), max_size=2
).map(lambda rounds: tuple(each for some in rounds for each in some))

REQUESTS = st.builds(
    hub.Request,
    model=st.just(""),
    messages=st.tuples(
        message(Role.SYSTEM, TEXTS.map(lambda text: hub.Text(text=text))), message(Role.USER, SPOKEN), ROUNDS
    ).map(lambda some: (some[0], some[1], *some[2])),
    tools=st.lists(st.builds(hub.Tool, name=TEXTS, description=TEXTS, parameters=st.none() | RAW), max_size=2).map(
        tuple
    ),
    tool_choice=st.sampled_from([None, hub.AUTO, hub.ToolChoice(mode="any", names=("f",))]),
    max_tokens=st.none() | st.integers(1, 99),
    temperature=st.none() | st.floats(0, 2),
    top_k=st.none() | st.integers(1, 99),
    stop=st.lists(TEXTS, max_size=2).map(tuple),
    n=st.none() | st.integers(1, 3),
    format=st.none() | st.builds(hub.OutputFormat, schema=st.none() | RAW),
    reasoning=st.sampled_from(
        [None, hub.Reasoning(effort="low", show=True), hub.Reasoning(budget_tokens=9), hub.Reasoning(enabled=True)]
    ),
    service_tier=st.sampled_from(["", "flex"]),
    extra=st.sampled_from(
        [{}, {"safetySettings": msgspec.Raw(b"[]"), "generationConfig.speechConfig": msgspec.Raw(b"{}")}]
    ),
    origin=st.just("gemini"),
)


@settings(max_examples=150)
@given(request=REQUESTS)
def test_requests_come_back(request: hub.Request) -> None:
    """What Gemini can say is written and read as the same request, and nothing is reported as lost."""
    encoded = encode_request(request)
    assert encoded.dropped == ()
    assert decode_request(encoded.fields) == request


@pytest.mark.parametrize("said", [(), (hub.Text(text="{}"),), (hub.Text(text='{"a":1}'),)])
def test_what_a_tool_says_comes_back(said: tuple[hub.Part, ...]) -> None:
    """Nothing, an empty object, and an object are three things."""
    result = hub.Message(role=Role.TOOL, parts=(hub.ToolResult(call_id="c", name="f", parts=said),))
    request = hub.Request(model="", messages=(result,), origin="gemini")
    assert decode_request(encode_request(request).fields).messages == request.messages


def test_a_request_as_the_sdk_sends_it() -> None:
    """Snake case and camelCase mixed, one part without a list, and the model in the body."""
    request = decode_request(
        fields(
            model="models/gemini-3-pro",
            system_instruction={"parts": {"text": "be brief"}},
            generationConfig={"thinkingConfig": {"thinking_budget": 9}},
            safety_settings=[{"category": "c"}],
            toolConfig={"functionCallingConfig": {"mode": "VALIDATED"}},
            serviceTier="FLEX",
        )
    )
    assert (request.model, request.origin, request.service_tier) == ("gemini-3-pro", "gemini", "flex")
    assert request.messages == (
        Message(role=Role.SYSTEM, parts=(hub.Text(text="be brief"),)),
        Message(role=Role.USER, parts=(hub.Text(text="hello"),)),
    )
    assert request.reasoning == hub.Reasoning(budget_tokens=9)
    assert request.tool_choice == hub.AUTO
    assert request.extra.keys() == {"safetySettings", "toolConfig"}
    assert told(request)["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}


def test_what_gemini_has_no_words_for_is_named() -> None:
    """Once each, by the caller's names; what is the default anyway is not lost."""
    request = hub.Request(
        model="m",
        messages=(
            Message(role=Role.USER, name="bob", parts=(hub.Media(kind="image", url="https://a/b.png", detail="low"),)),
        ),
        tools=(hub.Tool(name="f", strict=True), hub.Tool(name="g", strict=True)),
        parallel_tool_calls=False,
        user="u",
        service_tier="scale",
        extra={"logit_bias": msgspec.Raw(b"{}")},
        origin="openai-chat",
    )
    assert encode_request(request).dropped == (
        "parallel_tool_calls",
        "user",
        "service_tier",
        "strict",
        "name",
        "detail",
        "logit_bias",
    )
    plain = msgspec.structs.replace(
        request, messages=(), tools=(), parallel_tool_calls=True, user="", service_tier="auto", extra={}
    )
    assert encode_request(plain).dropped == ()


def test_instructions_are_kept_apart() -> None:
    """System and developer messages are the instruction; where they are all there is, they are what is said."""
    system = Message(role=Role.DEVELOPER, parts=(hub.Text(text="a"),))
    user = Message(role=Role.USER, parts=(hub.Text(text="b"),))
    both = told(hub.Request(model="m", messages=(system, user)))
    assert both["systemInstruction"] == {"parts": [{"text": "a"}]}
    assert both["contents"] == [{"role": "user", "parts": [{"text": "b"}]}]
    assert told(hub.Request(model="m", messages=(system,))) == {
        "contents": [{"role": "user", "parts": [{"text": "a"}]}]
    }
    assert told(hub.Request(model="m", messages=())) == {"contents": [{"role": "user", "parts": [{"text": ""}]}]}


def test_a_picture_in_the_instruction_is_refused() -> None:
    """Gemini's instruction is text, and content is never left out."""
    system = Message(role=Role.SYSTEM, parts=(hub.Media(kind="image", data="QQ=="),))
    user = Message(role=Role.USER, parts=(hub.Text(text="b"),))
    with pytest.raises(BadRequest) as caught:
        encode_request(hub.Request(model="m", messages=(system, user)))
    assert caught.value.reason == "content_not_supported"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"contents": None}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": "hello"}, "contents"),
        ({"contents": [{"parts": [{"text": 5}]}]}, "contents"),
        ({"systemInstruction": "text"}, "systemInstruction"),
        ({"tools": {}}, "tools"),
        ({"serviceTier": 5}, "serviceTier"),
    ],
)
def test_requests_of_another_shape_are_refused(body: dict[str, Any], param: str) -> None:
    """The caller is told which field."""
    with pytest.raises(BadRequest) as caught:
        decode_request(fields(**body))
    assert caught.value.param == param


KEYS = ["contents", "parts", "role", "text", "function_call", "functionResponse", "args", "name", "response", "tools"]
VALUES = st.recursive(
    st.none() | st.integers(0, 3) | st.sampled_from(["user", "model", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150)
@given(body=st.dictionaries(st.sampled_from([*KEYS, "systemInstruction", "generationConfig", "toolConfig"]), VALUES))
def test_no_request_is_too_strange(body: dict[str, Any]) -> None:
    """It is understood, and written again, or it is the caller's fault."""
    with suppress(BadRequest):
        encode_request(decode_request({name: msgspec.Raw(json.dumps(value).encode()) for name, value in body.items()}))
