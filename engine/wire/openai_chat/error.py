"""Errors of OpenAI and its look-alikes → `Outcome`, and our own errors in OpenAI's shape.

A provider's `errors` rules sharpen what is classed here; this module knows no provider by name.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from engine.errors import OutcomeKind
from engine.values import Outcome
from engine.wire.redact import clean

__all__ = ["error_body", "error_event", "outcome_of", "read_error", "read_reply_error"]

Headers = Sequence[tuple[bytes, bytes]]

_BY_CODE = {
    "insufficient_quota": OutcomeKind.PAYMENT_REQUIRED,
    "billing_hard_limit_reached": OutcomeKind.PAYMENT_REQUIRED,
    "billing_not_active": OutcomeKind.PAYMENT_REQUIRED,
    "insufficient_balance": OutcomeKind.PAYMENT_REQUIRED,
    "rate_limit_exceeded": OutcomeKind.RATE_LIMITED,
    "ratelimitreached": OutcomeKind.RATE_LIMITED,
    "rate_limit_error": OutcomeKind.RATE_LIMITED,
    "overloaded_error": OutcomeKind.OVERLOADED,
    "invalid_api_key": OutcomeKind.PROVIDER_AUTH,
    "authentication_error": OutcomeKind.PROVIDER_AUTH,
    "model_not_found": OutcomeKind.MODEL_NOT_FOUND,
    "deploymentnotfound": OutcomeKind.MODEL_NOT_FOUND,
    "context_length_exceeded": OutcomeKind.CONTEXT_LENGTH,
    "string_above_max_length": OutcomeKind.CONTEXT_LENGTH,
    "too_many_prompt_tokens": OutcomeKind.CONTEXT_LENGTH,
    "content_filter": OutcomeKind.CONTENT_FILTER,
    "content_policy_violation": OutcomeKind.CONTENT_FILTER,
    "responsibleaipolicyviolation": OutcomeKind.CONTENT_FILTER,
}
"""Codes and types that say more than the status does, in lower case."""

_BY_STATUS = {
    401: OutcomeKind.PROVIDER_AUTH,
    402: OutcomeKind.PAYMENT_REQUIRED,
    403: OutcomeKind.PROVIDER_AUTH,
    404: OutcomeKind.MODEL_NOT_FOUND,
    408: OutcomeKind.SERVER_ERROR,  # the provider gave up waiting; OpenAI's own SDK tries 408 and 409 again
    409: OutcomeKind.SERVER_ERROR,
    413: OutcomeKind.CONTEXT_LENGTH,
    429: OutcomeKind.RATE_LIMITED,
    498: OutcomeKind.OVERLOADED,  # Groq: flex capacity exceeded
    503: OutcomeKind.OVERLOADED,
    529: OutcomeKind.OVERLOADED,
}

_BY_MESSAGE = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        ("context (?:length|window|size)|maximum context|prompt (?:is )?too long", OutcomeKind.CONTEXT_LENGTH),
        ("(?:incorrect|invalid) api key|api key (?:is )?(?:not valid|invalid)", OutcomeKind.PROVIDER_AUTH),
        ("content (?:management )?policy|content filter|flagged by moderation", OutcomeKind.CONTENT_FILTER),
        (
            r"model\b.{0,200}(?:does not exist|not found)|not a valid model|invalid model",
            OutcomeKind.MODEL_NOT_FOUND,
        ),
    )
)
"""What the message of a 400, 413 or 422 gives away where the code does not."""

LONGEST_RETRY_AFTER_S = 86_400.0
"""A day. What a provider asks for beyond that is a quota and not a pause."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What an error body says, whatever its shape."""

    message: str = ""
    code: str = ""
    type: str = ""
    status: int | None = None


def read_error(status: int, headers: Headers, body: bytes) -> Outcome:
    """How an answer with an error status is classed. Never raises: what cannot be read is classed by its status."""
    said = _read(body)
    return Outcome(
        kind=_kind(status, said),
        status=status,
        message=said.message or f"the provider answered with status {status}",
        code=said.code or said.type,
        retry_after_s=_retry_after_s(headers),
        received=True,
    )


def read_reply_error(body: bytes) -> Outcome | None:
    """The error inside an answer with status 200; None where there is none, or no JSON object."""
    if b'"error"' not in body:
        return None
    answer = _json(body)
    if not isinstance(answer, dict) or not answer.get("error"):
        return None
    return outcome_of(answer)


def outcome_of(answer: dict[str, Any]) -> Outcome:
    """How an error is classed that arrived, decoded, inside an answer with status 200."""
    said = _said(answer)
    return Outcome(
        kind=_kind(said.status or 500, said),
        status=200,
        message=said.message or "the provider answered with an error inside status 200",
        code=said.code or said.type,
        received=True,
    )


