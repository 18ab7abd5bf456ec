"""Errors of a template's API: its file says where the message is; the kind follows from the status."""

from typing import Any

from engine.values import Headers, Outcome
from engine.wire.classing import Said, outcome_inside, outcome_of_status, plain, read_json, word
from engine.wire.redact import clean
from engine.wire.template.pointer import first
from engine.wire.template.values import Ask

__all__ = ["outcome_of", "read_error", "read_reply_error"]


def read_error(ask: Ask, status: int, headers: Headers, body: bytes) -> Outcome:
    """How an answer with an error status is classed."""
    said = _said(ask, read_json(body))
    return outcome_of_status(status, headers, said or Said(message=plain(body)), {})


def read_reply_error(ask: Ask, body: bytes) -> Outcome | None:
    """The failure that an answer with status 200 reports; None when it reports none."""
    return outcome_of(ask, read_json(body))


def outcome_of(ask: Ask, value: Any) -> Outcome | None:
    """The failure that an answer, or a piece of one, reports; None when it reports none."""
    said = _said(ask, value)
    return None if said is None else outcome_inside(said, {})


def _said(ask: Ask, value: Any) -> Said | None:
    message, code = first(value, ask.message), first(value, ask.code)
    if not message and not code:
        return None
    return Said(message=clean(message) if isinstance(message, str) else "", code=word(code))
