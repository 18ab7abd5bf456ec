"""Errors of OpenAI and its look-alikes → `Outcome`, and our own errors in OpenAI's shape.

A provider's `errors` rules sharpen what is classed here; this module knows no provider by name.
"""

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
    "moderation_blocked": OutcomeKind.CONTENT_FILTER,
    "invalid_prompt": OutcomeKind.CONTENT_FILTER,
    "responsibleaipolicyviolation": OutcomeKind.CONTENT_FILTER,
}
"""Codes and types, in lower case, that say more than the status does."""


def read_error(status: int, headers: Headers, body: bytes) -> Outcome:
    """How an answer with an error status is classed. Never raises: what cannot be read is classed by its status."""
    return classing.outcome_of_status(status, headers, _read(body), _BY_CODE)


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


def _read(body: bytes) -> Said:
    answer = classing.read_json(body)
    if isinstance(answer, list) and answer:  # Gemini's compatible endpoint wraps its errors in a list
        answer = answer[0]
    if isinstance(answer, dict):
        return _said(answer)
    return Said(message=classing.plain(body))


def _said(answer: dict[str, Any]) -> Said:
    """What a decoded error body says.

    Shapes: OpenAI's `{"error": {...}}`; `{"error": "text", "code"}` of xAI, Hugging Face and Ollama; flat bodies with
    `message` or `detail` of vLLM, Mistral and Bedrock.
    """
    error = answer.get("error")
    if not isinstance(error, dict):
        error = {**answer, "message": error} if isinstance(error, str) else answer
    code = error.get("code")
    message = classing.first_text(error, "message", "detail", "error_description", "msg")
    raw = _raw(error)
    return Said(
        message=clean(f"{message}: {raw}" if raw and message else message or raw),
        code=classing.word(code),
        type=classing.word(error.get("type")) or classing.word(error.get("status")),
        status=classing.status_in(code) or classing.status_in(error.get("status_code")),
    )


def _raw(error: dict[str, Any]) -> str:
    """What the provider behind OpenRouter said; its own message is only `Provider returned error`."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return raw if isinstance(raw, str) else ""


def error_body(told: Told) -> bytes:
    """OpenAI's error object; with `rule` (`file:line`) only where the caller may see it."""
    error = {
        "message": told.message,
        "type": told.type,
        "param": told.param,
        "code": told.code,
        "status": told.status,
        "request_id": told.request_id,
        **({"rule": told.rule} if told.rule else {}),
    }
    return msgspec.json.encode({"error": error})


def error_event(told: Told) -> bytes:
    """The error as the last event of a stream; without `[DONE]`, so that nobody takes it for a clean end."""
    body = error_body(told)
    return b"data: " + body + b"\n\n"
