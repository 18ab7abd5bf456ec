import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import hub
from engine.errors import BadRequest, OutcomeKind, UpstreamFault, UpstreamMalformed
from engine.values import Usage
from engine.wire.template.chat import decode_reply, encode_reply, encode_request, headers
from engine.wire.template.error import read_error, read_reply_error
from engine.wire.template.values import Chat, Template

TURNS = """
chat:
  path: /talk
  headers: {X-User: "{{ request.user }}", X-App: engine, X-Seed: "{{ request.seed + 1 }}"}
  body:
    model: "{{ upstream.model }}"
    intro: "{{ request.system }}"
    talk:
      each: request.turns
      item: {who: "{{ 'bot' if message.role == 'assistant' else 'human' }}", words: ["{{ message.text }}"]}
    settings:
      heat: "{{ request.temperature * 0.5 }}"
      most: "{{ request.max_tokens if request.max_tokens < 100 else 100 }}"
      stops: "{{ request.stop }}"
      fixed: 1.5
      streams: "{{ request.stream }}"
      hot: "{{ request.temperature > 1 }}"
  answer:
    text: /out/*/text
    id: /id
    finish: /why
    finishes: {cut: length, blocked: content_filter}
    usage: {input: /used/in, cached_input: /used/cached, output: /used/out}
  error: {message: /error/message, code: /error/code}
"""
PROMPT = """
chat:
  path: /generate
  body: {inputs: "{{ request.prompt }}"}
  answer: {text: ""}
"""
MESSAGES = """
chat:
  path: /generate
  body: {all: {each: request.messages, item: {role: "{{ message.role }}", content: "{{ message.text }}"}}}
  answer: {text: /0/generated_text}
"""


def chat_of(template: Callable[[str], Template], text: str) -> Chat:
    found = template(text).chat
    assert found is not None
    return found


@pytest.fixture(scope="module")
def turns(template: Callable[[str], Template]) -> Chat:
    return chat_of(template, TURNS)


@pytest.fixture(scope="module")
def prompt(template: Callable[[str], Template]) -> Chat:
    return chat_of(template, PROMPT)


@pytest.fixture(scope="module")
def messages(template: Callable[[str], Template]) -> Chat:
    return chat_of(template, MESSAGES)


def said(role: str, *texts: str) -> hub.Message:
    return hub.Message(role=hub.Role(role), parts=tuple(hub.Text(text=text) for text in texts))


TALK = (said("system", "Be brief."), said("user", "Hi", "there"), said("assistant", "Yes?"), said("user", "Bye"))


def body_of(request: hub.Request, chat: Chat) -> dict[str, Any]:
    fields = encode_request(request, chat).fields
    found: dict[str, Any] = json.loads(b"{" + b",".join(b'"%b":%b' % (k.encode(), v) for k, v in fields.items()) + b"}")
    return found


def test_a_body_is_filled_in(turns: Chat) -> None:
    """Expressions keep the type of their value, constants stand as they are, and messages become a list."""
    request = hub.Request(
        model="words-1", messages=TALK, temperature=0.5, max_tokens=500, stop=("END",), seed=6, user="u-1", stream=True
    )
    assert body_of(request, turns) == {
        "model": "words-1",
        "intro": "Be brief.",
        "talk": [
            {"who": "human", "words": ["Hi\n\nthere"]},
            {"who": "bot", "words": ["Yes?"]},
            {"who": "human", "words": ["Bye"]},
        ],
        "settings": {"heat": 0.25, "most": 100, "stops": ["END"], "fixed": 1.5, "streams": False, "hot": False},
    }
    assert headers(request, turns) == ((b"x-user", b"u-1"), (b"x-app", b"engine"), (b"x-seed", b"7"))
    assert encode_request(request, turns).dropped == ()


def test_what_was_not_said_is_left_out(turns: Chat) -> None:
    """Its key goes, and a number that is reckoned with it; a comparison with it is false."""
    request = hub.Request(model="words-1", messages=TALK[1:2])
    assert body_of(request, turns) == {
        "model": "words-1",
        "talk": [{"who": "human", "words": ["Hi\n\nthere"]}],
        "settings": {"most": 100, "fixed": 1.5, "streams": False, "hot": False},
    }
    assert headers(request, turns) == ((b"x-app", b"engine"),)


def test_what_has_no_place_is_reported(messages: Chat) -> None:
    """Parameters that the body does not read are dropped, under the caller's names for them."""
    request = hub.Request(
        model="m",
        messages=TALK,
        temperature=0.5,
        n=2,
        format=hub.OutputFormat(),
        extra={"logit_bias": hub.Json(b"{}")},
    )
    assert encode_request(request, messages).dropped == ("temperature", "n", "response_format", "logit_bias")
    assert [each["role"] for each in body_of(request, messages)["all"]] == ["system", "user", "assistant", "user"]


