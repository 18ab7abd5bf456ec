from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import OutcomeKind
from engine.wire.openai_chat.error import error_body, error_event, read_error, read_reply_error
from engine.wire.told import Told


def wrapped(message: str = "", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message} | more}


BODIES: list[tuple[int, Any, OutcomeKind]] = [
    (400, wrapped("Unsupported parameter", code="unsupported_parameter"), OutcomeKind.BAD_REQUEST),
    (400, wrapped("Your input exceeds", code="context_length_exceeded"), OutcomeKind.CONTEXT_LENGTH),
    (400, wrapped("This endpoint's maximum context length is 200000 tokens", code=400), OutcomeKind.CONTEXT_LENGTH),
    (400, wrapped("prompt too long; exceeded max context length by 9 tokens"), OutcomeKind.CONTEXT_LENGTH),
    (400, wrapped("All too long", type="too_many_prompt_tokens", code=400), OutcomeKind.CONTEXT_LENGTH),
    (413, wrapped("Request too large"), OutcomeKind.CONTEXT_LENGTH),
    (413, wrapped("Request too large for model", type="tokens", code="rate_limit_exceeded"), OutcomeKind.RATE_LIMITED),
    (400, wrapped("filtered", code="content_filter"), OutcomeKind.CONTENT_FILTER),
    (400, wrapped("rejected by the safety system", code="moderation_blocked"), OutcomeKind.CONTENT_FILTER),
    (400, wrapped("your request was rejected by content policy"), OutcomeKind.CONTENT_FILTER),
    (403, wrapped("Your input was flagged by moderation", code=403), OutcomeKind.CONTENT_FILTER),
    (400, [wrapped("API key not valid. Please pass one.", code=400)], OutcomeKind.PROVIDER_AUTH),
    (
        400,
        {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: x"},
        OutcomeKind.PROVIDER_AUTH,
    ),
    (400, wrapped("foo/bar is not a valid model ID", code=400), OutcomeKind.MODEL_NOT_FOUND),
    (400, {"object": "error", "message": "Invalid model: x", "code": "1500"}, OutcomeKind.MODEL_NOT_FOUND),
    (401, {"detail": "Invalid API Key"}, OutcomeKind.PROVIDER_AUTH),
    (402, wrapped("Insufficient Balance"), OutcomeKind.PAYMENT_REQUIRED),
    (403, wrapped("Country not supported", code="unsupported_country"), OutcomeKind.PROVIDER_AUTH),
    (404, wrapped("The model `x` does not exist", code="model_not_found"), OutcomeKind.MODEL_NOT_FOUND),
    (404, {"error": {"code": "404", "message": "Resource not found"}}, OutcomeKind.MODEL_NOT_FOUND),
    (404, "Not Found", OutcomeKind.MODEL_NOT_FOUND),
    (408, wrapped("timeout"), OutcomeKind.SERVER_ERROR),
    (422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, OutcomeKind.BAD_REQUEST),
    (429, wrapped("slow down"), OutcomeKind.RATE_LIMITED),
    (429, wrapped("You exceeded your quota", code="insufficient_quota"), OutcomeKind.PAYMENT_REQUIRED),
    (498, wrapped("capacity"), OutcomeKind.OVERLOADED),
    (500, "", OutcomeKind.SERVER_ERROR),
    (502, "<html><head><title>502 Bad Gateway</title></head></html>", OutcomeKind.SERVER_ERROR),
    (503, wrapped("busy"), OutcomeKind.OVERLOADED),
    (524, "timeout", OutcomeKind.SERVER_ERROR),
    (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, OutcomeKind.OVERLOADED),
    (302, "", OutcomeKind.MALFORMED),
]


@pytest.mark.parametrize(("status", "body", "kind"), BODIES)
def test_errors_are_classed(status: int, body: Any, kind: OutcomeKind) -> None:
    """Each provider's way of saying it comes to one row of the outcome table."""
    sent = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    outcome = read_error(status, [], sent)
    assert (outcome.kind, outcome.status, outcome.received) == (kind, status, True)
    assert outcome.message


def test_a_router_tells_what_its_provider_said() -> None:
    """OpenRouter's own message says nothing, so the raw one is added."""
    body = msgspec.json.encode(wrapped("Provider returned error", code=429, metadata={"raw": "m is limited"}))
    assert read_error(429, [], body).message == "Provider returned error: m is limited"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "0", "retry-after": "1"}, 1.0),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:30 GMT", "date": "Mon, 23 Nov 2026 12:00:00 GMT"}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:30 GMT"}, None),
        ({"retry-after": "Mon, 23 Nov 2026 11:00:00 GMT", "date": "Mon, 23 Nov 2026 12:00:00 GMT"}, 0.0),
        ({"retry-after": "99999999999"}, 86_400.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"date": "Mon, 23 Nov 2026 12:00:00 GMT"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, milliseconds and dates are understood; a date is reckoned from the answer's own clock."""
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert read_error(429, sent, b"").retry_after_s == seconds


def test_an_error_inside_a_200() -> None:
    """A body with an error in it is one, whatever the status line said; one that only speaks of errors is none."""
    error = read_reply_error(b'{"error": {"message": "Overloaded", "code": 529}}')
    assert error is not None
    assert (error.kind, error.status) == (OutcomeKind.OVERLOADED, 200)
    assert read_reply_error(b'{"error": null, "choices": [{"message": {"content": "an \\"error\\""}}]}') is None
    assert read_reply_error(b'["error"]') is None
    assert read_reply_error(b'oops "error"') is None


def test_our_own_errors_have_openais_shape() -> None:
    """Message, type, param and code as OpenAI has them, with the request's id, and the rule where it may be seen."""
    body = msgspec.json.decode(
        error_body(
            Told(status=429, type="rate_limit_error", code="full", message="wait", request_id="r-1", rule="a.yaml:3")
        )
    )
    assert body["error"] == {
        "message": "wait",
        "type": "rate_limit_error",
        "param": None,
        "code": "full",
        "status": 429,
        "request_id": "r-1",
        "rule": "a.yaml:3",
    }


def test_an_error_event_is_no_clean_end() -> None:
    """Told inside a stream, an error is one event without a terminator after it."""
    event = error_event(Told(status=502, type="api_error", code="reset", message="broke\n\noff", request_id="r-1"))
    assert event.startswith(b'data: {"error":')
    assert event.count(b"\n\n") == 1
    assert b"[DONE]" not in event


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "x", "429", "model_not_found"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["error", "message", "code", "type", "detail", "metadata", "raw"]), inner)
    ),
    max_leaves=6,
)


@given(status=st.integers(100, 599), body=st.binary(max_size=40) | JSON.map(msgspec.json.encode))
def test_no_error_is_too_strange(status: int, body: bytes) -> None:
    """Any status with any body is classed, with a message."""
    outcome = read_error(status, [], body)
    assert outcome.kind is not OutcomeKind.OK
    assert outcome.message
    read_reply_error(body)
