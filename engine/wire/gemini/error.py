"""Errors of Google's APIs → `Outcome`, and our own errors in Google's shape.

Source: https://ai.google.dev/gemini-api/docs/troubleshooting and google/rpc/error_details.proto, read 2026-11.
"""

import re
from typing import Any

import msgspec

from engine.errors import OutcomeKind
from engine.values import Headers, Outcome
from engine.wire import classing
from engine.wire.classing import LONGEST_RETRY_AFTER_S, Said
from engine.wire.redact import clean
from engine.wire.told import Told

__all__ = ["error_body", "error_event", "read_error", "read_reply_error"]

_BY_CODE = {
    "api_key_invalid": OutcomeKind.PROVIDER_AUTH,
    "api_key_expired": OutcomeKind.PROVIDER_AUTH,
    "api_key_service_blocked": OutcomeKind.PROVIDER_AUTH,
    "service_disabled": OutcomeKind.PROVIDER_AUTH,
    "consumer_suspended": OutcomeKind.PROVIDER_AUTH,
    "billing_disabled": OutcomeKind.PAYMENT_REQUIRED,
    "unauthenticated": OutcomeKind.PROVIDER_AUTH,
    "permission_denied": OutcomeKind.PROVIDER_AUTH,
    "not_found": OutcomeKind.MODEL_NOT_FOUND,
    "resource_exhausted": OutcomeKind.RATE_LIMITED,
    "unavailable": OutcomeKind.OVERLOADED,
    "internal": OutcomeKind.SERVER_ERROR,
    "deadline_exceeded": OutcomeKind.SERVER_ERROR,
}
"""Reasons (of `ErrorInfo`) and statuses, in lower case. `INVALID_ARGUMENT` is too vague to be listed."""

_BY_MESSAGE = (
    (
        re.compile(r"token count.{0,60}exceeds|exceeds the maximum number of tokens", re.IGNORECASE),
        OutcomeKind.CONTEXT_LENGTH,
    ),
    (re.compile(r"enable billing|billing (?:account|to be enabled)", re.IGNORECASE), OutcomeKind.PAYMENT_REQUIRED),
    (
        re.compile(r"safety (?:filter|polic)|violat\w+.{0,80}polic|usage guidelines", re.IGNORECASE),
        OutcomeKind.CONTENT_FILTER,
    ),
)
"""What the message of a 400 tells, beyond the phrases common to all protocols."""

_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""HTTP status that we send → its word in google/rpc/code.proto."""

_ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"


def read_error(status: int, headers: Headers, body: bytes) -> Outcome:
    """How an answer with an error status is classed. Never raises: what cannot be read is classed by its status."""
    error = _error_in(classing.read_json(body))
    if error is None:
        return classing.outcome_of_status(status, headers, Said(message=classing.plain(body)), _BY_CODE)
    outcome = classing.outcome_of_status(status, headers, _said(error), _BY_CODE)
    return _sharpened(outcome, error, status)


def read_reply_error(body: bytes) -> Outcome | None:
    """The error inside an answer with status 200, or in place of a stream; None where there is none."""
    if b'"error"' not in body:
        return None
    error = _error_in(classing.read_json(body))
    if not error:
        return None
    said = _said(error)
    return _sharpened(classing.outcome_inside(said, _BY_CODE), error, said.status or 500)


def _error_in(answer: Any) -> dict[str, Any] | None:
    """The error in *answer*, if there is one; a stream's error is in a list."""
    if isinstance(answer, list) and answer:
        answer = answer[0]
    error = answer.get("error") if isinstance(answer, dict) else None
    return error if isinstance(error, dict) else None


def _said(error: dict[str, Any]) -> Said:
    return Said(
        message=clean(classing.first_text(error, "message")),
        code=next((classing.word(detail.get("reason")) for detail in _details(error) if detail.get("reason")), ""),
        type=classing.word(error.get("status")),
        status=classing.status_in(error.get("code")),
    )


def _sharpened(outcome: Outcome, error: dict[str, Any], status: int) -> Outcome:
    """*outcome*, made more precise by Google's own details and messages."""
    kind = outcome.kind
    if kind is OutcomeKind.BAD_REQUEST and status == 400:
        kind = next((kind for pattern, kind in _BY_MESSAGE if pattern.search(outcome.message)), kind)
    delay = next((delay for detail in _details(error) if (delay := _delay_s(detail)) is not None), None)
    wait_s = outcome.retry_after_s if delay is None else delay
    return msgspec.structs.replace(outcome, kind=kind, retry_after_s=wait_s)


def _details(error: dict[str, Any]) -> list[dict[str, Any]]:
    details = error.get("details")
    return [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []


def _delay_s(detail: dict[str, Any]) -> float | None:
    """The seconds of a `RetryInfo`, such as `34.4s`; None where *detail* is none."""
    delay = detail.get("retryDelay")
    found = _DELAY.fullmatch(delay) if isinstance(delay, str) else None
    return min(float(found[1]), LONGEST_RETRY_AFTER_S) if found else None


def error_body(told: Told) -> bytes:
    """Google's error object. In its `ErrorInfo`, `reason` is our `code`, and the metadata have the rest, `rule` too."""
    said = {"type": told.type, "param": told.param, "request_id": told.request_id, "rule": told.rule}
    info = {
        "@type": _ERROR_INFO,
        "reason": told.code,
        "domain": "engine",
        "metadata": {name: value for name, value in said.items() if value},
    }
    word = _STATUSES.get(told.status) or ("INTERNAL" if told.status >= 500 else "INVALID_ARGUMENT")
    error = {"code": told.status, "message": told.message, "status": word, "details": [info]}
    return msgspec.json.encode({"error": error})


def error_event(told: Told, *, array: bool = False) -> bytes:
    """The error as the last chunk of a stream that has begun; with *array*, as the last item of its JSON array."""
    body = error_body(told)
    return b",\r\n" + body + b"]" if array else b"data: " + body + b"\r\n\r\n"
