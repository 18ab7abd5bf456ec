"""`logprobsResult` ↔ log-probabilities as OpenAI's chat writes them, which is how the hub has them.

Source: https://ai.google.dev/api/generate-content#LogprobsResult, read 2026-11.
"""

from typing import Any

import msgspec

from engine import hub

__all__ = ["read_logprobs", "write_logprobs"]


class _Token(msgspec.Struct, rename="camel", gc=False):
    token: str | None = None
    log_probability: float | None = None


class _Top(msgspec.Struct):
    candidates: list[_Token] | None = None


class _Result(msgspec.Struct, rename="camel"):
    chosen_candidates: list[_Token] | None = None
    top_candidates: list[_Top] | None = None


class _Said(msgspec.Struct, gc=False):
    token: str = ""
    logprob: float = 0.0


class _Step(msgspec.Struct):
    token: str = ""
    logprob: float = 0.0
    top_logprobs: list[_Said] | None = None


class _LogProbs(msgspec.Struct):
    content: list[_Step] | None = None


_RESULT = msgspec.json.Decoder(_Result)
_LOGPROBS = msgspec.json.Decoder(_LogProbs)
_ENCODER = msgspec.json.Encoder()


def read_logprobs(raw: msgspec.Raw) -> hub.Json:
    """The log-probabilities in *raw*, a `logprobsResult`.

    Raises:
        msgspec.ValidationError: it is not of Gemini's shape.
    """
    result = _RESULT.decode(raw)
    tops = [top.candidates or [] for top in result.top_candidates or ()]
    steps = [
        {**_said(chosen), "top_logprobs": [_said(each) for each in (tops[at] if at < len(tops) else ())]}
        for at, chosen in enumerate(result.chosen_candidates or ())
    ]
    return msgspec.Raw(_ENCODER.encode({"content": steps}))


def _said(token: _Token) -> dict[str, Any]:
    text = token.token or ""
    return {"token": text, "logprob": token.log_probability or 0.0, "bytes": list(text.encode())}


def write_logprobs(logprobs: hub.Json) -> dict[str, Any] | None:
    """The `logprobsResult` for *logprobs*; None where they cannot be read or say nothing."""
    try:
        steps = _LOGPROBS.decode(logprobs).content
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not steps:
        return None
    result: dict[str, Any] = {"chosenCandidates": [_token(step.token, step.logprob) for step in steps]}
    if any(step.top_logprobs for step in steps):
        result["topCandidates"] = [
            {"candidates": [_token(each.token, each.logprob) for each in step.top_logprobs or ()]} for step in steps
        ]
    return result


def _token(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logProbability": logprob}
