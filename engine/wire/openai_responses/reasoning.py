"""Reasoning items ↔ thoughts, and the signatures of other protocols that travel in them.

A caller of this protocol that is answered by another protocol's provider has no other place to keep that provider's
signatures; on the next turn it sends back what it got in these items. No provider of this protocol must see them.
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
"""How the ids of reasoning items begin that we made up: no provider has seen them, so none is ever sent one."""

SEAL = "engine:"
"""How `encrypted_content` begins where it holds another protocol's signature: `engine:<origin>:<s or r>:<value>`, where
`r` means reasoning that was withheld. So what Anthropic signed comes back signed with the conversation."""

NEXT_CALL = "next-call"
"""The origin that marks no thought but Gemini's signature of the next tool call, since calls have no field for it."""

BETWEEN_PARTS = "\n\n"
"""Put between the paragraphs of a summary, which come as parts of their own."""


class _Words(msgspec.Struct):
    text: str | None = None


class _Reasoning(msgspec.Struct):
    id: str | None = None
    summary: list[_Words] | None = None
    content: list[_Words] | None = None
    encrypted_content: str | None = None


_REASONING = msgspec.json.Decoder(_Reasoning)


def read_reasoning(raw: msgspec.Raw) -> hub.Part:
    """The thought; foreign without words and encrypted content: then it only refers to what the provider keeps."""
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
    """Signature, withheld reasoning, origin. What we did not seal is a signature beside words, and *alone* withheld."""
    if encrypted.startswith(SEAL) and encrypted.count(":") >= 3:
        _, origin, what, value = encrypted.split(":", 3)
        return (value, "", origin) if what == "s" else ("", value, origin)
    return ("", encrypted, PROTOCOL) if alone else (encrypted, "", PROTOCOL)


def seal(signature: str, redacted: str, origin: str, *, alone: bool) -> str | None:
    """The `encrypted_content`, from which `_unseal` recovers the arguments; None for nothing."""
    value = signature or redacted
    if not value:
        return None
    natural = bool(redacted) == alone
    if origin == PROTOCOL and natural:
        return value
    return f"{SEAL}{origin}:{'s' if signature else 'r'}:{value}"


def seal_call(signature: str) -> str:
    """The `encrypted_content` of the item before a signed call."""
    return f"{SEAL}{NEXT_CALL}:s:{signature}"


def claimed(parts: Sequence[hub.Part]) -> tuple[hub.Part, ...]:
    """*parts* with each signature that came before a call put into that call."""
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
