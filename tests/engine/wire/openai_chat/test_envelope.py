from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest, UpstreamMalformed
from engine.values import Outcome, UsageSource, Wishes
from engine.wire.envelope import Envelope, estimated
from engine.wire.openai_chat.envelope import PLAIN, finish, read_envelope, read_reply

HI = [{"role": "user", "content": "hi"}]


def decoded(**fields: Any) -> Envelope:
    return read_envelope(msgspec.json.encode({"model": "m", "messages": HI} | fields))


def test_a_plain_request() -> None:
    """What is not asked for is absent: no stream, no media, no limits, no wishes."""
    request = decoded()
    assert request == Envelope(
        fields=request.fields, model="m", input_tokens_low=9, input_tokens=16, input_tokens_high=57
    )


@pytest.mark.parametrize(
    ("fields", "fact", "value"),
    [
        ({"stream": True}, "stream", True),
        ({"stream": None}, "stream", False),
        ({"stream_options": {"include_usage": True}}, "asks_usage", True),
        ({"stream_options": None}, "asks_usage", False),
        ({"max_tokens": 5}, "max_tokens", 5),
        ({"max_tokens": 5, "max_completion_tokens": 7}, "max_tokens", 7),
        ({"max_tokens": 5, "max_completion_tokens": None}, "max_tokens", 5),
        ({"tools": [{"type": "function"}]}, "has_tools", True),
        ({"functions": [{"name": "f"}]}, "has_tools", True),
        ({"tools": []}, "has_tools", False),
        ({"tools": None}, "has_tools", False),
        ({"response_format": {"type": "json_object"}}, "wants_json", True),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "wants_json", True),
        ({"response_format": {"type": "text"}}, "wants_json", False),
        ({"response_format": None}, "wants_json", False),
        ({"reasoning_effort": "low"}, "reasoning", True),
        ({"reasoning_effort": "none"}, "reasoning", False),
        ({"reasoning": {"effort": "high"}}, "reasoning", True),
        ({"reasoning": {"max_tokens": 100}}, "reasoning", True),
        ({"reasoning": {"enabled": False}}, "reasoning", False),
        ({"reasoning": {"effort": "none"}}, "reasoning", False),
        ({"user": "u-1"}, "user", "u-1"),
        ({"user": 7}, "user", ""),
        ({"session_id": "s-1"}, "session", "s-1"),
        ({"metadata": {"session_id": "s-2"}}, "session", "s-2"),
        ({"metadata": {"tenant": "t", "n": 1}}, "metadata", {"tenant": "t"}),
        ({"metadata": "t"}, "metadata", {}),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "has_images", True),
        ({"messages": [{"role": "user", "content": [{"type": "file"}]}]}, "has_files", True),
        ({"messages": [{"role": "user", "content": 'say [{"type": "image_url"}]'}]}, "has_images", False),
        ({"messages": [{"role": "assistant"}]}, "has_images", False),
        ({"provider": {"order": ["a"], "only": ["b"]}}, "wishes", Wishes(order=("a",), only=("b",))),
        ({"provider": {"allow_fallbacks": False, "sort": "price"}}, "wishes", Wishes(allow_fallbacks=False)),
        ({"provider": None}, "wishes", None),
    ],
)
def test_facts_of_a_request(fields: dict[str, Any], fact: str, value: object) -> None:
    """Each fact that rules may know is read from the field that says it."""
    assert getattr(decoded(**fields), fact) == value


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"", "invalid_json", None),
        (b"{", "invalid_json", None),
        (b"[]", "invalid_json", None),
        (b"7", "invalid_json", None),
        (b'{"model": "m"} {}', "invalid_json", None),
        (b'{"model": "\xff", "messages": []}', "invalid_utf8", None),
        (b'{"\xff": 1}', "invalid_utf8", None),
        (b'\xef\xbb\xbf{"model": "m"}', "invalid_json", None),
        (b'{"model": "m", "messages": [{"content": "\\ud800"}]}', "invalid_json", None),
        (b'{"model": "m", "x": NaN}', "invalid_json", None),
        (b'{"model": "m", "x": Infinity}', "invalid_json", None),
        (b'{"x": ' + b"[" * 100_000, "invalid_json", None),
        (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "invalid_json", None),
        (b'{"model": "m", "temperature": 1e999}', "number_out_of_range", "temperature"),
        (b'{"model": "m", "seed": 1' + b"0" * 400 + b"}", "number_out_of_range", "seed"),
        (b'{"messages": [{"content": "hi"}]}', "missing_required_parameter", "model"),
        (b'{"model": 7, "messages": [{"content": "hi"}]}', "invalid_type", "model"),
        (b'{"model": "", "messages": [{"content": "hi"}]}', "invalid_type", "model"),
        (b'{"model": "m"}', "missing_required_parameter", "messages"),
        (b'{"model": "m", "messages": []}', "invalid_value", "messages"),
        (b'{"model": "m", "messages": "hi"}', "invalid_type", "messages"),
        (b'{"model": "m", "messages": ["hi"]}', "invalid_type", "messages"),
        (b'{"model": "m", "messages": [{"content": [1e999]}]}', "invalid_type", "messages"),
        (b'{"model": "m", "messages": [{}], "stream": "yes"}', "invalid_type", "stream"),
        (b'{"model": "m", "messages": [{}], "stream_options": 1}', "invalid_type", "stream_options"),
        (
            b'{"model": "m", "messages": [{}], "stream_options": {"include_usage": 1}}',
            "invalid_type",
            "stream_options.include_usage",
        ),
        (b'{"model": "m", "messages": [{}], "max_tokens": -1}', "invalid_type", "max_tokens"),
        (b'{"model": "m", "messages": [{}], "max_tokens": 1.5}', "invalid_type", "max_tokens"),
        (b'{"model": "m", "messages": [{}], "max_tokens": true}', "invalid_type", "max_tokens"),
        (b'{"model": "m", "messages": [{}], "provider": []}', "invalid_type", "provider"),
        (b'{"model": "m", "messages": [{}], "provider": {"order": "a"}}', "invalid_type", "provider.order"),
        (
            b'{"model": "m", "messages": [{}], "provider": {"allow_fallbacks": 1}}',
            "invalid_type",
            "provider.allow_fallbacks",
        ),
    ],
)
def test_bad_bodies_are_told_apart(body: bytes, code: str, param: str | None) -> None:
    """Each way in which a body is wrong has its code, and names the field where there is one."""
    with pytest.raises(BadRequest) as raised:
        read_envelope(body)
    assert (raised.value.reason, raised.value.param) == (code, param)
    assert len(raised.value.message) < 300