def _kind(status: int, said: _Said) -> OutcomeKind:
    by_code = _BY_CODE.get(said.code.lower()) or _BY_CODE.get(said.type.lower())
    if by_code is not None:
        return by_code
    if status in {400, 403, 413, 422}:
        for pattern, kind in _BY_MESSAGE:
            if pattern.search(said.message):
                return kind
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return OutcomeKind.SERVER_ERROR
    return OutcomeKind.BAD_REQUEST if status >= 400 else OutcomeKind.MALFORMED


def _read(body: bytes) -> _Said:
    answer = _json(body)
    if isinstance(answer, list) and answer:  # Gemini's compatible endpoint wraps its errors in a list
        answer = answer[0]
    if isinstance(answer, dict):
        return _said(answer)
    return _Said(message=clean(body[:65_536].decode(errors="replace")))


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _said(answer: dict[str, Any]) -> _Said:
    """What a decoded error body says.

    Shapes: OpenAI's `{"error": {...}}`; `{"error": "text", "code"}` of xAI, Hugging Face and Ollama; flat bodies with
    `message` or `detail` of vLLM, Mistral and Bedrock.
    """
    error = answer.get("error")
    if not isinstance(error, dict):
        error = {**answer, "message": error} if isinstance(error, str) else answer
    code = error.get("code")
    message = _first_text(error, "message", "detail", "error_description", "msg")
    raw = _raw(error)
    return _Said(
        message=clean(f"{message}: {raw}" if raw and message else message or raw),
        code=_word(code),
        type=_word(error.get("type")) or _word(error.get("status")),
        status=_status(code) or _status(error.get("status_code")),
    )


def _first_text(error: dict[str, Any], *names: str) -> str:
    for name in names:
        value = error.get(name)
        if isinstance(value, str):
            return value
        if value:
            return msgspec.json.encode(value).decode()
    return ""


def _raw(error: dict[str, Any]) -> str:
    """What the provider behind OpenRouter said; its own message is only `Provider returned error`."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return raw if isinstance(raw, str) else ""


def _word(value: object) -> str:
    return clean(str(value))[:100] if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _status(code: object) -> int | None:
    status = int(code) if isinstance(code, str) and re.fullmatch(r"[45]\d\d", code) else code
    return status if isinstance(status, int) and 400 <= status <= 599 else None


def _retry_after_s(headers: Headers) -> float | None:
    """Seconds from `retry-after-ms`, else from `retry-after` in seconds or as a date; None where neither can be read.

    A date is reckoned from the answer's own `date`, so neither clock has to be right. Azure sends `retry-after-ms: 0`
    beside a true `retry-after`: zero says nothing.
    """
    named = {
        name: value.decode("latin-1") for name, value in headers if name in {b"retry-after", b"retry-after-ms", b"date"}
    }
    told = (
        _seconds(named.get(b"retry-after-ms", ""), unit_s=0.001),
        _seconds(named.get(b"retry-after", "")),
        _until(named.get(b"retry-after", ""), named.get(b"date", "")),
    )
    known = [min(seconds, LONGEST_RETRY_AFTER_S) for seconds in told if seconds is not None]
    return next((seconds for seconds in known if seconds > 0), 0.0) if known else None


def _seconds(text: str, unit_s: float = 1.0) -> float | None:
    try:
        seconds = float(text) * unit_s
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _until(text: str, now: str) -> float | None:
    try:
        return max(0.0, (parsedate_to_datetime(text) - parsedate_to_datetime(now)).total_seconds())
    except (ValueError, TypeError):  # TypeError: one of them names no zone
        return None


def error_body(
    *,
    status: int,
    type: str,  # noqa: A002 - the word of the error body
    code: str,
    message: str,
    param: str | None = None,
    request_id: str,
    rule: str | None = None,
) -> bytes:
    """OpenAI's error object; *rule* (`file:line`) only where the caller may see it."""
    error = {
        "message": message,
        "type": type,
        "param": param,
        "code": code,
        "status": status,
        "request_id": request_id,
        **({"rule": rule} if rule else {}),
    }
    return msgspec.json.encode({"error": error})


def error_event(
    *,
    status: int,
    type: str,  # noqa: A002 - the word of the error body
    code: str,
    message: str,
    param: str | None = None,
    request_id: str,
    rule: str | None = None,
) -> bytes:
    """The error as the last event of a stream; without `[DONE]`, so that nobody takes it for a clean end."""
    body = error_body(
        status=status, type=type, code=code, message=message, param=param, request_id=request_id, rule=rule
    )
    return b"data: " + body + b"\n\n"
