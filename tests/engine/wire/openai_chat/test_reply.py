import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from engine import hub
from engine.errors import UpstreamMalformed
from engine.values import Usage
from engine.wire.openai_chat.reply import decode_reply, encode_reply

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
CITATION = hub.Citation(url="https://a.example", title="A", quote="q", start=1, end=4)
TEXT: st.SearchStrategy[hub.Part] = st.builds(
    hub.Text,
    text=TEXTS,
    citations=st.sampled_from([(), (CITATION, hub.Citation(url="https://b.example"))]),
    signature=st.sampled_from(["", "sig"]),
)
SIGNED: st.SearchStrategy[hub.Part] = st.builds(
    hub.Thinking,
    text=TEXTS,
    signature=TEXTS,
    origin=st.sampled_from(["anthropic", "gemini", "openai-responses", "xai-responses-v1"]),
    id=st.sampled_from(["", "rs_1"]),
)
WITHHELD: st.SearchStrategy[hub.Part] = st.builds(
    hub.Thinking, redacted=TEXTS, origin=st.just("anthropic"), id=st.sampled_from(["", "rs_1"])
)
CALL: st.SearchStrategy[hub.ToolCall] = st.builds(
    hub.ToolCall, id=TEXTS, name=TEXTS, arguments=st.just('{"a":1}'), custom=st.booleans()
)
UNSIGNED: st.SearchStrategy[list[hub.Part]] = st.just([hub.Thinking(text="hm")])
PICTURE = hub.Media(kind="image", data="QUJD", media_type="image/png")
SOUND = hub.Media(kind="audio", data="QUJD", name="audio_1")


@st.composite
def parts(draw: st.DrawFn) -> tuple[hub.Part, ...]:
    """The parts of an answer in the order that the format has."""
    thoughts: list[hub.Part] = draw(st.lists(SIGNED | WITHHELD, max_size=3) | UNSIGNED)
    texts: list[hub.Part] = draw(st.lists(TEXT, max_size=1))
    refusals: list[hub.Part] = draw(st.sampled_from([[], [hub.Refusal(text="no")]]))
    media: list[hub.Part] = draw(st.sampled_from([[], [PICTURE], [SOUND, PICTURE]]))
    calls: list[hub.ToolCall] = draw(st.lists(CALL, max_size=3, unique_by=lambda call: call.id))
    return (*thoughts, *texts, *refusals, *media, *calls)


def body(**message: Any) -> bytes:
    return json.dumps({"id": "r-1", "choices": [{"message": message, "finish_reason": "stop"}]}).encode()


@settings(max_examples=150)
@given(said=parts(), finish=st.sampled_from(["length", "content_filter", "stop"]))
def test_what_is_written_is_read_again_and_is_of_openais_types(said: tuple[hub.Part, ...], finish: str) -> None:
    """Decoding what was encoded gives the same answer, and the official SDK takes it."""
    has_calls = any(isinstance(part, hub.ToolCall) for part in said)
    ended = hub.Finish.TOOL_CALLS if has_calls and finish == "stop" else hub.Finish(finish)
    choice = hub.Choice(
        parts=said, finish=ended, finish_raw=str(ended), stop_sequence="END", logprobs=msgspec.Raw(b'{"content":[]}')
    )
    reply = hub.Reply(
        id="r",
        model="m",
        created=7,
        choices=(choice, msgspec.structs.replace(choice, index=1)) if not has_calls else (choice,),
        usage=Usage(input=5, cached_input=4, cache_write=3, output=2, reasoning=1, image_output=6),
        service_tier="default",
        extra={"system_fingerprint": msgspec.Raw(b'"fp"')},
        origin="openai",
    )
    written = encode_reply(reply)

    assert decode_reply(written) == reply
    ChatCompletion.model_validate(json.loads(written) | {"system_fingerprint": "fp"})


