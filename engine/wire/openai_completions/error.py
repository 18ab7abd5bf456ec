"""Errors of text completions are those of OpenAI's chat, in both directions."""

from engine.wire.openai_chat.error import error_body, error_event, outcome_of, read_error, read_reply_error

__all__ = ["error_body", "error_event", "outcome_of", "read_error", "read_reply_error"]
