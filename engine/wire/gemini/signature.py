"""Signatures of other protocols' reasoning, carried through Gemini's `thoughtSignature`.

A Gemini caller that is answered by another protocol's provider has no other place to keep that provider's signature; on
the next turn it sends back what it got in this field. Gemini itself must not see it: it refuses what it has not signed.
"""

from base64 import b64decode, b64encode

import msgspec

from engine import hub
from engine.wire.gemini.chunk import PROTOCOL

__all__ = ["MARK", "STAND_IN", "thinking", "thought_signature"]

MARK = b64encode(b"engine-signature::").decode()
"""How a wrapped signature begins. Its length in bytes is a multiple of three, so base64 leaves it recognisable. It has
only characters that are the same in base64's two alphabets, since callers may translate from one to the other."""

STAND_IN = "skip_thought_signature_validator"
"""The signature for a function call that Gemini did not make. Gemini 3 refuses a turn whose first call has none.

Source: https://ai.google.dev/gemini-api/docs/thought-signatures#faqs, read 2026-11.
"""


class _Wrapped(msgspec.Struct, omit_defaults=True):
    origin: str
    signature: str = ""
    redacted: str = ""
    id: str = ""


_WRAPPED = msgspec.json.Decoder(_Wrapped)
_ENCODER = msgspec.json.Encoder()


def thought_signature(signed: hub.Thinking | hub.ThinkingSigned) -> str:
    """The `thoughtSignature` that carries the signature of *signed*; empty where it has none."""
    if signed.origin in {"", PROTOCOL} and not (signed.redacted or signed.id):
        return signed.signature
    wrapped = _Wrapped(signed.origin, signed.signature, signed.redacted, signed.id)
    return MARK + b64encode(_ENCODER.encode(wrapped)).decode()


def thinking(text: str, signature: str) -> hub.Thinking:
    """The thought that a part has, with its *signature* unwrapped if it is another protocol's."""
    if not signature:
        return hub.Thinking(text=text)
    if signature.startswith(MARK):
        try:
            wrapped = _WRAPPED.decode(b64decode(signature[len(MARK) :].translate(_STANDARD) + "=="))
        except (ValueError, msgspec.DecodeError):
            return hub.Thinking(text=text)
        return hub.Thinking(
            text=text,
            signature=wrapped.signature,
            redacted=wrapped.redacted,
            origin=wrapped.origin,
            id=wrapped.id,
        )
    return hub.Thinking(text=text, signature=signature, origin=PROTOCOL)


_STANDARD = str.maketrans("-_", "+/")
