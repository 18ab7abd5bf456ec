import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import OutcomeKind, UpstreamFault, UpstreamMalformed, UpstreamReset
from engine.wire.openai_chat.relay import MOST_HELD_BYTES, ChatStream
from engine.wire.sse import MOST_EVENT_BYTES

DONE = b"data: [DONE]\n\n"


def event(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    chunk = {"choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}]} | more
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"


ROLE = event({"role": "assistant", "content": ""})
HI = event({"content": "Hi"})
STOP = event(finish="stop")
USAGE = event(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 1})


def fed(*parts: bytes, strip_usage: bool = True) -> tuple[ChatStream, bytes]:
    stream = ChatStream(strip_usage=strip_usage)
    return stream, b"".join(stream.feed(part) for part in parts)


def test_nothing_goes_out_before_content() -> None:
    """Comments and the role are held, so that another target can still take over."""
    stream, out = fed(b": wait\n\n", ROLE)
    assert (out, stream.started) == (b"", False)
    assert stream.feed(HI) == b": wait\n\n" + ROLE + HI
    assert stream.started


def test_at_most_so_much_is_held() -> None:
    """A stream that says much without content is relayed once 16 KiB are held."""
    stream, out = fed(*[b": %s\n\n" % (b"x" * 1_000)] * 17)
    assert stream.started
    assert len(out) > MOST_HELD_BYTES


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "x"},
        {"content": [{"type": "text"}]},
        {"reasoning_content": "x"},
        {"reasoning": "x"},
        {"tool_calls": [{}]},
        {"refusal": "x"},
        {"audio": {"id": "a"}},
        {"images": [{}]},
    ],
)
def test_what_content_is(delta: dict[str, Any]) -> None:
    """Text, thinking, tool calls, refusals, sound and pictures start the answer."""
    assert fed(ROLE, event(delta))[0].started


def test_an_empty_answer_is_an_answer() -> None:
    """A finish without content goes out: the provider said nothing, and said so."""
    stream, out = fed(ROLE, STOP, DONE)
    assert out + stream.close() == ROLE + STOP + DONE


def test_done_without_an_answer_is_malformed() -> None:
    """A stream that ends before it said anything can be tried elsewhere."""
    stream, out = fed(DONE)
    assert (out, stream.started) == (b"", False)
    assert stream.error is not None
    assert stream.error.kind is OutcomeKind.MALFORMED


def test_the_terminator_waits_for_the_end() -> None:
    """`[DONE]` goes out with `close`, and what follows it is dropped."""
    stream, out = fed(HI, STOP, DONE, HI)
    assert out == HI + STOP
    assert stream.done
    assert stream.close() == DONE


def test_usage_in_one_read_with_everything() -> None:
    """A whole answer in one read is treated as if it came in pieces: the usage chunk is read and taken out."""
    stream, out = fed(ROLE + HI + STOP + USAGE + DONE)
    assert out + stream.close() == ROLE + HI + STOP + DONE
    assert stream.usage is not None
    assert stream.usage.total_input == 3


def test_nothing_follows_an_error() -> None:
    """After an error in the stream no byte goes out, not even of what came in the same read."""
    stream, out = fed(HI + event(choices=[], error={"message": "overloaded", "code": 503}) + HI, HI)
    assert out == HI
    assert stream.error is not None
    assert stream.error.kind is OutcomeKind.OVERLOADED
    assert stream.close() == b""


def test_an_end_without_finish_is_a_reset() -> None:
    """A body that ends cleanly in the middle of an answer broke off."""
    stream, _ = fed(HI)
    with pytest.raises(UpstreamReset):
        stream.close()


def test_a_cut_event_does_not_hide_the_finish() -> None:
    """What was cut after the finish was said is not missed."""
    stream, out = fed(HI, STOP, USAGE[:20])
    assert out + stream.close() == HI + STOP


def test_an_empty_body_is_a_reset() -> None:
    """A body without a byte broke off before it began."""
    with pytest.raises(UpstreamReset):
        fed()[0].close()


def test_something_else_is_malformed() -> None:
    """A body that is no event stream is said to be none."""
    with pytest.raises(UpstreamMalformed):
        fed(b"hello")[0].close()