def test_the_last_of_equal_keys_is_read_and_sent() -> None:
    """A duplicate key cannot show us one value and the provider another."""
    request = read_envelope(b'{"model": "a", "messages": [{}], "model": "b", "messages": [{"content": "x"}]}')
    assert request.model == "b"
    sent = finish(request.fields, model=request.model, stream=False)
    assert sent == b'{"model":"b","messages":[{"content": "x"}]}'


def test_asking_for_usage_keeps_other_stream_options() -> None:
    """Options beside `include_usage` stay as the caller sent them."""
    sent = finish(decoded(stream_options={"x": 1}).fields, model="m", stream=True)
    assert msgspec.json.decode(sent)["stream_options"] == {"x": 1, "include_usage": True}


def test_encoding_leaves_the_fields_alone() -> None:
    """The fields serve the next attempt as they served this one."""
    fields = decoded(provider={"only": ["a"]}).fields
    before = dict(fields)
    finish(fields, model="other", stream=True)
    assert fields == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(extra=st.dictionaries(st.text(max_size=6), JSON, max_size=5))
def test_unknown_fields_survive(extra: dict[str, Any]) -> None:
    """What we do not know reaches the provider with its value."""
    known = {"provider", "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens"}
    unknown = {name: value for name, value in extra.items() if name not in known}
    sent = msgspec.json.decode(finish(decoded(**unknown).fields, model="m", stream=False))
    assert sent == {"model": "m", "messages": HI} | unknown


ODD = (
    *(
        "null",
        "true",
        "7",
        "2.0",
        "0.5",
        "-1",
        "1e300",
        "1e999",
        str(2**63 - 1),
        str(2**63),
        str(-(2**63)),
        str(10**30),
    ),
    *('""', '"m"', "[]", "{}", '["a"]', "[1e999]", "[{}]", '[{"content": [1e999]}]'),
    '[{"content": [{"type": "image_url"}]}]',
    *('{"include_usage": true}', '{"include_usage": null}', '{"include_usage": 1}', '{"x": 1}', '{"x": 1e999}'),
)


def told(body: bytes) -> dict[str, Any]:
    """All that is told of a request but its fields and its size, or what is wrong with it."""
    try:
        read = msgspec.structs.asdict(read_envelope(body))
    except BadRequest as bad:
        return {"message": bad.message, "code": bad.reason, "param": bad.param}
    return {name: value for name, value in read.items() if name != "fields" and not name.startswith("input_tokens")}


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_a_plain_request_is_read_like_any_other(name: str) -> None:
    """A field beyond the usual ones changes nothing of what the usual ones tell, nor of how they are refused."""
    usual = {"model": '"m"', "messages": '[{"content": "hi"}]', "max_tokens": "7"}
    for odd in ODD:
        members = [f'"{each}": {value}' for each, value in (usual | {name: odd}).items()]
        escaped = f'"\\u{ord(name[0]):04x}{name[1:]}": {odd}'
        for body in (members, [*members, escaped], [f'"{name}": 1', *members]):
            plain, other = ("{" + ", ".join(more) + "}" for more in (body, [*body, '"x": 1']))
            assert told(plain.encode()) == told(other.encode()), plain


NAMES = ["model", "messages", "stream", "stream_options", "max_tokens", "provider", "reasoning", "metadata", "tools"]


@given(body=st.binary(max_size=60) | st.dictionaries(st.sampled_from(NAMES), JSON).map(msgspec.json.encode))
def test_no_body_is_too_strange(body: bytes) -> None:
    """Any bytes are a request or a BadRequest, nothing else."""
    try:
        request = read_envelope(body)
    except BadRequest:
        return
    assert request.input_tokens_low <= request.input_tokens <= request.input_tokens_high


REPLIES = st.dictionaries(st.sampled_from(["choices", "usage", "id", "model", "error"]), JSON).map(msgspec.json.encode)


@given(body=st.binary(max_size=60) | REPLIES)
def test_no_answer_is_too_strange(body: bytes) -> None:
    """Any bytes are an answer, a failure or malformed, nothing else."""
    with suppress(UpstreamMalformed):
        reply = read_reply(body)
        assert isinstance(reply.code if isinstance(reply, Outcome) else reply.id, str)


def test_a_deep_answer_is_malformed() -> None:
    """An answer nested beyond reading is malformed, not a crash."""
    with pytest.raises(UpstreamMalformed):
        read_reply(b'{"choices": [{"message": ' + b"[" * 100_000)


def test_estimates_where_nothing_was_reported() -> None:
    """An answer without usage counts its likely input and a token an event, and says that it is an estimate."""
    usage = estimated(decoded(), 12, source=UsageSource.PARTIAL)
    assert (usage.input, usage.output, usage.source) == (16, 12, UsageSource.PARTIAL)
    assert estimated(decoded(), 1).source is UsageSource.ESTIMATED
