"""`rawPredict` and `streamRawPredict` for Anthropic's models: their own Messages API, with the model in the path.

Requests, answers and streams are those of `anthropic_messages`; here is what differs. Errors are the model's own, in
Anthropic's shape, or Google's, if they occur before the model is asked.

Source: https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai, and Google's "Request predictions
with Claude models" and "Count tokens for Claude models", https://docs.cloud.google.com/
gemini-enterprise-agent-platform/models/partner-models/claude/use-claude and …/count-tokens, read 2026-11.
"""

import msgspec

from engine.values import Headers, Outcome
from engine.wire import classing
from engine.wire.anthropic_messages import count, envelope
from engine.wire.anthropic_messages import error as anthropic
from engine.wire.gemini import error as google
from engine.wire.json_edit import Fields

__all__ = ["VERSION", "finish", "finish_count", "read_error", "read_reply_error"]

VERSION = "vertex-2023-10-16"
"""The only `anthropic_version` that Vertex takes."""

_VERSIONED = {"anthropic_version": msgspec.Raw(msgspec.json.encode(VERSION))}

_ENCODER = msgspec.json.Encoder()


def finish(fields: Fields, *, model: str, stream: bool) -> bytes:  # noqa: ARG001 - it stands in the path
    """The body to send, made from one of the Messages API. A stream is asked for in the body as well as by the path."""
    sent = {name: value for name, value in fields.items() if name not in {"model", "stream"}} | _VERSIONED
    return _ENCODER.encode({**sent, "stream": True} if stream else sent)


def finish_count(fields: Fields, *, model: str, stream: bool) -> bytes:
    """The body that asks Vertex for a count. It names the model, without its version (`@20251001`).

    Vertex refuses to count for a name with a version; LiteLLM 1.110.2 leaves it out, too.
    """
    return envelope.finish(count.countable(fields), model=model.partition("@")[0], stream=stream)


def read_error(status: int, headers: Headers, body: bytes) -> Outcome:
    """How an answer with an error status is classed. Never raises."""
    read = anthropic.read_error if _is_anthropics(body) else google.read_error
    return read(status, headers, body)


def read_reply_error(body: bytes) -> Outcome | None:
    """The error inside an answer with status 200; None where there is none."""
    read = anthropic.read_reply_error if _is_anthropics(body) else google.read_reply_error
    return read(body)


def _is_anthropics(body: bytes) -> bool:
    """Whether an error has Anthropic's shape: `{"type": "error", "error": {…}}`."""
    answer = classing.read_json(body) if b'"error"' in body else None
    return isinstance(answer, dict) and answer.get("type") == "error"
