from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import OutcomeKind
from engine.wire import classing
from engine.wire.classing import Said

BY_CODE = {"overloaded_error": OutcomeKind.OVERLOADED}


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (500, Said(code="Overloaded_Error"), OutcomeKind.OVERLOADED),
        (500, Said(type="overloaded_error"), OutcomeKind.OVERLOADED),
        (400, Said(message="the prompt is too long"), OutcomeKind.CONTEXT_LENGTH),
        (500, Said(message="the prompt is too long"), OutcomeKind.SERVER_ERROR),
        (429, Said(message="slow down"), OutcomeKind.RATE_LIMITED),
        (418, Said(), OutcomeKind.BAD_REQUEST),
        (302, Said(), OutcomeKind.MALFORMED),
    ],
)
def test_errors_are_classed_by_code_then_message_then_status(status: int, said: Said, kind: OutcomeKind) -> None:
    """What a body says is sharper than its status; a message counts only where the status is vague."""
    assert classing.kind_of(status, said, BY_CODE) == kind


def test_an_error_inside_a_good_answer_is_classed_by_the_status_it_names() -> None:
    """Without one it is the provider's failure."""
    assert classing.outcome_inside(Said(status=429), {}).kind == OutcomeKind.RATE_LIMITED
    assert classing.outcome_inside(Said(message="no"), {}).kind == OutcomeKind.SERVER_ERROR


@pytest.mark.parametrize(("code", "status"), [(429, 429), ("503", 503), (200, None), ("12", None), (None, None)])
def test_a_code_may_be_a_status(code: object, status: int | None) -> None:
    """As a number, as Gemini and OpenRouter have it, or in digits."""
    assert classing.status_in(code) == status


@pytest.mark.parametrize(("error", "text"), [({"b": "x"}, "x"), ({"a": {"c": 1}}, '{"c":1}'), ({}, "")])
def test_the_message_is_looked_for_under_each_name(error: dict[str, Any], text: str) -> None:
    """What is no string is shown as JSON."""
    assert classing.first_text(error, "a", "b") == text


@given(st.binary(max_size=40))
def test_no_body_is_too_strange(body: bytes) -> None:
    """What is no JSON is None, and can still be shown."""
    classing.read_json(body)
    assert isinstance(classing.plain(body), str)
