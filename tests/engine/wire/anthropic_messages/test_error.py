from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import OutcomeKind
from engine.wire.anthropic_messages.error import error_body, error_event, outcome_of, read_error, read_reply_error
from engine.wire.told import Told

K = OutcomeKind


def body(kind: str, message: str) -> bytes:
    return msgspec.json.encode({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"})


@pytest.mark.parametrize(
    ("status", "type_", "message", "kind"),
    [
        (400, "invalid_request_error", "messages.0: Input does not match the expected shape.", K.BAD_REQUEST),
        (400, "invalid_request_error", "prompt is too long: 204000 tokens > 200000 maximum", K.CONTEXT_LENGTH),
        (400, "invalid_request_error", "input length and `max_tokens` exceed context limit: 9", K.CONTEXT_LENGTH),
        (400, "invalid_request_error", "Your credit balance is too low to access the API", K.PAYMENT_REQUIRED),
        (400, "invalid_request_error", "Output blocked by content filtering policy", K.CONTENT_FILTER),
        (401, "authentication_error", "invalid x-api-key", K.PROVIDER_AUTH),
        (402, "billing_error", "no money", K.PAYMENT_REQUIRED),
        (403, "permission_error", "not for you", K.PROVIDER_AUTH),
        (404, "not_found_error", "model: claude-none", K.MODEL_NOT_FOUND),
        (413, "request_too_large", "too large", K.CONTEXT_LENGTH),
        (429, "rate_limit_error", "slow down", K.RATE_LIMITED),
        (500, "api_error", "oops", K.SERVER_ERROR),
        (504, "timeout_error", "too slow", K.SERVER_ERROR),
        (529, "overloaded_error", "Overloaded", K.OVERLOADED),
        (529, "something_new", "?", K.OVERLOADED),
    ],
)
def test_errors_are_classed(status: int, type_: str, message: str, kind: OutcomeKind) -> None:
    """Every documented error is classed by its type, a vague one by its message."""
    outcome = read_error(status, [], body(type_, message))
    assert (outcome.kind, outcome.status, outcome.message) == (kind, status, message)
    assert outcome.code in {type_, "billing_error", "context_length"}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"message": "no access"}', "no access"),
        (b'{"error": "gone"}', "gone"),
        (b"<html><title>Bad gateway</title>", "Bad gateway"),
        (b"", "the provider answered with status 502"),
        (b"[1]", "[1]"),
    ],
)
def test_other_shapes(raw: bytes, message: str) -> None:
    """Bedrock's flat bodies and what is no JSON are classed by their status."""
    outcome = read_error(502, [], raw)
    assert (outcome.kind, outcome.message) == (K.SERVER_ERROR, message)


def test_retry_after_comes_first() -> None:
    """The pause that is asked for is the one that is kept."""
    headers = [(b"retry-after", b"12"), (b"anthropic-ratelimit-requests-remaining", b"0")]
    assert read_error(429, headers, b"").retry_after_s == 12


def test_used_up_limits_say_when() -> None:
    """Without it, the last reset of the limits that are used up counts, from the answer's own date."""
    headers = [
        (b"date", b"Tue, 03 Nov 2026 10:00:00 GMT"),
        (b"anthropic-ratelimit-requests-remaining", b"5"),
        (b"anthropic-ratelimit-requests-reset", b"2026-11-03T11:00:00Z"),
        (b"anthropic-ratelimit-input-tokens-remaining", b"0"),
        (b"anthropic-ratelimit-input-tokens-reset", b"2026-11-03T10:00:30Z"),
    ]
    assert read_error(429, headers, b"").retry_after_s == 30
    assert read_error(500, headers, b"").retry_after_s is None
    assert read_error(429, headers[1:], b"").retry_after_s is None
    assert read_error(429, [headers[0]], b"").retry_after_s is None


def test_errors_inside_an_answer() -> None:
    """An error inside status 200 is classed by its type; an answer that only speaks of errors is none."""
    found = read_reply_error(body("overloaded_error", "Overloaded"))
    assert found is not None
    assert (found.kind, found.status) == (K.OVERLOADED, 200)
    vague = read_reply_error(body("invalid_request_error", "messages: wrong"))
    assert vague is not None
    assert vague.kind is K.BAD_REQUEST
    assert outcome_of({"type": "error", "error": {"type": "api_error", "message": "x"}}).kind is K.SERVER_ERROR
    assert read_reply_error(b'{"content": [{"text": "\\"error\\""}]}') is None
    assert read_reply_error(b'["error"]') is None


@pytest.mark.parametrize(
    ("status", "type_", "word"),
    [
        (400, "invalid_request_error", "invalid_request_error"),
        (401, "authentication_error", "authentication_error"),
        (402, "insufficient_credit", "billing_error"),
        (403, "permission_error", "permission_error"),
        (404, "invalid_request_error", "not_found_error"),
        (409, "invalid_request_error", "invalid_request_error"),
        (413, "invalid_request_error", "request_too_large"),
        (429, "rate_limit_error", "rate_limit_error"),
        (500, "api_error", "api_error"),
        (502, "anything", "api_error"),
        (503, "api_error", "overloaded_error"),
        (504, "api_error", "timeout_error"),
    ],
)
def test_our_errors_in_its_words(status: int, type_: str, word: str) -> None:
    """Our errors carry the type that belongs to their status, and our own code beside it."""
    said: dict[str, Any] = msgspec.json.decode(
        error_body(Told(status=status, type=type_, code="c", message="m", request_id="r", param="p", rule="a.yaml:3"))
    )
    assert said == {
        "type": "error",
        "error": {"type": word, "message": "m", "code": "c", "param": "p", "rule": "a.yaml:3"},
        "request_id": "r",
    }


def test_the_event_is_an_error_and_no_end() -> None:
    """Inside a stream the same body is an event of its own; what is not said is left out."""
    event = error_event(Told(status=500, type="api_error", code="c", message="m", request_id="r"))
    error = b'{"type":"api_error","message":"m","code":"c"}'
    assert event == b'event: error\ndata: {"type":"error","error":' + error + b',"request_id":"r"}\n\n'


@given(st.integers(400, 599), st.binary())
def test_no_body_crashes(status: int, raw: bytes) -> None:
    """Whatever an error's body is, it is classed."""
    assert read_error(status, [], raw).kind is not K.OK
    read_reply_error(raw)
