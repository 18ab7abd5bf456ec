from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import hub
from engine.errors import BadRequest
from engine.wire.json_edit import Fields
from engine.wire.openai_completions.envelope import finish
from engine.wire.openai_completions.request import decode_request, encode_request


def fields(**said: object) -> Fields:
    return msgspec.json.decode(msgspec.json.encode({"model": "m", "prompt": "Hi", **said}), type=Fields)


def asked(text: str = "Hi", **more: Any) -> hub.Request:
    messages = (hub.Message(role=hub.Role.USER, parts=(hub.Text(text=text),)),)
    return hub.Request(**{"model": "m", "messages": messages, **more})


def test_a_prompt_is_what_the_user_says() -> None:
    """As a string, or as the only string of a list; what SDKs leave null was not said."""
    request = decode_request(fields(prompt=["Hi"], suffix=None, echo=None, best_of=1, n=None, min_p=None, stop="x"))
    assert request == asked(stop=("x",), origin="openai-completions")


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [[1, 2]]}, "prompt"),
        ({"prompt": [7]}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"suffix": "end"}, "suffix"),
        ({"echo": True}, "echo"),
        ({"best_of": 3}, "best_of"),
    ],
)
def test_what_has_no_meaning_in_a_conversation_is_refused(said: dict[str, object], param: str) -> None:
    """It can only go to providers of text completions."""
    with pytest.raises(BadRequest) as refused:
        decode_request(fields(**said))
    assert (refused.value.reason, refused.value.param) == ("content_not_supported", param)


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"temperature": "hot"}, "temperature"),
        ({"stop": 7}, "stop"),
        ({"logprobs": True}, "logprobs"),
        ({"n": 1.5}, "n"),
    ],
)
def test_what_is_not_of_the_protocol_is_refused(said: dict[str, object], param: str) -> None:
    """The fault names the field."""
    with pytest.raises(BadRequest) as refused:
        decode_request(fields(**said))
    assert (refused.value.reason, refused.value.param) == ("invalid_type", param)


def test_logprobs_are_a_number() -> None:
    """That of the alternatives; five at most, and none is still a wish for probabilities."""
    request = decode_request(fields(logprobs=0))
    assert (request.logprobs, request.top_logprobs) == (True, 0)
    assert bytes(encode_request(asked(logprobs=True)).fields["logprobs"]) == b"0"
    assert bytes(encode_request(asked(logprobs=True, top_logprobs=20)).fields["logprobs"]) == b"5"
    assert "logprobs" not in encode_request(asked(logprobs=False)).fields


def test_what_has_no_word_is_reported() -> None:
    """By the callers' names; `top_k` comes back to those who sent it in this protocol."""
    request = asked(
        tools=(hub.Tool(name="f", parameters=hub.Json(b"{}")),),
        tool_choice=hub.AUTO,
        format=hub.OutputFormat(schema=hub.Json(b"{}")),
        reasoning=hub.Reasoning(effort="low"),
        service_tier="flex",
        top_k=5,
        extra={"logit_bias": hub.Json(b"{}")},
        origin="openai-chat",
    )
    names = ("tools", "tool_choice", "response_format", "reasoning", "service_tier", "top_k", "logit_bias")
    assert encode_request(request).dropped == names
    own = encode_request(decode_request(fields(top_k=5, logit_bias={})))
    assert own.fields.keys() == {"prompt", "top_k", "logit_bias"}
    assert own.dropped == ()


USER, SYSTEM = hub.Role.USER, hub.Role.SYSTEM
HI = hub.Text(text="Hi")


@pytest.mark.parametrize(
    "messages",
    [
        (),
        (hub.Message(role=SYSTEM, parts=(HI,)),),
        (hub.Message(role=SYSTEM, parts=(HI,)), hub.Message(role=USER, parts=(HI,))),
        (hub.Message(role=USER, parts=()),),
        (hub.Message(role=USER, parts=(HI, HI)),),
        (hub.Message(role=USER, parts=(hub.Media(kind="image", data="QUJD"),)),),
    ],
)
def test_a_conversation_is_no_prompt(messages: tuple[hub.Message, ...]) -> None:
    """Only a single text by the user is one."""
    with pytest.raises(BadRequest) as refused:
        encode_request(hub.Request(model="m", messages=messages))
    assert (refused.value.reason, refused.value.param) == ("content_not_supported", "messages")


REQUESTS = st.builds(
    asked,
    st.text(max_size=9),
    stream=st.booleans(),
    max_tokens=st.none() | st.integers(0, 999),
    temperature=st.none() | st.floats(0, 2),
    top_k=st.none() | st.integers(0, 9),
    stop=st.lists(st.text(min_size=1), max_size=2).map(tuple),
    seed=st.none() | st.integers(0, 2**63 - 1),
    n=st.none() | st.integers(1, 3),
    user=st.text(max_size=3),
    extra=st.just({"min_p": hub.Json(b"0.1")}),
    origin=st.just("openai-completions"),
)


@given(request=REQUESTS)
def test_a_request_comes_back_as_it_was(request: hub.Request) -> None:
    """Whatever completions can express survives being written and read."""
    encoded = encode_request(request)
    assert encoded.dropped == ()
    body = finish(encoded.fields, model=request.model, stream=request.stream)
    assert decode_request(msgspec.json.decode(body, type=Fields)) == request
