"""Reasoning in messages and deltas ↔ the hub's `Thinking`.

Words come as `reasoning_content` (DeepSeek, xAI, Qwen, Moonshot, llama.cpp) or `reasoning` (Groq, Ollama, Cerebras,
OpenRouter); signatures and withheld reasoning come in OpenRouter's `reasoning_details`, whose `format` says who made
them. `<think>` inside a text stays text: nobody can tell it from an answer about tags.

Source: https://openrouter.ai/docs/use-cases/reasoning-tokens, https://ai.google.dev/gemini-api/docs/thought-signatures
(`extra_content`), read 2026-11.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from engine import hub

__all__ = [
    "Detail",
    "entries",
    "format_of",
    "is_seal",
    "read_details",
    "read_thoughts",
    "signature_in",
    "write_signature",
    "write_thoughts",
]

ORIGINS = {"anthropic-claude-v1": "anthropic", "google-gemini-v1": "gemini", "openai-responses-v1": "openai-responses"}
"""`format` → the protocol that can use the signature. A format that is not listed is its own origin."""
FORMATS = {origin: form for form, origin in ORIGINS.items()}
NO_FORMAT = "unknown"
"""OpenRouter's word for reasoning that carries no signature."""


class Detail(NamedTuple):
    """An entry of `reasoning_details`."""

    text: str = ""
    signature: str = ""
    redacted: str = ""
    origin: str = ""
    id: str = ""


def read_details(details: object) -> Iterator[Detail]:
    """The entries of `reasoning_details` that say something; malformed ones are passed over."""
    if not isinstance(details, list):
        return
    for entry in details:
        if not isinstance(entry, dict):
            continue
        detail = Detail(
            text=_text(entry.get("text")) or _text(entry.get("summary")),
            signature=_text(entry.get("signature")),
            redacted=_text(entry.get("data")),
            origin=_origin(entry.get("format")),
            id=_text(entry.get("id")),
        )
        if detail.text or detail.signature or detail.redacted:
            yield detail


def read_thoughts(words: str, details: Iterable[Detail]) -> list[hub.Part]:
    """The reasoning of a whole message. *words* count only where the details have none: both say the same."""
    details = list(details)
    if words and not any(detail.text for detail in details):
        details.insert(0, Detail(text=words))
    thoughts: list[hub.Part] = []
    for detail in details:
        last = thoughts[-1] if thoughts else None
        unsigned = isinstance(last, hub.Thinking) and not (last.signature or last.redacted)
        if unsigned and is_seal(detail):
            detail = detail._replace(signature=detail.redacted, redacted="")  # noqa: PLW2901 - the same, said as meant
        if unsigned and isinstance(last, hub.Thinking) and not detail.redacted:
            thoughts[-1] = _thinking(detail._replace(text=last.text + detail.text))
        else:
            thoughts.append(_thinking(detail))
    return thoughts


def is_seal(detail: Detail) -> bool:
    """Whether this is the encrypted reasoning that OpenAI's and xAI's Responses API send after a summary of it."""
    return bool(detail.redacted) and "responses" in detail.origin


def _thinking(detail: Detail) -> hub.Thinking:
    """*detail* as the hub has it. Its origin and id matter only if it is signed or withheld."""
    if not (detail.signature or detail.redacted):
        return hub.Thinking(text=detail.text)
    return hub.Thinking(**detail._asdict())


def write_thoughts(thoughts: Iterable[hub.Thinking]) -> dict[str, Any]:
    """The fields of a message for *thoughts*: the words, and details if anything is signed or withheld."""
    thoughts = list(thoughts)
    words = "".join(thought.text for thought in thoughts)
    fields: dict[str, Any] = {"reasoning_content": words} if words else {}
    if any(thought.signature or thought.redacted for thought in thoughts):
        written = (entry for thought in thoughts for entry in entries(thought))
        fields["reasoning_details"] = [{**entry, "index": index} for index, entry in enumerate(written)]
    return fields


def entries(thought: hub.Thinking) -> Iterator[dict[str, Any]]:
    """The entries of `reasoning_details` for one thought, without `index`."""
    same = {"format": format_of(thought.origin), **({"id": thought.id} if thought.id else {})}
    if thought.signature and "responses" in thought.origin:
        if thought.text:
            yield {"type": "reasoning.summary", "summary": thought.text, **same}
        yield {"type": "reasoning.encrypted", "data": thought.signature, **same}
    elif thought.text or thought.signature:
        signature = {"signature": thought.signature} if thought.signature else {}
        yield {"type": "reasoning.text", "text": thought.text, **signature, **same}
    if thought.redacted:
        yield {"type": "reasoning.encrypted", "data": thought.redacted, **same}


def format_of(origin: str) -> str:
    """The `format` for *origin*."""
    return FORMATS.get(origin, origin) or NO_FORMAT


def signature_in(extra_content: object) -> str:
    """Gemini's thought signature."""
    match extra_content:
        case {"google": {"thought_signature": str(signature)}}:
            return signature
    return ""


def write_signature(signature: str) -> dict[str, Any]:
    """The `extra_content` that carries Gemini's signature."""
    return {"google": {"thought_signature": signature}}


def _origin(form: object) -> str:
    return "" if form == NO_FORMAT else ORIGINS.get(_text(form), _text(form))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
