import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import OutcomeKind
from engine.wire.gemini.error import error_body, error_event, read_error, read_reply_error
from engine.wire.told import Told


def body(message: str = "m", status: str = "", code: int = 0, details: Any = None) -> dict[str, Any]:
    error: dict[str, Any] = {"message": message}
    error |= {"status": status} if status else {}
    error |= {"code": code} if code else {}
    return {"error": error | ({"details": details} if details is not None else {})}


def info(reason: str) -> list[dict[str, Any]]:
    return [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]


BODIES: list[tuple[int, Any, OutcomeKind]] = [
    (400, body("API key not valid.", "INVALID_ARGUMENT", 400, info("API_KEY_INVALID")), OutcomeKind.PROVIDER_AUTH),
    (400, body("API key not valid. Please pass one.", "INVALID_ARGUMENT"), OutcomeKind.PROVIDER_AUTH),
    (403, body("Method doesn't allow unregistered callers", "PERMISSION_DENIED"), OutcomeKind.PROVIDER_AUTH),
    (401, body("no token", "UNAUTHENTICATED"), OutcomeKind.PROVIDER_AUTH),
    (403, body("no", "PERMISSION_DENIED", 403, info("BILLING_DISABLED")), OutcomeKind.PAYMENT_REQUIRED),
    (
        400,
        body("Gemini API free tier is not available in your country. Please enable billing", "FAILED_PRECONDITION"),
        OutcomeKind.PAYMENT_REQUIRED,
    ),
    (404, body("models/x is not found", "NOT_FOUND"), OutcomeKind.MODEL_NOT_FOUND),
    (429, body("quota", "RESOURCE_EXHAUSTED"), OutcomeKind.RATE_LIMITED),
    (503, body("The model is overloaded.", "UNAVAILABLE"), OutcomeKind.OVERLOADED),
    (500, body("An internal error has occurred", "INTERNAL"), OutcomeKind.SERVER_ERROR),
    (504, body("late", "DEADLINE_EXCEEDED"), OutcomeKind.SERVER_ERROR),
    (
        400,
        body("The input token count (9) exceeds the maximum number of tokens allowed (5).", "INVALID_ARGUMENT"),
        OutcomeKind.CONTEXT_LENGTH,
    ),
    (400, body("violates our usage guidelines", "INVALID_ARGUMENT"), OutcomeKind.CONTENT_FILTER),
    (400, body("Invalid value at 'safety_settings[0].category'", "INVALID_ARGUMENT"), OutcomeKind.BAD_REQUEST),
    (400, [body("in a list", "INVALID_ARGUMENT")], OutcomeKind.BAD_REQUEST),
    (502, "<html><title>502 Bad Gateway</title></html>", OutcomeKind.SERVER_ERROR),
    (429, "", OutcomeKind.RATE_LIMITED),
]


@pytest.mark.parametrize(("status", "said", "kind"), BODIES)
def test_errors_are_classed(status: int, said: Any, kind: OutcomeKind) -> None:
    """By reason, then status word, then message, then HTTP status."""
    sent = said.encode() if isinstance(said, str) else json.dumps(said, indent=2).encode()
    outcome = read_error(status, [], sent)
    assert (outcome.kind, outcome.status, outcome.received) == (kind, status, True)
    assert outcome.message


@pytest.mark.parametrize(
    ("details", "header", "seconds"),
    [
        ([{"retryDelay": "34.4s"}], None, 34.4),
        ([{"retryDelay": "0.5s"}], b"9", 0.5),
        ([{"violations": []}, {"retryDelay": "999999999s"}], None, 86_400.0),
        ([{"retryDelay": "soon"}], b"9", 9.0),
        ("none", None, None),
    ],
)
def test_retry_info_says_when_to_come_back(details: Any, header: bytes | None, seconds: float | None) -> None:
    """Google tells it in the body; a header counts where the body says nothing."""
    headers = [(b"retry-after", header)] if header else []
    sent = json.dumps(body("q", "RESOURCE_EXHAUSTED", 429, details)).encode()
    assert read_error(429, headers, sent).retry_after_s == seconds


def test_an_error_in_place_of_an_answer() -> None:
    """Also in a stream that is an array; an answer without one has none."""
    for sent in (body("busy", "UNAVAILABLE", 503), [body("busy", "UNAVAILABLE", 503)]):
        error = read_reply_error(json.dumps(sent).encode())
        assert error is not None
        assert (error.kind, error.status, error.code) == (OutcomeKind.OVERLOADED, 200, "UNAVAILABLE")
    assert read_reply_error(b'{"candidates": [], "x": "error"}') is None
    assert read_reply_error(b'"error"') is None


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "INVALID_ARGUMENT"),
        (403, "PERMISSION_DENIED"),
        (429, "RESOURCE_EXHAUSTED"),
        (418, "INVALID_ARGUMENT"),
        (599, "INTERNAL"),
    ],
)
def test_our_own_errors_have_googles_shape(status: int, word: str) -> None:
    """A number, a status word, a message, and our code with the request's id in the details."""
    told = json.loads(
        error_body(
            Told(status=status, type="t", code="full", message="wait", request_id="r-1", param="tools", rule="a:3")
        )
    )["error"]
    assert (told["code"], told["status"], told["message"]) == (status, word, "wait")
    [detail] = told["details"]
    assert detail["reason"] == "full"
    assert detail["metadata"] == {"type": "t", "param": "tools", "request_id": "r-1", "rule": "a:3"}
    assert read_error(status, [], json.dumps({"error": told}).encode()).code == "full"


def test_an_error_ends_a_stream() -> None:
    """As its last event, or as the last item of its array; the SDKs look for the key at the front."""
    said = {"status": 502, "type": "api_error", "code": "reset", "message": "broke\n\noff", "request_id": "r"}
    event = error_event(Told(**said))  # type: ignore[arg-type]
    assert event.startswith(b'data: {"error":')
    assert event.count(b"\n\n") == 0
    assert event.endswith(b"}\r\n\r\n")
    item = error_event(Told(**said), array=True)  # type: ignore[arg-type]
    assert json.loads(b"[{}" + item)[1]["error"]["code"] == 502


JSON = st.recursive(
    st.none() | st.integers() | st.sampled_from(["", "x", "429", "UNAVAILABLE"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["error", "message", "code", "status", "details", "reason", "retryDelay"]), inner
        )
    ),
    max_leaves=6,
)


@given(status=st.integers(100, 599), said=st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_error_is_too_strange(status: int, said: bytes) -> None:
    """Any status with any body is classed, with a message."""
    outcome = read_error(status, [], said)
    assert outcome.kind is not OutcomeKind.OK
    assert outcome.message
    read_reply_error(said)
