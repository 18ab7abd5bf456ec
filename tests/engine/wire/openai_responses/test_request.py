import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import hub
from engine.errors import BadRequest
from engine.wire.openai_responses import PROTOCOL
from engine.wire.openai_responses.envelope import finish, read_envelope
from engine.wire.openai_responses.request import decode_request, encode_request


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
WORDS = st.builds(hub.Text, text=TEXTS)
MEDIA = st.sampled_from(
    [
        hub.Media(kind="image", url="https://example.com/a.png", detail="low"),
        hub.Media(kind="file", data="QUJD", media_type="application/pdf", name="a.pdf"),
    ]
)
CITED = st.builds(
    hub.Text,
    text=TEXTS,
    citations=st.just((hub.Citation(url="https://example.com", title="A", start=0, end=2),)),
)
THOUGHTS = st.builds(hub.Thinking, text=TEXTS, signature=TEXTS, origin=st.just(PROTOCOL), id=st.just("rs_1"))
WITHHELD = st.builds(hub.Thinking, redacted=TEXTS, origin=st.just(PROTOCOL), id=st.just("rs_2"))
FOREIGN = st.just(hub.Foreign(protocol=PROTOCOL, kind="web_search_call", raw=raw({"type": "web_search_call"})))
CALLS = st.builds(hub.ToolCall, id=st.just("c1"), name=st.just("f"), arguments=st.just("{}"))
CUSTOM = st.builds(hub.ToolCall, id=st.just("c2"), name=st.just("sql"), arguments=TEXTS, custom=st.just(True))
SAID = WORDS | CITED | st.builds(hub.Refusal, text=TEXTS) | THOUGHTS | WITHHELD | FOREIGN | CALLS | CUSTOM
RESULTS = st.builds(
    hub.ToolResult, call_id=st.just("c1"), parts=st.lists(WORDS | MEDIA, min_size=1, max_size=2).map(tuple)
)


def turn(role: hub.Role, parts: st.SearchStrategy[Any]) -> st.SearchStrategy[hub.Message]:
    return st.builds(hub.Message, role=st.just(role), parts=st.lists(parts, min_size=1, max_size=3).map(tuple))


ASKED = turn(hub.Role.USER, WORDS | MEDIA) | turn(hub.Role.SYSTEM, WORDS) | turn(hub.Role.DEVELOPER, WORDS)
ANSWERS = turn(hub.Role.ASSISTANT, SAID).filter(lambda message: not isinstance(message.parts[0], hub.Foreign))
"""Items of hosted tools at the beginning belong to the message before."""

ROUNDS = st.lists(
    st.tuples(ASKED, st.just(hub.Message(role=hub.Role.ASSISTANT, parts=(hub.Text(text="Ah."),))))
    | st.tuples(ASKED, ANSWERS, turn(hub.Role.TOOL, RESULTS)),
    max_size=2,
)
MESSAGES = st.builds(lambda rounds, last: (*(each for some in rounds for each in some), last), ROUNDS, ASKED)


def named(message: hub.Message, calls: dict[str, str]) -> hub.Message:
    """*message* with the tools' names in what they answered, as decoders fill them in."""
    parts = tuple(
        msgspec.structs.replace(part, name=calls.get(part.call_id, "")) if isinstance(part, hub.ToolResult) else part
        for part in message.parts
    )
    return msgspec.structs.replace(message, parts=parts)


def normal(messages: tuple[hub.Message, ...]) -> tuple[hub.Message, ...]:
    calls: dict[str, str] = {}
    out = []
    for message in messages:
        calls |= {part.id: part.name for part in message.parts if isinstance(part, hub.ToolCall)}
        out.append(named(message, calls))
    return tuple(out)


TOOLS = (hub.Tool(name="f", parameters=raw({}), strict=True), hub.Tool(name="sql", custom=True))
EXTRA = {"metadata": raw({"a": "b"}), "text.verbosity": raw("low"), "include": raw(["reasoning.encrypted_content"])}
NUMBERS = st.none() | st.floats(0, 2, allow_nan=False)
FLAGS = st.none() | st.booleans()
REQUESTS = st.builds(
    hub.Request,
    model=st.just("m"),
    messages=MESSAGES,
    stream=st.booleans(),
    tools=st.sampled_from(
        [(), (hub.Tool(name="f", parameters=raw({}), strict=True), hub.Tool(name="sql", custom=True))]
    ),
    tool_choice=st.sampled_from([None, hub.AUTO, hub.ToolChoice(mode="any", names=("f", "g"))]),
    parallel_tool_calls=FLAGS,
    max_tokens=st.none() | st.integers(1, 10**6),
    temperature=NUMBERS,
    top_p=NUMBERS,
    logprobs=st.sampled_from([None, True]),
    top_logprobs=st.none() | st.integers(0, 20),
    format=st.sampled_from([None, hub.OutputFormat(), hub.OutputFormat(schema=raw({}), name="A", strict=False)]),
    reasoning=st.sampled_from([None, hub.Reasoning(effort="low"), hub.Reasoning(summary="auto", show=True)]),
    user=st.sampled_from(["", "u"]),
    service_tier=st.sampled_from(["", "flex"]),
    extra=st.sampled_from(
        [
            {},
            {
                "metadata": raw({"a": "b"}),
                "text.verbosity": raw("low"),
                "include": raw(["reasoning.encrypted_content"]),
            },
        ]
    ),
    origin=st.just(PROTOCOL),
)


