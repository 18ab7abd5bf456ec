"""Cohere's errors → `Outcome`. Source: docs.cohere.com/reference/errors, read 2026-11."""

from engine.errors import OutcomeKind
from engine.values import Headers, Outcome
from engine.wire.classing import Said, first_text, outcome_inside, outcome_of_status, plain, read_json, word
from engine.wire.redact import clean

__all__ = ["outcome_of", "read_error", "read_reply_error"]

_BY_CODE = {
    "too_many_tokens": OutcomeKind.CONTEXT_LENGTH,
    "denied_token": OutcomeKind.CONTENT_FILTER,
}

TOO_LONG = "too many tokens"
"""How the message begins for a prompt that is too long, where there is no `error_type`."""

TOO_MUCH_ASKED = "max tokens must be"
"""Part of the same message when it is the requested length of the answer that is too large."""

DENIED_TOKEN = 498
"""Cohere's status for a request or an answer with a token on its deny list; elsewhere 498 means another thing."""


def read_error(status: int, headers: Headers, body: bytes) -> Outcome:
    """How an answer with an error status is classed. Never raises: what cannot be read is classed by its status."""
    answer = read_json(body)
    said = _said(answer) if isinstance(answer, dict) else Said(message=plain(body))
    if status == DENIED_TOKEN:
        said = Said(message=said.message, code="denied_token")
    return outcome_of_status(status, headers, said, _BY_CODE)


def read_reply_error(body: bytes) -> Outcome | None:
    """The error inside an answer with status 200; None where there is none, as where `message` is an object."""
    answer = read_json(body)
    return outcome_of(answer) if isinstance(answer, dict) and isinstance(answer.get("message"), str) else None


def outcome_of(answer: dict[str, object]) -> Outcome:
    """How an error that arrived inside an answer with status 200 is classed; *answer* is that answer, decoded."""
    return outcome_inside(_said(answer), _BY_CODE)


def _said(answer: dict[str, object]) -> Said:
    """What an error says: `{"id", "message"}`, and `error_type` in newer ones."""
    message = clean(first_text(answer, "message", "error", "detail"))
    too_long = message.startswith(TOO_LONG) and TOO_MUCH_ASKED not in message
    return Said(message=message, type=word(answer.get("error_type")) or ("TOO_MANY_TOKENS" if too_long else ""))
