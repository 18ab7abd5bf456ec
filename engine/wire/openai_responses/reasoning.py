"""Reasoning items ↔ thoughts, and the signatures of other protocols that travel in them.

A caller of this protocol that is answered by another one has no other place to keep that provider's signatures, and
sends back on the next turn what stands here. No provider of this protocol must see them.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from engine import hub
from engine.wire.openai_responses import PROTOCOL
from engine.wire.openai_responses.content import foreign

__all__ = [
    "BETWEEN_PARTS",
    "INVENTED_REASONING",
    "NEXT_CALL",
    "SEAL",
    "claimed",
    "read_reasoning",
    "reasoning_item",
    "seal",
    "seal_call",
]

INVENTED_REASONING = "rs_engine_"
"""How the id of a reasoning item begins that we made up: the provider never saw it, so it is never sent there."""

SEAL = "engine:"
"""How `encrypted_content` begins that holds another protocol's signature: `engine:<origin>:<s or r>:<it>`, where `r`
is for reasoning that was withheld. So what Anthropic signed comes back signed with the conversation."""

NEXT_CALL = "next-call"
"""The origin of what is no thought but Gemini's signature of the tool call after it; calls have no field for it."""

BETWEEN_PARTS = "\n\n"
"""Between the paragraphs of a summary, which come as parts of their own."""


class _Words(msgspec.Struct):
    text: str | None = None


class _Reasoning(msgspec.Struct):
    id: str | None = None
    summary: list[_Words] | None = None
    content: list[_Words] | None = None
    encrypted_content: str | None = None


_REASONING = msgspec.json.Decoder(_Reasoning)


def read_reasoning(raw: msgspec.Raw) -> hub.Part:
    """A thought; one without words and seal is but a reference to what the provider keeps."""
    item = _REASONING.decode(raw)
    text = BETWEEN_PARTS.join(words.text for words in (*(item.content or ()), *(item.summary or ())) if words.text)
    name = item.id or ""
    invented = name.startswith(INVENTED_REASONING)
    if not text and not item.encrypted_content:
        return foreign("reasoning", raw)
    if not item.encrypted_content:
        return hub.Thinking(text=text) if invented else hub.Thinking(text=text, id=name, origin=PROTOCOL)
    name = "" if invented else name
    signature, redacted, origin = _unseal(item.encrypted_content, alone=not text)
    return hub.Thinking(text=text, signature=signature, redacted=redacted, origin=origin, id=name)


def _unseal(encrypted: str, *, alone: bool) -> tuple[str, str, str]:
    """Signature, withheld reasoning, and who made it. Beside words it is their signature; *alone* it is withheld."""
    if encrypted.startswith(SEAL) and encrypted.count(":") >= 3:
        _, origin, what, value = encrypted.split(":", 3)
        return (value, "", origin) if what == "s" else ("", value, origin)
    return ("", encrypted, PROTOCOL) if alone else (encrypted, "", PROTOCOL)


def seal(signature: str, redacted: str, origin: str, *, alone: bool) -> str | None:
    """What `encrypted_content` says; None for nothing. The inverse of what a reader makes of it."""
    value = signature or redacted
    if not value:
        return None
    natural = bool(redacted) == alone
    if origin == PROTOCOL and natural:
        return value
    return f"{SEAL}{origin}:{'s' if signature else 'r'}:{value}"


def seal_call(signature: str) -> str:
    """What `encrypted_content` says before a call that is signed."""
    return f"{SEAL}{NEXT_CALL}:s:{signature}"


def claimed(parts: Sequence[hub.Part]) -> tuple[hub.Part, ...]:
    """*parts* with the signatures that stood before calls in them."""
    kept: list[hub.Part] = []
    signature = ""
    for part in parts:
        if isinstance(part, hub.Thinking) and part.origin == NEXT_CALL:
            signature = part.signature
        elif isinstance(part, hub.ToolCall) and signature:
            kept.append(msgspec.structs.replace(part, signature=signature))
            signature = ""
        else:
            kept.append(part)
    return tuple(kept)


def reasoning_item(*, id: str, text: str, encrypted: str | None) -> dict[str, Any]:  # noqa: A002 - the protocol's word
    """A thought as an item."""
    summary = [{"type": "summary_text", "text": text}] if text else []
    item: dict[str, Any] = {"id": id, "type": "reasoning", "summary": summary}
    if encrypted is not None:
        item["encrypted_content"] = encrypted
    return item
