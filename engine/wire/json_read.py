"""What a provider sends, read as JSON: one answer, or one event of a stream.

Callers' bodies are read by `body`, where what is wrong is the caller's to mend.
"""

from typing import Final, TypeVar

import msgspec

from engine.errors import UpstreamMalformed

__all__ = ["UNREADABLE", "decoded"]

_T = TypeVar("_T")

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading JSON raises: it is none, or not of the shape asked for; not UTF-8; nested too deeply."""


def decoded(decoder: msgspec.json.Decoder[_T], body: bytes, wrong: str) -> _T:
    """What *body* is to *decoder*. *wrong* is how an operator is told that it is not: "not a ranking".

    Raises:
        UpstreamMalformed: it cannot be read.
    """
    try:
        return decoder.decode(body)
    except UNREADABLE as exc:
        raise UpstreamMalformed(f"{wrong}: {exc}", received=True) from exc
