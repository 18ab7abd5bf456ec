"""What a provider sends, read as JSON: one answer, or one event of a stream.

Callers' bodies are read by `body`, where a fault is the caller's to mend.
"""

from typing import Final, TypeVar

import msgspec

from engine.errors import UpstreamMalformed

__all__ = ["UNREADABLE", "decoded"]

_T = TypeVar("_T")

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading JSON raises: for no JSON, or another shape than wanted; for what is not UTF-8; for too deep nesting."""


def decoded(decoder: msgspec.json.Decoder[_T], body: bytes, wrong: str) -> _T:
    """*body*, read by *decoder*. *wrong* tells an operator that it could not be: "not a ranking".

    Raises:
        UpstreamMalformed: it cannot be read.
    """
    try:
        return decoder.decode(body)
    except UNREADABLE as exc:
        raise UpstreamMalformed(f"{wrong}: {exc}", received=True) from exc
