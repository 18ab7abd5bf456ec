from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import hub
from engine.errors import OutcomeKind
from engine.values import Outcome, Usage
from engine.wire import eventstream
from engine.wire.bedrock.encoder import Encoder


def written(*events: hub.Event) -> list[tuple[str, Any]]:
    """Kind and payload of every message of the whole stream."""
    encoder = Encoder()
    data = b"".join(map(encoder.encode, events)) + encoder.close()
    return [
        (str(headers.get(":event-type") or headers[":exception-type"]), msgspec.json.decode(payload))
        for headers, payload in eventstream.Decoder().feed(data)
    ]


def test_a_stream_of_nothing_is_whole() -> None:
    """Start, stop and metadata are told, whatever came."""
    assert [name for name, _ in written()] == ["messageStart", "messageStop", "metadata"]


def test_usage_waits_for_the_end() -> None:
    """The last count is told once, after the stop."""
    said = written(
        hub.Metered(usage=Usage(output=1)), hub.Finished(finish=hub.Finish.LENGTH), hub.Metered(usage=Usage(output=2))
    )
    assert said[1:] == [
        ("messageStop", {"stopReason": "max_tokens"}),
        (
            "metadata",
            {"usage": {"inputTokens": 0, "outputTokens": 2, "totalTokens": 2}, "metrics": {"latencyMs": 0}},
        ),
    ]


def test_a_failure_is_the_last_thing_said() -> None:
    """As the exception that an SDK raises."""
    outcome = Outcome(kind=OutcomeKind.OVERLOADED, message="later")
    said = written(hub.TextDelta(text="a"), hub.Failed(outcome=outcome), hub.TextDelta(text="b"))
    assert said[-1] == ("serviceUnavailableException", {"message": "later"})
    assert len(said) == 3


def test_a_citation_from_elsewhere_is_written() -> None:
    """With what Converse can say of it."""
    said = written(hub.Cited(citation=hub.Citation(url="u", title="t", quote="q")))
    citation = {"title": "t", "sourceContent": [{"text": "q"}], "location": {"web": {"url": "u"}}}
    assert said[1] == ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"citation": citation}})


EVENTS = st.sampled_from(
    [
        hub.Opened(id="x"),
        hub.TextDelta(text="a"),
        hub.RefusalDelta(text="no"),
        hub.ThinkingDelta(text="b"),
        hub.ThinkingSigned(signature="s"),
        hub.ThinkingSigned(redacted="r"),
        hub.CallOpened(call=0, id="0", name="f"),
        hub.CallOpened(call=1, id="1", name="f"),
        hub.CallDelta(call=0, arguments="{}"),
        hub.CallDelta(call=1, arguments="{}"),
        hub.LogProbs(logprobs=msgspec.Raw(b"{}")),
        hub.MediaArrived(media=hub.Media(kind="audio", data="x")),
        hub.MediaArrived(media=hub.Media(kind="image", data="aGk=")),
        hub.Foreign(protocol="anthropic", kind="x", raw=msgspec.Raw(b"{}")),
        hub.Foreign(protocol="bedrock", kind="x", raw=msgspec.Raw(b'{"toolUse":{"toolUseId":"a","name":"n"}}')),
        hub.Foreign(protocol="bedrock", kind="x", raw=msgspec.Raw(b'{"guardContent":{}}')),
        hub.Metered(usage=Usage(output=1)),
        hub.Finished(finish=hub.Finish.STOP),
    ]
)


@given(st.lists(EVENTS, max_size=12))
@settings(max_examples=150)
def test_the_grammar_is_kept(events: list[hub.Event]) -> None:
    """In whatever order events come: one start, each block stopped once and after its pieces, one stop, then usage."""
    said = written(*events)
    names = [name for name, _ in said]
    assert names[0] == "messageStart"
    assert names[-2:] == ["messageStop", "metadata"]
    assert names.count("messageStart") == names.count("messageStop") == 1
    stopped: list[int] = []
    for name, payload in said[1:-2]:
        assert payload["contentBlockIndex"] not in stopped
        stopped += [payload["contentBlockIndex"]] if name == "contentBlockStop" else []
    assert sorted(stopped) == list(range(len(stopped)))