def test_an_endless_event_is_malformed() -> None:
    """An event that never ends is an error of the stream and not of memory."""
    stream, out = fed(HI, *[b"x" * (1 << 20)] * ((MOST_EVENT_BYTES >> 20) + 1))
    assert out == HI
    assert stream.error is not None
    assert stream.error.kind is OutcomeKind.MALFORMED


def test_content_events_are_counted() -> None:
    """Events with content are counted in bursts as one by one, within the role and the finish."""
    one_by_one, _ = fed(ROLE, *[HI] * 50, STOP)
    at_once, _ = fed(ROLE + HI * 50 + STOP)
    assert one_by_one.content_events == at_once.content_events == 50


SPELLINGS = [(",", ":"), (", ", ": "), (", ", " : "), (",", ":\t"), (",\t", "\t:  ")]
"""What stands between values, and after a key: msgspec's, Python's, and what else JSON allows in a line."""
CHUNKS: list[dict[str, Any]] = [
    {"choices": [{"delta": {"content": 'say "error": {"usage": {'}, "finish_reason": None}], "usage": None},
    {"choices": [{"delta": {}, "finish_reason": "stop"}]},
    {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}},
    {"choices": [], "x_groq": {"usage": {"prompt_tokens": 4, "completion_tokens": 1}}},
    {"choices": [{"delta": {}, "finish_reason": None, "usage": {"prompt_tokens": 5}}]},
    {"choices": [], "error": {"message": "overloaded", "code": 503}},
    {"error": "overloaded"},
]


@given(
    told=st.lists(st.tuples(st.sampled_from(CHUNKS), st.sampled_from(SPELLINGS)), max_size=5),
    size=st.sampled_from([1, 7, 1 << 20]),
)
def test_spelling_does_not_matter(told: list[tuple[dict[str, Any], tuple[str, str]]], size: int) -> None:
    """Whatever blanks a provider writes, and wherever it is cut: the same passes, and the same is read."""

    def run(told: list[tuple[dict[str, Any], tuple[str, str]]], size: int) -> tuple[object, ...]:
        events = [b"data: %s\n\n" % json.dumps(chunk, separators=spelling).encode() for chunk, spelling in told]
        data = b"".join([HI, *events, DONE])
        stream, out = fed(*(data[at : at + size] for at in range(0, len(data), size)))
        passed = [msgspec.json.decode(event[6:]) for event in out.split(b"\n\n") if event]
        return passed, stream.usage, stream.finish_reason, stream.error, stream.done, stream.content_events

    assert run(told, size) == run([(chunk, SPELLINGS[0]) for chunk, _ in told], 1 << 20)


def test_what_tells_nothing_is_not_parsed() -> None:
    """What looks like an error, and is none, costs its own reading and not that of thousands of events after it."""
    unread = b"data: {oops}\n\n" * 1_000
    nothing = event({"content": "x"}, error=None)
    stream, out = fed(HI + unread + nothing + unread + HI)
    assert out == HI + unread + nothing + unread + HI
    assert (stream.error, stream.content_events) == (None, 3)


TEXTS = st.sampled_from(
    [ROLE, HI, STOP, USAGE, DONE, b": ping\n\n", b"\n", b"data: {oops\n\n", b'data: "x"\n\n', b"data: "]
)


@given(
    parts=st.lists(TEXTS | st.binary(max_size=30), max_size=8),
    cuts=st.lists(st.integers(0, 900), max_size=8),
    strip=...,
)
@example(parts=[ROLE, HI, b"\n", ROLE], cuts=[176], strip=False)
def test_cuts_do_not_matter(parts: list[bytes], cuts: list[int], strip: bool) -> None:
    """Whatever comes and wherever it is cut, the same goes out and the same was read; nothing but faults is raised."""
    data = b"".join(parts)

    def run(marks: list[int]) -> tuple[list[bytes], object, str | None, str]:
        stream = ChatStream(strip_usage=strip)
        out = b"".join(stream.feed(data[a:b]) for a, b in zip([0, *marks], [*marks, len(data)], strict=True))
        raised = ""
        try:
            out += stream.close()
        except UpstreamFault as fault:
            raised = fault.detail
        told = [event.strip(b"\n") for event in out.split(b"\n\n")]  # a blank line between events means nothing
        return [event for event in told if event], stream.error, stream.finish_reason, raised

    assert run(sorted(min(cut, len(data)) for cut in cuts)) == run([]) == run(list(range(len(data))))
