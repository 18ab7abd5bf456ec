"""The recorded traffic, where it lies beside the repository: one case is a request, its answer, and what that says."""

import base64
import json
import lzma
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from engine.wire.eventstream import encode
from tests.corpus.read import events_of

FOLDER = Path(__file__).parents[3] / "shared" / "corpus"
EXCLUDED = Path(__file__).with_name("excluded.json")

PROTOCOLS: Mapping[str, str] = {
    "chat": "openai",
    "responses": "openai-responses",
    "messages": "anthropic",
    "raw_predict": "anthropic",
    "stream_raw_predict": "anthropic",
    "generate": "gemini",
    "stream_generate": "gemini",
    "converse": "bedrock",
    "converse_stream": "bedrock",
    "cohere_chat": "cohere",
    "ollama_chat": "ollama",
}
"""Endpoint → the protocol that a provider of it speaks. What is not named here is no conversation."""

SURFACES: Mapping[str, str] = {
    "openai": "chat",
    "azure": "chat",
    "openai-responses": "responses",
    "anthropic": "messages",
    "gemini": "generate",
    "vertex": "generate",
}
"""Protocol → the surface that callers of the same protocol use."""

KEPT_HEADERS = frozenset({"retry-after", "x-amzn-errortype", "x-request-id", "request-id"})
"""Those of an answer's headers that may mean something."""


@dataclass(frozen=True)
class Case:
    """One recorded exchange."""

    record: Mapping[str, Any] = field(repr=False)

    @property
    def id(self) -> str:
        """Unique in the whole folder."""
        return str(self.record["id"])

    @property
    def group(self) -> str:
        """`provider/endpoint`, which is its file."""
        return f"{self.record['provider']}/{self.record['endpoint']}"

    @property
    def protocol(self) -> str:
        """What the provider speaks, in the word of `providers.d`."""
        match self.group:
            case "azure/chat":
                return "azure"
            case "vertex/generate" | "vertex/stream_generate":
                return "vertex"
            case "writer/cohere_chat":  # OpenAI's format, only filed there
                return "openai"
        return PROTOCOLS[self.record["endpoint"]]

    @property
    def surface(self) -> str:
        """The surface whose protocol it is; empty where no caller can speak it."""
        return SURFACES.get(self.protocol, "")

    @property
    def status(self) -> int:
        """What the provider answered with."""
        return int(self.record["status"] or 200)

    @property
    def request(self) -> dict[str, Any] | None:
        """The body that was sent; None where it is not known."""
        body = self.record.get("request_body")
        return body if isinstance(body, dict) else None

    @property
    def truth(self) -> Mapping[str, Any] | None:
        """What the provider said, as it was extracted independently."""
        return self.record.get("truth")

    @cached_property
    def is_stream(self) -> bool:
        """Whether the answer is one that a stream was asked for."""
        if "sse_text" in self.record or "eventstream" in self.record:
            return True
        if self.record["endpoint"] == "ollama_chat":
            return len(self.body.splitlines()) > 1
        return self.record["endpoint"] in {"stream_generate", "converse_stream", "stream_raw_predict"}

    @cached_property
    def body(self) -> bytes:
        """The answer's bytes; events of which only the content was kept are put into frames again."""
        if "response_b64" in self.record:
            return base64.b64decode(self.record["response_b64"])
        if "sse_text" not in self.record:
            return str(self.record.get("response_body") or "").encode("utf-8", "surrogateescape")
        text = str(self.record["sse_text"]).encode("utf-8", "surrogateescape")
        if self.protocol != "bedrock":
            return text
        told = (json.loads(data) for _, data in events_of(text))
        return b"".join(_framed(name, payload) for event in told for name, payload in event.items())

    @property
    def content_type(self) -> str:
        """Of the answer."""
        if self.status == 200 and self.is_stream:
            kinds = {"bedrock": "application/vnd.amazon.eventstream", "ollama": "application/x-ndjson"}
            plain = "response_body" in self.record and self.protocol != "ollama"
            return "application/json" if plain else kinds.get(self.protocol, "text/event-stream")
        return "application/json"

    @property
    def headers(self) -> dict[str, str]:
        """What goes out before the body."""
        recorded: Mapping[str, str] = self.record.get("response_headers") or {}
        kept = {name.lower(): value for name, value in recorded.items() if name.lower() in KEPT_HEADERS}
        return {name: value for name, value in kept.items() if value.isascii()} | {"content-type": self.content_type}


def _framed(name: str, payload: object) -> bytes:
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return encode(headers, json.dumps(payload, ensure_ascii=False).encode())


def cases(folder: Path = FOLDER) -> Iterator[Case]:
    """Every conversation that was recorded, in the order of the files.

    Version 1 of Cohere's API is left out: it is another protocol, and not one that the gateway speaks.
    """
    for path in sorted(folder.glob("*/*.jsonl.xz")):
        if path.name.partition(".")[0] not in PROTOCOLS or path.parent.name == "golden":
            continue
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            for record in map(json.loads, lines):
                if not (path.parent.name == "cohere" and "/v1/" in (record.get("url") or "")):
                    yield Case(record)


def excluded() -> Mapping[str, str]:
    """Cases that cannot hold: id → why."""
    reasons: dict[str, str] = json.loads(EXCLUDED.read_text(encoding="utf-8"))
    return reasons
