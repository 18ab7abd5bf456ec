import pytest

from engine.hub import Finish
from engine.wire.anthropic_messages.stop import finish_of, reason_of


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", Finish.STOP),
        ("stop_sequence", Finish.STOP),
        ("max_tokens", Finish.LENGTH),
        ("model_context_window_exceeded", Finish.LENGTH),
        ("tool_use", Finish.TOOL_CALLS),
        ("pause_turn", Finish.PAUSE),
        ("compaction", Finish.PAUSE),
        ("refusal", Finish.CONTENT_FILTER),
        ("something_new", Finish.ERROR),
    ],
)
def test_reasons_and_back(reason: str, finish: Finish) -> None:
    """Every stop reason has a meaning, and each known one comes back in its own word."""
    assert finish_of(reason, calls=False) is finish
    if finish is not Finish.ERROR:
        assert reason_of(finish, raw=reason, stop_sequence="", calls=False) == reason


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        (Finish.STOP, "end_turn"),
        (Finish.LENGTH, "max_tokens"),
        (Finish.TOOL_CALLS, "tool_use"),
        (Finish.CONTENT_FILTER, "refusal"),
        (Finish.PAUSE, "pause_turn"),
        (Finish.ERROR, "max_tokens"),
    ],
)
def test_other_protocols_words(finish: Finish, reason: str) -> None:
    """A finish that another protocol told has a word here, whatever that protocol's word was."""
    assert reason_of(finish, raw="eos", stop_sequence="", calls=False) == reason
    assert reason_of(finish, raw="tool_use" if finish is Finish.STOP else "", stop_sequence="", calls=False) == reason


def test_calls_at_the_end_are_wanted() -> None:
    """An answer that ends in a call says so, in and out, and a stop sequence is named as the reason."""
    assert finish_of("end_turn", calls=True) is Finish.TOOL_CALLS
    assert finish_of("max_tokens", calls=True) is Finish.LENGTH
    assert reason_of(Finish.STOP, raw="stop", stop_sequence="", calls=True) == "tool_use"
    assert reason_of(Finish.STOP, raw="stop", stop_sequence="END", calls=False) == "stop_sequence"
