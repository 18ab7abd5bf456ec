"""Signatures of other protocols' reasoning, carried through Gemini's `thoughtSignature`.

A Gemini caller that is answered by another protocol's provider has no other place to keep that provider's signature,
and sends back on the next turn what stands here. Gemini itself must not see it: it refuses what it has not signed.
"""

from base64 import b64decode, b64encode

import msgspec

from engine import hub
from engine.wire.gemini.chunk import PROTOCOL

__all__ = ["MARK", "STAND_IN", "thinking", "thought_signature"]

MARK = b64encode(b"engine-signature::").decode()
"""How a wrapped signature begins. Its length in bytes is a multiple of three, so base64 leaves it recognisable; it has
no character that differs between base64's two alphabets, between which callers translate."""

STAND_IN = "skip_thought_signature_validator"
"""What a function call is signed with that Gemini did not make. Gemini 3 refuses a turn whose first call has none.

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
    """The `thoughtSignature` that carries what *signed* is signed with; empty where it is not signed."""
    if signed.origin in {"", PROTOCOL} and not (signed.redacted or signed.id):
        return signed.signature
    wrapped = _Wrapped(signed.origin, signed.signature, signed.redacted, signed.id)
    return MARK + b64encode(_ENCODER.encode(wrapped)).decode()


def thinking(text: str, signature: str) -> hub.Thinking:
    """The thought that a part says, its *signature* unwrapped where it is another protocol's."""
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
