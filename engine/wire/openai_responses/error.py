"""Errors of this protocol → `Outcome`, and our own errors in its shape. Bodies are those of OpenAI's chat."""

from typing import Any

import msgspec

from engine.values import Outcome
from engine.wire.classing import read_json
from engine.wire.openai_chat.error import error_body, outcome_of, read_error
from engine.wire.told import Told

__all__ = ["error_body", "error_event", "failure", "read_error", "read_reply_error"]


def read_reply_error(body: bytes) -> Outcome | None:
    """The failure that an answer with status 200 reports; None where it reports none, or cannot be read."""
    if b'"error"' not in body:
        return None
    answer = read_json(body)
    failed = isinstance(answer, dict) and answer.get("error")
    return failure(failed) if failed else None


def failure(error: object) -> Outcome:
    """How an error inside an answer or a stream is classed; it is an object `{"code", "message"}`, or a bare text."""
    return outcome_of({"error": error})


def error_event(told: Told, *, sequence_number: int = 0) -> bytes:
    """The error as the last event of a stream.

    OpenAI's reference has code, message and param at the top of the event, its API sends them under `error`, and
    openai-python raises on the latter, so both are written. *sequence_number* follows that of the event before.
    """
    said: dict[str, Any] = {
        "type": "error",
        "sequence_number": sequence_number,
        "code": told.code,
        "message": told.message,
        "param": told.param,
        **msgspec.json.decode(error_body(told)),
    }
    return b"event: error\ndata: " + msgspec.json.encode(said) + b"\n\n"
