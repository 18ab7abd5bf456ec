"""Errors of Anthropic's Messages API → `Outcome`, and our own errors in its shape.

Source: platform.claude.com/docs/en/api/errors, read 2026-11.
"""

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from engine.errors import OutcomeKind
from engine.values import Headers, Outcome
from engine.wire import classing
from engine.wire.classing import Said
from engine.wire.redact import clean
from engine.wire.told import Told

__all__ = ["error_body", "error_event", "outcome_of", "read_error", "read_reply_error"]

_BY_CODE = {
    "authentication_error": OutcomeKind.PROVIDER_AUTH,
    "permission_error": OutcomeKind.PROVIDER_AUTH,
    "billing_error": OutcomeKind.PAYMENT_REQUIRED,
    "not_found_error": OutcomeKind.MODEL_NOT_FOUND,
    "request_too_large": OutcomeKind.CONTEXT_LENGTH,
    "context_length": OutcomeKind.CONTEXT_LENGTH,
    "rate_limit_error": OutcomeKind.RATE_LIMITED,
    "timeout_error": OutcomeKind.SERVER_ERROR,
    "overloaded_error": OutcomeKind.OVERLOADED,
}
"""Types that say enough. `invalid_request_error` and `api_error` do not: there message and status decide."""

_IN_MESSAGE = (
    ("credit balance is too low", "billing_error"),
    ("exceed context limit", "context_length"),
)
"""What `invalid_request_error` means other than a malformed request, by a phrase of its message."""

_STATUS = {"invalid_request_error": 400, "api_error": 500}
"""The status that a vague type stands for, inside an answer whose own status is 200."""

_TYPE = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}

_LIMITS = ("requests", "tokens", "input-tokens", "output-tokens")


def read_error(status: int, headers: Headers, body: bytes) -> Outcome:
    """How an answer with an error status is classed. Never raises: what cannot be read is classed by its status.

    After a 429 without `retry-after`, the rest lasts until the limits that are used up are full again.
    """
    answer = classing.read_json(body)
    said = _said(answer) if isinstance(answer, dict) else Said(message=classing.plain(body))
    outcome = classing.outcome_of_status(status, headers, said, _BY_CODE)
    if status == 429 and outcome.retry_after_s is None:
        return msgspec.structs.replace(outcome, retry_after_s=_until_reset(headers))
    return outcome


def read_reply_error(body: bytes) -> Outcome | None:
    """The error inside an answer with status 200; None where there is none, or the body is no JSON object."""
    if b'"error"' not in body:
        return None
    answer = classing.read_json(body)
    if not isinstance(answer, dict) or not answer.get("error"):
        return None
    return outcome_of(answer)


def outcome_of(answer: dict[str, Any]) -> Outcome:
    """How an error that arrived inside an answer with status 200 is classed; *answer* is that answer, decoded."""
    return classing.outcome_inside(_said(answer), _BY_CODE)


def _said(answer: dict[str, Any]) -> Said:
    """What `{"type": "error", "error": {"type", "message"}}` says, or Bedrock's flat `{"message"}`."""
    error = answer.get("error")
    if not isinstance(error, dict):
        error = {**answer, "message": error} if isinstance(error, str) else answer
    message = clean(classing.first_text(error, "message", "Message", "detail"))
    kind = classing.word(error.get("type"))
    code = next((code for phrase, code in _IN_MESSAGE if phrase in message), "")
    return Said(
        message=message, code=code, type=kind, status=_STATUS.get(kind) or classing.status_in(error.get("code"))
    )


def _until_reset(headers: Headers) -> float | None:
    """Seconds from the answer's own `date` until the last used-up limit is reset; None where the headers do not say."""
    named = {name: value.decode("latin-1") for name, value in headers}
    prefix = "anthropic-ratelimit-"
    used_up = [limit for limit in _LIMITS if named.get(f"{prefix}{limit}-remaining".encode()) == "0"]
    try:
        now = parsedate_to_datetime(named[b"date"])
        resets = [datetime.fromisoformat(named[f"{prefix}{limit}-reset".encode()]) for limit in used_up]
        return min(max((reset - now).total_seconds() for reset in resets), classing.LONGEST_RETRY_AFTER_S)
    except (KeyError, ValueError, TypeError):  # TypeError: one of them has no time zone
        return None


def error_body(told: Told) -> bytes:
    """Anthropic's error object with our `code`, `param` and, where the caller may see it, `rule` (`file:line`).

    The SDKs choose their exception by the status. The body's type is the protocol's word for that status; where it has
    none, `api_error` from 500 on, else the type in *told*.
    """
    error = {
        "type": _TYPE.get(told.status) or ("api_error" if told.status >= 500 else told.type),
        "message": told.message,
        "code": told.code,
        **({"param": told.param} if told.param else {}),
        **({"rule": told.rule} if told.rule else {}),
    }
    return msgspec.json.encode({"type": "error", "error": error, "request_id": told.request_id})


def error_event(told: Told) -> bytes:
    """The error as the last event of a stream; without `message_stop`, so that nobody takes it for a clean end."""
    body = error_body(told)
    return b"event: error\ndata: " + body + b"\n\n"