@settings(max_examples=60)
@given(
    data=st.binary(max_size=40)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["choices", "message"]), inner),
    ).map(lambda value: json.dumps(value).encode())
    | st.dictionaries(
        st.sampled_from(
            ["content", "tool_calls", "audio", "images", "annotations", "reasoning_details", "extra_content", "refusal"]
        ),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(
                    st.sampled_from(["type", "text", "url", "image_url", "data", "id", "function"]), inner
                )
            ),
        ),
    ).map(lambda message: body(**message))
)
def test_no_answer_is_too_strange(data: bytes) -> None:
    """Whatever comes is an answer that can be written again, or malformed; nothing else."""
    try:
        reply = decode_reply(data)
    except UpstreamMalformed:
        return
    encode_reply(reply)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"choices":[]}', b"[" * 5000, b'{"choices":[{"message":5}]}'])
def test_what_is_no_completion_is_malformed(data: bytes) -> None:
    """The provider's fault, after bytes had arrived."""
    with pytest.raises(UpstreamMalformed) as raised:
        decode_reply(data)
    assert raised.value.received


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("stop", hub.Finish.STOP),
        ("eos", hub.Finish.STOP),
        ("length", hub.Finish.LENGTH),
        ("model_length", hub.Finish.LENGTH),
        ("function_call", hub.Finish.TOOL_CALLS),
        ("content_filter", hub.Finish.CONTENT_FILTER),
        ("error", hub.Finish.ERROR),
        ("insufficient_system_resource", hub.Finish.ERROR),
        ("", None),
        (None, None),
    ],
)
def test_words_for_the_end(word: str | None, finish: hub.Finish | None) -> None:
    """Look-alikes have some of their own; what nobody knows is an error."""
    data = json.dumps({"choices": [{"message": {"content": "a"}, "finish_reason": word}]}).encode()
    choice = decode_reply(data).choices[0]
    assert (choice.finish, choice.finish_raw) == (finish, word or "")


def test_content_that_is_missing_null_or_empty_is_none() -> None:
    """Beside tool calls each is usual."""
    assert {decode_reply(body(**said)).choices[0].parts for said in ({}, {"content": None}, {"content": ""})} == {()}


def test_tags_in_a_text_stay_text() -> None:
    """`<think>` may be what the answer is about."""
    assert decode_reply(body(content="<think>a</think>b")).choices[0].parts == (hub.Text(text="<think>a</think>b"),)


def test_ids_that_are_missing_or_come_twice_are_made_up() -> None:
    """From the answer's id, so that they differ between the turns of a conversation."""
    calls = [{"id": given, "function": {"name": "f", "arguments": ""}} for given in ("", "a", "a", None)]
    made = [part.id for part in decode_reply(body(tool_calls=calls)).choices[0].parts if isinstance(part, hub.ToolCall)]
    assert made == ["call_r1_0", "a", "call_r1_2", "call_r1_3"]


def test_perplexity_cites_beside_the_answer() -> None:
    """The addresses belong to its text."""
    data = json.dumps({"citations": ["https://a.example"], "choices": [{"message": {"content": "a[1]"}}]}).encode()
    assert decode_reply(data).choices[0].parts == (
        hub.Text(text="a[1]", citations=(hub.Citation(url="https://a.example"),)),
    )


def test_fields_of_another_protocol_are_left_out() -> None:
    """They mean nothing here."""
    reply = hub.Reply(choices=(hub.Choice(),), extra={"container": msgspec.Raw(b"{}")}, origin="anthropic")
    assert "container" not in json.loads(encode_reply(reply))


def test_media_that_an_answer_has_no_place_for_are_left_out() -> None:
    """Documents and films, and pictures named by an id."""
    media = (hub.Media(kind="file", url="https://a.example"), hub.Media(kind="image", file_id="f"))
    message = json.loads(encode_reply(hub.Reply(choices=(hub.Choice(parts=media),))))["choices"][0]["message"]
    assert message == {"role": "assistant", "refusal": None, "content": ""}
