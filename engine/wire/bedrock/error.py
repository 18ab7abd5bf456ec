"""Bedrock's errors → `Outcome`: answers with an error status, and exceptions inside an event stream."""

import re
from collections.abc import Mapping
from typing import Any

from engine.errors import OutcomeKind
from engine.values import Headers, Outcome
from engine.wire.classing import (
    Said,
    first_text,
    outcome_inside,
    outcome_of_status,
    plain,
    read_json,
    word,
)
from engine.wire.eventstream import Header
from engine.wire.redact import clean

__all__ = ["STATUSES", "read_error", "read_exception"]

STATUSES = {
    "accessdeniedexception": 403,
    "internalserverexception": 500,
    "modelerrorexception": 424,
    "modelnotreadyexception": 429,
    "modelstreamerrorexception": 424,
    "modeltimeoutexception": 408,
    "resourcenotfoundexception": 404,
    "servicequotaexceededexception": 400,
    "serviceunavailableexception": 503,
    "throttlingexception": 429,
    "validationexception": 400,
}
"""The status that an exception inside a stream would have as an answer, by its name in lower case.

Source: Amazon Bedrock API reference, "ConverseStream" and "InvokeModelWithResponseStream", errors, 2026-11.
"""

_BY_TYPE = {
    "throttlingexception": OutcomeKind.RATE_LIMITED,
    "toomanyrequestsexception": OutcomeKind.RATE_LIMITED,
    "servicequotaexceededexception": OutcomeKind.RATE_LIMITED,
    "modelnotreadyexception": OutcomeKind.OVERLOADED,
    "serviceunavailableexception": OutcomeKind.OVERLOADED,
    "internalserverexception": OutcomeKind.SERVER_ERROR,
    "internalfailure": OutcomeKind.SERVER_ERROR,
    "modelerrorexception": OutcomeKind.SERVER_ERROR,
    "modelstreamerrorexception": OutcomeKind.SERVER_ERROR,
    "modeltimeoutexception": OutcomeKind.SERVER_ERROR,
    "resourcenotfoundexception": OutcomeKind.MODEL_NOT_FOUND,
    "expiredtokenexception": OutcomeKind.PROVIDER_AUTH,
    "incompletesignatureexception": OutcomeKind.PROVIDER_AUTH,
    "invalidsignatureexception": OutcomeKind.PROVIDER_AUTH,
    "missingauthenticationtokenexception": OutcomeKind.PROVIDER_AUTH,
    "unrecognizedclientexception": OutcomeKind.PROVIDER_AUTH,
}
"""Types that say enough. `ValidationException` and `AccessDeniedException` do not: see `_BY_MESSAGE`."""

_BY_MESSAGE = tuple(
    (re.compile(pattern, re.IGNORECASE), code)
    for pattern, code in (
        (
            r"model identifier is invalid|access to the model|on-demand throughput isn.t supported|end of its life",
            "model",
        ),
        (
            r"input (?:is )?too long|input tokens exceeded|too many input tokens|exceeds? (?:the )?(?:maximum|context)",
            "context",
        ),
        (r"content filter|content policy|blocked by", "filter"),
    )
)
"""What the message tells where the type is vague: one AWS error type covers every flaw of a request."""

_BY_CODE = _BY_TYPE | {
    "model": OutcomeKind.MODEL_NOT_FOUND,
    "context": OutcomeKind.CONTEXT_LENGTH,
    "filter": OutcomeKind.CONTENT_FILTER,
}


def read_error(status: int, headers: Headers, body: bytes) -> Outcome:
    """How an answer with an error status is classed. Never raises.

    The type is in the header `x-amzn-errortype`, before a colon, or in the body's `__type`, after a hash. If both are
    missing, message and status decide.
    """
    answer = read_json(body)
    named = next((value.decode("latin-1") for name, value in headers if name == b"x-amzn-errortype"), "")
    if isinstance(answer, dict):
        type_ = _type(named) or _type(answer.get("__type")) or _type(answer.get("code"))
        message = clean(first_text(answer, "message", "Message", "Output"))
    else:
        type_, message = _type(named), plain(body)
    return _with_type(outcome_of_status(status, headers, _said(type_, message), _BY_CODE), type_)


def read_exception(headers: Mapping[str, Header], payload: bytes) -> Outcome:
    """How a message of type `exception` or `error` inside an event stream is classed.

    An exception has its type in `:exception-type` and its words in the payload; an error has `:error-code` and
    `:error-message` and no payload.
    """
    type_ = _type(headers.get(":exception-type")) or _type(headers.get(":error-code"))
    answer: Any = read_json(payload)
    told = first_text(answer, "message", "originalMessage") if isinstance(answer, dict) else ""
    message = clean(told or str(headers.get(":error-message", "")))
    said = _said(type_, message, STATUSES.get(type_.lower(), 500))
    return _with_type(outcome_inside(said, _BY_CODE), type_)


def _said(type_: str, message: str, status: int | None = None) -> Said:
    """What an error says; where its type is vague, with the more precise code that its message tells."""
    vague = type_.lower() not in _BY_TYPE
    code = next((code for pattern, code in _BY_MESSAGE if vague and pattern.search(message)), "")
    return Said(message=message, code=code, type=type_, status=status)


def _with_type(outcome: Outcome, type_: str) -> Outcome:
    """*outcome* with *type_*, AWS's own name for the error, as its code."""
    return Outcome(
        kind=outcome.kind,
        status=outcome.status,
        message=outcome.message,
        code=type_,
        retry_after_s=outcome.retry_after_s,
        received=True,
    )


def _type(value: object) -> str:
    """`com.amazon.coral#ValidationException:http://…` → `ValidationException`."""
    return word(value).split(":", 1)[0].rsplit("#", 1)[-1]
