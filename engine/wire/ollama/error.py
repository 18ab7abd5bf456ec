"""Ollama's errors, `{"error": "text"}` → `Outcome`. Source: docs.ollama.com/api/errors, read 2026-11."""

from engine.errors import OutcomeKind
from engine.values import Headers, Outcome
from engine.wire.classing import Said, first_text, outcome_inside, outcome_of_status, plain, read_json
from engine.wire.redact import clean

__all__ = ["outcome_of", "read_error", "read_reply_error"]

_BY_CODE = {"too_long": OutcomeKind.CONTEXT_LENGTH}

TOO_LONG = ("input length exceeds", "prompt too long", "exceeds the available context")
"""Phrases in the message for a prompt that is too long, of Ollama itself and of the runner under it."""


def read_error(status: int, headers: Headers, body: bytes) -> Outcome:
    """How an answer with an error status is classed. Never raises: what cannot be read is classed by its status."""
    answer = read_json(body)
    said = _said(answer) if isinstance(answer, dict) else Said(message=plain(body))
    return outcome_of_status(status, headers, said, _BY_CODE)


def read_reply_error(body: bytes) -> Outcome | None:
    """The error inside an answer with status 200; None where there is none."""
    answer = read_json(body)
    return outcome_of(answer) if isinstance(answer, dict) and answer.get("error") else None


def outcome_of(answer: dict[str, object]) -> Outcome:
    """How an error that arrived inside an answer with status 200 is classed; *answer* is that answer, decoded."""
    return outcome_inside(_said(answer), _BY_CODE)


def _said(answer: dict[str, object]) -> Said:
    message = clean(first_text(answer, "error", "message"))
    return Said(message=message, code="too_long" if any(words in message for words in TOO_LONG) else "")
