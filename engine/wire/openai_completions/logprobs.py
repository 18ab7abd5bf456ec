"""Log-probabilities: parallel lists in text completions, one list of tokens in the hub, as in OpenAI's chat.

Source: platform.openai.com/docs/api-reference/completions/object, read 2026-11.
"""

from typing import Any

import msgspec

from engine import hub
from engine.wire.json_read import UNREADABLE

__all__ = ["decode_logprobs", "encode_logprobs"]


class _Lists(msgspec.Struct):
    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None] | None = None


class _Token(msgspec.Struct):
    token: str
    logprob: float
    top_logprobs: list["_Token"] = []


class _Content(msgspec.Struct):
    content: list[_Token] | None = None


_LISTS = msgspec.json.Decoder(_Lists | None)
_CONTENT = msgspec.json.Decoder(_Content)
_ENCODER = msgspec.json.Encoder()


def decode_logprobs(raw: bytes) -> hub.Json | None:
    """The lists as chat's `{"content": [...]}`; None where there are none, or they cannot be read.

    Look-alikes have their own shapes here, and an answer is not thrown away for that. If a token is only part of a
    character, its `bytes` are those of its text here, since nothing else is reported.
    """
    try:
        lists = _LISTS.decode(raw)
    except UNREADABLE:
        return None
    if lists is None or None in lists.token_logprobs:
        return None
    tops = lists.top_logprobs or [None] * len(lists.tokens)
    content = [
        {**_token(token, logprob), "top_logprobs": [_token(*pair) for pair in (top or {}).items()]}
        for token, logprob, top in zip(lists.tokens, lists.token_logprobs, tops, strict=False)
    ]
    return hub.Json(_ENCODER.encode({"content": content}))


def _token(token: str, logprob: float | None) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def encode_logprobs(logprobs: hub.Json | None, offset: int = 0) -> tuple[dict[str, Any] | None, int]:
    """The parallel lists, None where *logprobs* has no tokens; and the offset after them.

    Offsets count from the beginning of the answer. OpenAI's count from that of the prompt, which is not known here.
    """
    if logprobs is None:
        return None, offset
    try:
        tokens = _CONTENT.decode(logprobs).content
    except UNREADABLE:
        tokens = None
    if tokens is None:
        return None, offset
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token.token)
    lists = {
        "text_offset": offsets,
        "token_logprobs": [token.logprob for token in tokens],
        "tokens": [token.token for token in tokens],
        "top_logprobs": [{top.token: top.logprob for top in token.top_logprobs} for token in tokens],
    }
    return lists, offset
