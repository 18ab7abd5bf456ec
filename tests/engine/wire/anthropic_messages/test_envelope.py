import base64
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest
from engine.wire.anthropic_messages.envelope import finish, read_envelope
from engine.wire.envelope import Envelope

HI = [{"role": "user", "content": "hi"}]


def read(**fields: Any) -> Envelope:
    return read_envelope(msgspec.json.encode({"model": "m", "messages": HI} | fields))


def test_a_plain_request() -> None:
    """What is not asked for is absent; usage comes with every stream, so it is always asked for."""
    request = read()
    assert request == Envelope(
        fields=request.fields,
        model="m",
        asks_usage=True,
        input_tokens_low=9,
        input_tokens=16,
        input_tokens_high=57,
    )


@pytest.mark.parametrize(
    ("fields", "fact", "value"),
    [
        ({"stream": True}, "stream", True),
        ({"stream": None}, "stream", False),
        ({"max_tokens": 5}, "max_tokens", 5),
        ({"max_tokens": 0}, "max_tokens", 0),
        ({"max_tokens": None}, "max_tokens", None),
        ({"tools": [{"name": "f"}]}, "has_tools", True),
        ({"tools": []}, "has_tools", False),
        ({"tools": None}, "has_tools", False),
        ({"output_config": {"format": {"type": "json_schema"}}}, "wants_json", True),
        ({"output_config": {"effort": "low"}}, "wants_json", False),
        ({"output_config": 7}, "wants_json", False),
        ({"output_format": {"type": "json_schema"}}, "wants_json", True),
        ({"output_format": None}, "wants_json", False),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "reasoning", True),
        ({"thinking": {"type": "adaptive"}}, "reasoning", True),
        ({"thinking": {"type": "disabled"}}, "reasoning", False),
        ({"thinking": {"type": []}}, "reasoning", False),
        ({"output_config": {"effort": "high"}}, "reasoning", False),
        ({"metadata": {"user_id": "u-1"}}, "user", "u-1"),
        ({"metadata": {"user_id": 7}}, "user", ""),
        ({"metadata": {"user_id": '{"session_id": "s-1"}'}}, "session", "s-1"),
        ({"metadata": {"user_id": '{"session_id": 7}'}}, "session", ""),
        ({"metadata": {"user_id": "{"}}, "session", ""),
        ({"metadata": {"user_id": "user_a_account__session_s-2"}}, "session", "s-2"),
        ({"metadata": {"session_id": "s-3"}}, "session", "s-3"),
        ({"metadata": {"tenant": "t", "n": 1}}, "metadata", {"tenant": "t"}),
        ({"metadata": "t"}, "metadata", {}),
    ],
)
def test_facts_of_a_request(fields: dict[str, Any], fact: str, value: object) -> None:
    """Each fact that rules may know is read from the field that says it."""
    assert getattr(read(**fields), fact) == value


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"", "invalid_json", None),
        (b"[]", "invalid_json", None),
        (b'{"model": "m"} {}', "invalid_json", None),
        (b'{"model": NaN}', "invalid_json", None),
        (b'{"model": "\\ud800"}', "invalid_json", None),
        (b'{"messages": [{"content": "\\ud800"}]}', "invalid_json", None),
        (b'{"model": "\xff"}', "invalid_utf8", None),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "invalid_json", None),
        (b'{"messages": [{}]}', "missing_required_parameter", "model"),
        (b'{"model": 7, "messages": [{}]}', "invalid_type", "model"),
        (b'{"model": "", "messages": [{}]}', "invalid_type", "model"),
        (b'{"model": "m"}', "missing_required_parameter", "messages"),
        (b'{"model": "m", "messages": []}', "invalid_value", "messages"),
        (b'{"model": "m", "messages": "hi"}', "invalid_type", "messages"),
        (b'{"model": "m", "messages": [7]}', "invalid_type", "messages"),
        (b'{"model": "m", "messages": [{"content": [{"source": 7}]}]}', "invalid_type", "messages"),
        (b'{"model": "m", "messages": [{}], "stream": 1}', "invalid_type", "stream"),
        (b'{"model": "m", "messages": [{}], "max_tokens": 1.5}', "invalid_type", "max_tokens"),
        (b'{"model": "m", "messages": [{}], "max_tokens": -1}', "invalid_type", "max_tokens"),
        (b'{"model": "m", "messages": [{}], "top_k": 99999999999999999999}', "number_out_of_range", "top_k"),
        (b'{"model": "m", "messages": [{}], "top_p": 1e999}', "number_out_of_range", "top_p"),
    ],
)
def test_what_cannot_be_read(body: bytes, code: str, param: str | None) -> None:
    """A body that routing cannot use is the caller's fault, with a stable code and the field's name."""
    with pytest.raises(BadRequest) as fault:
        read_envelope(body)
    assert (fault.value.reason, fault.value.param) == (code, param)


def test_media_are_counted_by_their_own_measure() -> None:
    """A picture of a megabyte counts as a picture, in a tool's result as well, and its bytes do not."""
    data = base64.b64encode(bytes(1_000_000)).decode()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    plain = read(messages=[{"role": "user", "content": [image]}])
    nested = read(messages=[{"role": "user", "content": [{"type": "tool_result", "content": [image]}]}])
    for request in (plain, nested):
        assert request.has_images
        assert not request.has_files
        assert 765 < request.input_tokens < 900


def test_finish_sets_the_model_and_the_stream() -> None:
    """What goes upstream is the caller's body with the provider's name, and no `stream` where none is."""
    fields = read(stream=True, odd={"kept": [1]}).fields
    assert msgspec.json.decode(finish(fields, model="up", stream=False)) == {
        "model": "up",
        "messages": HI,
        "odd": {"kept": [1]},
    }
    assert msgspec.json.decode(finish(fields, model="up", stream=True))["stream"] is True


@given(st.binary() | st.text().map(str.encode))
def test_no_body_crashes(body: bytes) -> None:
    """Whatever comes is read or is the caller's fault."""
    with suppress(BadRequest):
        read_envelope(body)
