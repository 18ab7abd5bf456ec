from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion

from engine import hub
from engine.errors import UpstreamMalformed
from engine.values import Usage
from engine.wire.openai_completions.reply import decode_reply, encode_reply, finish_of, word_of

CASES = Path(__file__).parents[3] / "wire" / "openai_completions"
BODIES = [path.read_bytes() for path in sorted(CASES.glob("*/upstream.json"))]


def test_words() -> None:
    """The SDK knows three; every other finish is a stop, and a word that nobody knows is one, too."""
    assert {word_of(finish) for finish in [*hub.Finish, None]} == {"stop", "length", "content_filter"}
    assert finish_of("eos") is finish_of("surprise") is hub.Finish.STOP


CHOICES = st.builds(
    hub.Choice,
    parts=st.text(min_size=1).map(lambda text: (hub.Text(text=text),)),
    finish=st.sampled_from([hub.Finish.STOP, hub.Finish.LENGTH, hub.Finish.CONTENT_FILTER]),
)


@given(choices=st.lists(CHOICES, min_size=1, max_size=3), usage=st.none() | st.just(Usage(input=1, output=2)))
def test_a_reply_comes_back_as_it_was(choices: list[hub.Choice], usage: Usage | None) -> None:
    """Texts, finishes and usage survive, and OpenAI's own type takes what is written."""
    numbered = tuple(
        msgspec.structs.replace(choice, index=index, finish_raw=choice.finish.value if choice.finish else "")
        for index, choice in enumerate(choices)
    )
    reply = hub.Reply(id="r", model="m", created=5, choices=numbered, usage=usage, origin="openai-completions")
    body = encode_reply(reply)
    assert decode_reply(body) == reply
    Completion.model_validate_json(body, strict=True)


def test_only_words_are_shown() -> None:
    """Thoughts and calls have no place in a text; a refusal is text."""
    parts = (
        hub.Thinking(text="Hm"),
        hub.Text(text="a"),
        hub.ToolCall(id="c", name="f", arguments="{}"),
        hub.Refusal(text="b"),
    )
    body = encode_reply(hub.Reply(choices=(hub.Choice(parts=parts),)))
    assert decode_reply(body).choices[0].parts == (hub.Text(text="ab"),)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b'{"choices":[]}', b'{"choices":[7]}', b"[" * 100_000])
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    """Nothing else is raised."""
    with pytest.raises(UpstreamMalformed):
        decode_reply(body)


@given(data=st.data())
def test_no_body_crashes_it(data: st.DataObject) -> None:
    """Random bytes, and answers with bytes changed, are read or are malformed."""
    body = bytearray(data.draw(st.sampled_from(BODIES)))
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, len(body) - 1), st.integers(0, 255)), max_size=4)):
        body[at] = byte
    for candidate in (bytes(body), data.draw(st.binary(max_size=60))):
        try:
            reply = decode_reply(candidate)
        except UpstreamMalformed:
            continue
        assert msgspec.json.decode(encode_reply(reply))
