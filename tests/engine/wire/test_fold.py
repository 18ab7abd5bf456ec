"""Streams and whole answers tell the same thing."""

from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine import hub
from engine.values import Usage
from engine.wire.fold import fold, one_text, spread

TEXTS = st.text(min_size=1, max_size=5)
PARTS: st.SearchStrategy[hub.Part] = st.one_of(
    st.builds(hub.Text, text=TEXTS),
    st.builds(hub.Thinking, text=TEXTS, signature=TEXTS, origin=st.just("anthropic")),
    st.builds(hub.ToolCall, id=TEXTS, name=TEXTS, arguments=st.just('{"a": 1}')),
    st.builds(hub.Refusal, text=TEXTS),
    st.just(hub.Media(kind="image", data="QUJD", media_type="image/png")),
)


def apart(parts: list[hub.Part]) -> bool:
    """Whether no two neighbours would be told as one."""
    return all(type(a) is not type(b) or isinstance(a, hub.ToolCall | hub.Media) for a, b in pairwise(parts))


CHOICES: st.SearchStrategy[list[hub.Part]] = st.lists(PARTS, min_size=1, max_size=5).filter(apart)


@given(parts=CHOICES)
def test_a_reply_that_is_spread_folds_to_itself(parts: list[hub.Part]) -> None:
    """Nothing is lost either way."""
    choice = hub.Choice(parts=tuple(parts), finish=hub.Finish.STOP, finish_raw="stop", logprobs=msgspec.Raw(b"{}"))
    reply = hub.Reply(id="r", model="m", created=1, choices=(choice,), usage=Usage(input=1, output=2))

    assert fold(spread(reply)) == reply


def test_deltas_of_two_calls_and_two_choices_are_put_where_they_belong() -> None:
    """Calls are told apart by number, answers by index; later counts replace earlier ones."""
    reply = fold(
        [
            hub.Opened(id="r"),
            hub.CallOpened(call=0, id="a", name="f"),
            hub.CallOpened(call=1, id="b", name="g"),
            hub.CallDelta(call=0, arguments='{"x"'),
            hub.CallDelta(call=1, arguments="{}"),
            hub.CallDelta(call=0, arguments=":1}"),
            hub.TextDelta(text="other", choice=1),
            hub.Metered(usage=Usage(output=1)),
            hub.Metered(usage=Usage(output=3)),
        ]
    )

    assert [part.arguments for part in reply.choices[0].parts if isinstance(part, hub.ToolCall)] == ['{"x":1}', "{}"]
    assert reply.choices[1].parts == (hub.Text(text="other"),)
    assert reply.usage == Usage(output=3)


def test_a_citation_belongs_to_the_text_before_it() -> None:
    """Text goes on after it, as one part."""
    cited = hub.Citation(url="https://example.com")
    reply = fold([hub.TextDelta(text="a"), hub.Cited(citation=cited), hub.TextDelta(text="b")])

    assert reply.choices[0].parts == (hub.Text(text="ab", citations=(cited,)),)


def test_log_probabilities_of_deltas_follow_one_another() -> None:
    """One list, as a whole answer has it."""
    pieces = [b'{"content":[{"token":"a"}],"refusal":null}', b'{"content":[{"token":"b"}]}']
    reply = fold([hub.LogProbs(logprobs=msgspec.Raw(piece)) for piece in pieces])

    assert reply.choices[0].logprobs is not None
    assert msgspec.json.decode(reply.choices[0].logprobs) == {
        "content": [{"token": "a"}, {"token": "b"}],
        "refusal": [],
    }


def test_texts_that_meet_are_one() -> None:
    """Neighbouring texts are joined with their citations, or only those without any; what stands between parts them."""
    cite = hub.Citation(url="https://example.com")
    parts: list[hub.Part] = [
        hub.Text(text="a"),
        hub.Text(text="b"),
        hub.Text(text="c", citations=(cite,)),
        hub.Thinking(text="hm"),
        hub.Text(text="d"),
    ]

    assert one_text(parts, cited=True) == [hub.Text(text="abc", citations=(cite,)), *parts[3:]]
    assert one_text(parts, cited=False) == [hub.Text(text="ab"), *parts[2:]]
