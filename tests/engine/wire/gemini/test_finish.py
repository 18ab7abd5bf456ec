import pytest

from engine.hub import Finish
from engine.wire.gemini.finish import finish_of, word_of, written


@pytest.mark.parametrize(
    ("reason", "has_calls", "finish"),
    [
        ("STOP", False, Finish.STOP),
        ("STOP", True, Finish.TOOL_CALLS),
        (1, True, Finish.TOOL_CALLS),
        (2, False, Finish.LENGTH),
        ("MAX_TOKENS", True, Finish.LENGTH),
        ("SAFETY", False, Finish.CONTENT_FILTER),
        ("MODEL_ARMOR", False, Finish.CONTENT_FILTER),
        ("IMAGE_SAFETY", False, Finish.CONTENT_FILTER),
        ("UNEXPECTED_TOOL_CALL", True, Finish.ERROR),
        ("NO_IMAGE", False, Finish.ERROR),
        ("OTHER", False, Finish.ERROR),
        ("SOMETHING_NEW", False, Finish.ERROR),
        (99, False, Finish.ERROR),
    ],
)
def test_reasons_are_understood(reason: str | int, has_calls: bool, finish: Finish) -> None:
    """STOP with function calls wants tools; words and numbers mean the same; what is unknown is an error."""
    assert finish_of(word_of(reason), has_calls=has_calls) is finish


@pytest.mark.parametrize("reason", [None, 0, "", "FINISH_REASON_UNSPECIFIED"])
def test_no_reason_is_no_end(reason: str | int | None) -> None:
    """While an answer goes on, nothing is said."""
    assert word_of(reason) == ""


@pytest.mark.parametrize(
    ("finish", "raw", "word"),
    [
        (Finish.TOOL_CALLS, "tool_calls", "STOP"),
        (Finish.TOOL_CALLS, "STOP", "STOP"),
        (Finish.CONTENT_FILTER, "content_filter", "SAFETY"),
        (Finish.CONTENT_FILTER, "RECITATION", "RECITATION"),
        (Finish.ERROR, "MALFORMED_FUNCTION_CALL", "MALFORMED_FUNCTION_CALL"),
        (Finish.ERROR, "COMPLETE", "OTHER"),
        (Finish.LENGTH, "length", "MAX_TOKENS"),
        (Finish.PAUSE, "pause_turn", "STOP"),
    ],
)
def test_reasons_are_written_in_geminis_words(finish: Finish, raw: str, word: str) -> None:
    """Gemini's own word comes back; any other is put into the nearest one."""
    assert written(finish, raw, has_calls=finish is Finish.TOOL_CALLS) == word