@pytest.mark.parametrize(
    ("talk", "why"),
    [
        (TALK, "no system prompt"),
        (TALK[1:], "no conversation"),
        (TALK[2:3], "no conversation"),
        ((hub.Message(role=hub.Role.USER, parts=(hub.Media(kind="image", url="https://x"),)),), "no image"),
        ((hub.Message(role=hub.Role.TOOL, parts=(hub.ToolResult(call_id="c"),)),), "no tool call"),
    ],
)
def test_content_is_never_left_out(prompt: Chat, talk: tuple[hub.Message, ...], why: str) -> None:
    """What the template has no place for is refused, and says what."""
    with pytest.raises(BadRequest, match=why) as caught:
        encode_request(hub.Request(model="m", messages=talk), prompt)
    assert caught.value.reason == "content_not_supported"


def test_a_single_text_is_a_prompt(prompt: Chat) -> None:
    """And an answer may be nothing but its text."""
    assert body_of(hub.Request(model="m", messages=TALK[3:]), prompt) == {"inputs": "Bye"}
    assert decode_reply(b'"words"', prompt).choices[0].parts == (hub.Text(text="words"),)


def test_an_answer_is_read(turns: Chat) -> None:
    """All texts of a path are one, the provider's words are kinds of ends, cached tokens are a share of the input."""
    answer = {
        "id": "r-1",
        "out": [{"text": "Hel"}, {"text": None}, {"text": "lo"}],
        "why": "cut",
        "used": {"in": 10, "cached": 4, "out": 2},
    }
    reply = decode_reply(json.dumps(answer).encode(), turns)
    assert reply == hub.Reply(
        id="r-1",
        choices=(hub.Choice(parts=(hub.Text(text="Hello"),), finish=hub.Finish.LENGTH, finish_raw="cut"),),
        usage=Usage(input=6, cached_input=4, output=2),
    )


@pytest.mark.parametrize(
    ("why", "finish"),
    [("blocked", "content_filter"), ("length", "length"), ("eos", "stop"), (None, "stop"), (2, "stop")],
)
def test_ends_that_are_not_listed(turns: Chat, why: object, finish: str) -> None:
    """Our own words mean themselves; any other one, or none, is a plain end."""
    reply = decode_reply(json.dumps({"out": [{"text": "x"}], "why": why}).encode(), turns)
    assert reply.choices[0].finish == finish
    assert reply.usage is None


@pytest.mark.parametrize("body", [b"", b"{}", b'{"out":[]}', b'{"out":[{"text":7}]}', b"<html>", b"\xff", b"[" * 5000])
def test_an_answer_without_text_is_malformed(turns: Chat, body: bytes) -> None:
    """It is the provider's failure, so that another one may answer."""
    with pytest.raises(UpstreamMalformed):
        decode_reply(body, turns)


@given(body=st.binary(max_size=60))
def test_no_answer_is_too_strange(turns: Chat, body: bytes) -> None:
    """Whatever comes is an answer or malformed, and maybe an error."""
    with suppress(UpstreamFault):
        decode_reply(body, turns)
    read_reply_error(turns.ask, body)
    assert read_error(turns.ask, 500, (), body).kind is OutcomeKind.SERVER_ERROR


REPLIES = st.builds(
    lambda text, finish, usage: hub.Reply(
        choices=(hub.Choice(parts=(hub.Text(text=text),), finish=finish, finish_raw=finish),), usage=usage
    ),
    st.text(),
    st.sampled_from([hub.Finish.STOP, hub.Finish.ERROR]),
    st.builds(Usage, input=st.integers(0, 99), cached_input=st.integers(0, 99), output=st.integers(0, 99)) | st.none(),
)


@given(reply=REPLIES)
def test_answers_both_ways(turns: Chat, reply: hub.Reply) -> None:
    """What a stand-in of the provider writes means what it was to say."""
    assert decode_reply(encode_reply(reply, turns), turns) == reply


def test_errors_are_read_where_they_stand(turns: Chat, prompt: Chat) -> None:
    """The message and the word for programs; the kind follows the status; what stands in a 200 is a failure."""
    body = b'{"error":{"message":"the context length is exceeded","code":"too_long"}}'
    outcome = read_error(turns.ask, 400, (), body)
    assert (outcome.kind, outcome.code) == (OutcomeKind.CONTEXT_LENGTH, "too_long")
    hidden = read_reply_error(turns.ask, body)
    assert hidden is not None
    assert (hidden.kind, hidden.status) == (OutcomeKind.SERVER_ERROR, 200)
    assert read_reply_error(turns.ask, b'{"out":[],"error":{"message":""}}') is None
    assert read_reply_error(prompt.ask, body) is None
    assert read_error(prompt.ask, 429, ((b"retry-after", b"3"),), b"slow down").retry_after_s == 3
