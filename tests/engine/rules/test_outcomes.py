from typing import TYPE_CHECKING

import pytest

from engine.errors import OutcomeKind, Place
from engine.expr.regex import Regex
from engine.rules.outcomes import (
    BREAKER_COUNTS,
    FAILOVER_ON,
    RETRY_ON,
    TABLE,
    TIMEOUTS,
    Rest,
    caller_error,
    rest,
    sharpen,
)
from engine.rules.program import ErrorRule
from engine.values import Outcome

if TYPE_CHECKING:
    from tests.engine.rules.conftest import Make

K = OutcomeKind
# kind: same target again, next target, breaker, rests, status told
SPECIFIED = {
    K.CONNECT: (True, True, True, Rest.NOTHING, 502),
    K.RESET: (True, True, True, Rest.NOTHING, 502),
    K.OVERLOADED: (True, True, True, Rest.NOTHING, 503),
    K.SERVER_ERROR: (True, True, True, Rest.NOTHING, 502),
    K.MALFORMED: (True, True, True, Rest.NOTHING, 502),
    K.TIMEOUT_FIRST_TOKEN: (False, True, True, Rest.NOTHING, 504),
    K.TIMEOUT_BETWEEN_TOKENS: (False, True, True, Rest.NOTHING, 504),
    K.TIMEOUT_TOTAL: (False, True, True, Rest.NOTHING, 504),
    K.RATE_LIMITED: (True, True, False, Rest.KEY_FOR_MODEL, 429),
    K.PROVIDER_AUTH: (True, True, False, Rest.KEY, 503),
    K.PAYMENT_REQUIRED: (True, True, False, Rest.KEY, 503),
    K.MODEL_NOT_FOUND: (False, True, False, Rest.NOTHING, 404),
    K.CONTEXT_LENGTH: (False, True, False, Rest.NOTHING, 400),
    K.CONTENT_FILTER: (False, False, False, Rest.NOTHING, 400),
    K.BAD_REQUEST: (False, False, False, Rest.NOTHING, 400),
    K.DEADLINE: (False, False, False, Rest.NOTHING, 504),
    K.CANCELLED: (False, False, False, Rest.NOTHING, 499),
}


def test_every_kind_but_success_has_a_row() -> None:
    """A new kind of outcome cannot be forgotten in the table."""
    assert {*OutcomeKind} - {OutcomeKind.OK} == set(TABLE) == set(SPECIFIED)


@pytest.mark.parametrize("kind", SPECIFIED, ids=str)
def test_the_table_is_the_specifications(kind: OutcomeKind) -> None:
    """What is tried again, handed over, counted and told is what the page on routing says."""
    retry, failover, breaker, resting, status = SPECIFIED[kind]
    outcome = Outcome(kind=kind, status=401)
    assert (kind in RETRY_ON, kind in FAILOVER_ON, kind in BREAKER_COUNTS) == (retry, failover, breaker)
    assert rest(outcome) is resting
    assert caller_error(outcome).status == status


def test_timeout_stands_for_the_three() -> None:
    """`timeout` in YAML is every kind whose word begins with it."""
    assert {kind for kind in OutcomeKind if kind.startswith("timeout_")} == TIMEOUTS


def test_a_403_rests_the_key_for_this_model_only() -> None:
    """A key that may not use one model still serves the others."""
    assert rest(Outcome(kind=K.PROVIDER_AUTH, status=403)) is Rest.KEY_FOR_MODEL


def test_the_providers_words_pass_only_where_the_caller_can_mend_by_them() -> None:
    """A bad request is told in the provider's words; its 401 is never shown."""
    bad = caller_error(Outcome(kind=K.BAD_REQUEST, status=422, message="'seed' must be an integer"))
    assert (bad.status, bad.message, bad.retryable) == (400, "'seed' must be an integer", False)
    auth = caller_error(Outcome(kind=K.PROVIDER_AUTH, status=401, message="Incorrect API key"))
    assert (auth.status, auth.reason) == (503, "provider_unavailable")
    assert "key" not in auth.message


def test_retry_after_is_told() -> None:
    """A caller who may come again learns when."""
    refused = caller_error(Outcome(kind=K.RATE_LIMITED, status=429), 12.5)
    assert (refused.status, refused.retry_after_s, refused.retryable) == (429, 12.5, True)


def test_a_providers_errors_sharpen_its_answers_first_match_first(make: "Make") -> None:
    """Status and body must both hold; what is left out holds always; silence is never sharpened."""
    place = Place("providers.d/p.yaml", 9)
    at = make.provider(
        "p",
        errors=(
            ErrorRule(kind=K.CONTEXT_LENGTH, place=place, status=400, body=Regex("maximum context|too long")),
            ErrorRule(kind=K.OVERLOADED, place=place, status=498),
            ErrorRule(kind=K.CONTENT_FILTER, place=place, body=Regex("moderation")),
        ),
    )

    def sharpened(status: int | None, body: bytes) -> OutcomeKind:
        return sharpen(at, Outcome(kind=K.BAD_REQUEST, status=status), body).kind

    assert sharpened(400, b"the maximum context is 8192") is K.CONTEXT_LENGTH
    assert sharpened(400, b"no") is K.BAD_REQUEST
    assert sharpened(498, b"") is K.OVERLOADED
    assert sharpened(403, b"moderation \xff") is K.CONTENT_FILTER
    assert sharpened(None, b"moderation") is K.BAD_REQUEST