@settings(max_examples=150)
@given(request=REQUESTS)
def test_a_request_that_is_written_reads_the_same(request: hub.Request) -> None:
    """Nothing is lost that this protocol can say."""
    encoded = encode_request(request)
    body = finish(encoded.fields, model=request.model, stream=request.stream)

    expected = msgspec.structs.replace(request, messages=normal(request.messages))
    assert encoded.dropped == ()
    assert decode_request(read_envelope(body).fields) == expected


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "message", "user", "function", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "role", "content", "output", "name", "call_id", "text", "format", "effort"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
FIELDS = ["input", "instructions", "tools", "tool_choice", "text", "reasoning", "include", "temperature", "user", "x"]


@settings(max_examples=200)
@given(fields=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4))
def test_no_request_is_too_strange(fields: dict[str, Any]) -> None:
    """Any JSON in any field is a request that can be written again, or a BadRequest."""
    with suppress(BadRequest):
        request = decode_request(read_envelope(json.dumps({"model": "m", "input": "a"} | fields).encode()).fields)
        assert decode_request({**encode_request(request).fields, "model": raw("m")}).messages is not None


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": [{"role": "king", "content": "a"}]}, "input[0]"),
        ({"input": ["a"]}, "input[0]"),
        ({"input": [{"role": "user", "content": "a"}, {"type": "function_call", "call_id": "c"}]}, "input[1]"),
        ({"input": [{"type": "function_call_output", "output": "a"}]}, "input[0]"),
        ({"instructions": ["a"]}, "instructions"),
        ({"tools": {}}, "tools"),
        ({"tool_choice": 1}, "tool_choice"),
        ({"text": "json"}, "text"),
        ({"reasoning": {"effort": 1}}, "reasoning"),
        ({"include": "a"}, "include"),
        ({"temperature": "hot"}, "temperature"),
        ({"parallel_tool_calls": 1}, "parallel_tool_calls"),
    ],
)
def test_a_field_of_another_shape_is_named(fields: dict[str, Any], param: str) -> None:
    """The caller learns which one."""
    said = {name: raw(value) for name, value in ({"model": "m", "input": "a"} | fields).items()}
    with pytest.raises(BadRequest) as caught:
        decode_request(said)
    assert caught.value.param == param


def asked(**more: Any) -> hub.Request:
    message = hub.Message(role=hub.Role.USER, parts=(hub.Text(text="hi"),))
    return hub.Request(**{"model": "m", "messages": (message,), "origin": "anthropic"} | more)


def test_what_this_protocol_does_not_have_is_reported() -> None:
    """By the caller's names for it, each once; what asks for nothing special is no loss."""
    foreign = hub.Foreign(protocol="anthropic", kind="computer_20250124", raw=raw({}))
    request = asked(
        top_k=5,
        stop=("a",),
        seed=1,
        n=2,
        frequency_penalty=0.5,
        presence_penalty=0.0,
        service_tier="standard_only",
        tools=(foreign, foreign),
        extra={"container": raw("c")},
    )
    dropped = ("top_k", "frequency_penalty", "presence_penalty", "stop", "seed", "n", "container", "computer_20250124")

    assert encode_request(request).dropped == (*dropped, "service_tier")
    assert encode_request(asked(n=1)).dropped == ()


def test_a_request_of_another_protocol_keeps_its_meaning() -> None:
    """Silence means another thing here: answers would be stored, schemas enforced, and small limits refused."""
    fields = encode_request(asked(max_tokens=5, tools=(hub.Tool(name="f"),))).fields

    assert bytes(fields["store"]) == b"false"
    assert bytes(fields["max_output_tokens"]) == b"16"
    assert json.loads(bytes(fields["tools"])) == [
        {"type": "function", "name": "f", "parameters": None, "strict": False}
    ]


def test_openais_own_fields_of_chat_have_a_place() -> None:
    """Metadata and verbosity are OpenAI's in both of its protocols."""
    request = asked(
        origin="openai", extra={"metadata": raw({"a": "b"}), "verbosity": raw("low"), "store": raw(True), "x": raw(1)}
    )
    fields, dropped = encode_request(request)

    assert (json.loads(bytes(fields["metadata"])), json.loads(bytes(fields["text"]))) == (
        {"a": "b"},
        {"verbosity": "low"},
    )
    assert bytes(fields["store"]) == b"true"
    assert dropped == ("x",)
