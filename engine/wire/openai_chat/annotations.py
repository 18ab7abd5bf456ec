"""`annotations` of a message or a delta ↔ the hub's citations.

Source: https://platform.openai.com/docs/guides/tools-web-search (chat completions), read 2026-11.
"""

from typing import Any

import msgspec

from engine import hub
from engine.wire.openai_chat import PROTOCOL

__all__ = ["citations", "write_annotation"]

_ENCODER = msgspec.json.Encoder()


def citations(annotations: object) -> tuple[hub.Citation, ...]:
    """What `annotations` cite. OpenRouter writes 0 to 0 where it has no place, so that is read as none."""
    if not isinstance(annotations, list):
        return ()
    return tuple(_citation(entry) for entry in annotations if isinstance(entry, dict))


def _citation(entry: dict[str, Any]) -> hub.Citation:
    match entry:
        case {"type": "url_citation", "url_citation": {"url": str(url), **more}}:
            title, quote = more.get("title"), more.get("content")
            start, end = _place(more.get("start_index"), more.get("end_index"))
            return hub.Citation(
                url=url,
                title=title if isinstance(title, str) else "",
                quote=quote if isinstance(quote, str) else "",
                start=start,
                end=end,
            )
    kind = entry.get("type")
    raw = msgspec.Raw(_ENCODER.encode(entry))
    return hub.Citation(foreign=hub.Foreign(protocol=PROTOCOL, kind=kind if isinstance(kind, str) else "", raw=raw))


def _place(start: object, end: object) -> tuple[int | None, int | None]:
    return (start, end) if isinstance(start, int) and isinstance(end, int) and end > 0 else (None, None)


def write_annotation(citation: hub.Citation) -> Any:
    """An entry of `annotations`; without a place it is 0 to 0, since OpenAI's SDK wants numbers."""
    if citation.foreign is not None and citation.foreign.protocol == PROTOCOL:
        return citation.foreign.raw
    said = {"url": citation.url, "title": citation.title, "start_index": citation.start or 0}
    quote = {"content": citation.quote} if citation.quote else {}
    return {"type": "url_citation", "url_citation": {**said, "end_index": citation.end or 0, **quote}}
