"""Converse's content blocks, written. `parts` reads them.

Blank text is left out, since Converse refuses it; so is reasoning that the model has not signed.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any, assert_never

import msgspec

from engine import hub
from engine.errors import BadRequest
from engine.wire.bedrock import PROTOCOL, media

__all__ = ["Blocks", "Json", "cache_point", "tool_arguments", "tool_id"]

Json = dict[str, Any]
"""A JSON object, ready to be encoded."""

SIGNERS = {PROTOCOL, "anthropic", ""}
"""Origins of the signatures that are good here: Anthropic's are the same at Bedrock.

Source: Anthropic's documentation, "Extended thinking", signatures are compatible across platforms, 2026-11.
"""

_CACHING = {"anthropic", "nova", ""}
_WITH_STATUS = {"anthropic", "nova", ""}
"""Makers whose models take cache points (`_CACHING`) and a result's status; empty stands for an unknown maker.

Source: Bedrock's user guide, "Prompt caching", and API reference, "ToolResultBlock", 2026-11.
"""

_TOOL_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
"""Source: Bedrock's API reference, "ToolUseBlock", 2026-11."""

MOST_NAME_CHARACTERS = 200
_NAME = re.compile(r"[^0-9A-Za-z\s()\[\]-]+")
"""What a document's name must not contain. Source: Bedrock's API reference, "DocumentBlock", 2026-11."""

_CACHE_CONTROL = msgspec.json.Decoder(dict[str, Any])
_ARGUMENTS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Blocks:
    """Writes the content of one request. `dropped` names what was left out, in order, once each."""

    def __init__(self, maker: str) -> None:
        self._caches = maker in _CACHING
        self._has_status = maker in _WITH_STATUS
        self._names: set[str] = set()
        self.dropped: dict[str, None] = {}

    def content(self, parts: Iterable[hub.Part]) -> list[Any]:
        """The blocks of a message.

        Raises:
            BadRequest: Converse does not take some media, for their kind or for where they are.
        """
        return [block for part in parts for block in self._with_cache(part)]

    def cached(self, cache: hub.Json | None) -> list[Json]:
        """The cache point to put after what is to be cached; empty where there is none."""
        point = cache_point(cache) if cache is not None and self._caches else None
        return [{"cachePoint": point}] if point else []

    def _with_cache(self, part: hub.Part) -> Iterator[Any]:
        blocks = self._blocks(part)
        yield from blocks
        if blocks and isinstance(part, hub.Text | hub.Media | hub.ToolCall | hub.ToolResult):
            yield from self.cached(part.cache)

    def _blocks(self, part: hub.Part) -> list[Any]:  # noqa: PLR0911 - one for each kind of part
        match part:
            case hub.Text():
                return _text(part)
            case hub.Refusal():
                return _text(hub.Text(text=part.text))
            case hub.Media():
                return [self._media(part)]
            case hub.Thinking():
                return _thinking(part)
            case hub.ToolCall():
                use = {"toolUseId": tool_id(part.id), "name": part.name, "input": tool_arguments(part.arguments)}
                return [{"toolUse": use}]
            case hub.ToolResult():
                return [{"toolResult": self._result(part)}]
            case hub.Foreign():
                return self._foreign(part)
            case _:
                assert_never(part)

    def _media(self, part: hub.Media) -> Json:
        kind = media.kind_of(part)
        source = media.write_source(part)  # first: if both are refused, where it is matters more to the caller
        block: Json = {"format": media.format_of(part, kind), "source": source}
        if kind == "document":
            block["name"] = self._name(part.name)
        return {kind: block}

    def _name(self, wanted: str) -> str:
        """A name for a document, which Converse demands: in the characters it allows, and unique in the request."""
        stem = " ".join(_NAME.sub("-", wanted).split())[: MOST_NAME_CHARACTERS - 8] or "document"
        name, count = stem, 1
        while name in self._names:
            count += 1
            name = f"{stem} {count}"
        self._names.add(name)
        return name

    def _result(self, part: hub.ToolResult) -> Json:
        content = [block for inner in part.parts for block in self._blocks(inner)]
        result: Json = {"toolUseId": tool_id(part.call_id), "content": content}
        if part.is_error and self._has_status:
            result["status"] = "error"
        elif part.is_error:
            self.dropped["is_error"] = None
        return result

    def _foreign(self, part: hub.Foreign) -> list[Any]:
        if part.protocol == PROTOCOL:
            return [part.raw]
        self.dropped[part.kind] = None
        return []


def _text(part: hub.Text) -> list[Any]:
    if not part.text.strip():
        return []
    cited = [each.foreign.raw for each in part.citations if each.foreign and each.foreign.protocol == PROTOCOL]
    if cited:
        return [{"citationsContent": {"content": [{"text": part.text}], "citations": cited}}]
    return [{"text": part.text}]


def _thinking(part: hub.Thinking) -> list[Any]:
    if part.origin not in SIGNERS:
        return []
    if part.redacted:
        return [{"reasoningContent": {"redactedContent": base64.b64encode(part.redacted.encode()).decode()}}]
    if not part.signature:
        return []
    return [{"reasoningContent": {"reasoningText": {"text": part.text, "signature": part.signature}}}]


def cache_point(cache: hub.Json) -> Json | None:
    """The cache point that says the same as Anthropic's `cache_control`; None if that cannot be read."""
    try:
        control = _CACHE_CONTROL.decode(cache)
    except msgspec.DecodeError:
        return None
    ttl = control.get("ttl")
    return {"type": "default"} | ({"ttl": ttl} if ttl in {"5m", "1h"} else {})


def tool_id(call_id: str) -> str:
    """*call_id*, or an id derived from it if Converse refuses its characters or its length."""
    if _TOOL_ID.fullmatch(call_id):
        return call_id
    return f"call_{hashlib.sha256(call_id.encode()).hexdigest()[:32]}"


def tool_arguments(arguments: str) -> Any:
    """The call's arguments as a JSON object; a custom tool's text, or a model's broken JSON, goes under `input`."""
    if not arguments.strip():
        return {}
    try:
        _ARGUMENTS.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return {"input": arguments}
    return msgspec.Raw(arguments.encode())


def not_supported(what: str, param: str) -> BadRequest:
    """The refusal of content that Converse cannot carry to a model."""
    return BadRequest(f"{what} cannot be sent by protocol bedrock", code="content_not_supported", param=param)
