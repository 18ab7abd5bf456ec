"""How a caller asks for a case: a simple request of each surface, or the one that was recorded."""

import json
from typing import Any, NamedTuple

from tests.corpus.cases import Case

SURFACES = ("chat", "messages", "responses", "generate")
PROMPT = "Say what you have to say."

NOT_SENT = frozenset({"stream", "provider"})
"""Whether to stream follows from the answer; OpenRouter's `provider` would be a wish for providers of that name."""


class Ask(NamedTuple):
    """A request to the gateway, and how its answer is to be understood."""

    case: Case
    surface: str
    path: str
    body: bytes
    asks_usage: bool
    """Whether OpenAI's usage chunk is wanted; of use on the surface chat."""

    @property
    def is_native(self) -> bool:
        """The surface speaks the provider's own protocol."""
        return self.surface == self.case.surface


def ask(case: Case, surface: str) -> Ask:
    """What a caller on *surface* sends for *case*: the request that was recorded where it is of that surface."""
    model = f"{case.protocol}/case-{case.id}"
    own = case.request if surface == case.surface else None
    body = _recorded(own, case) if own is not None else _simple(surface, case)
    if surface == "generate":
        verb = "streamGenerateContent?alt=sse" if case.is_stream else "generateContent"
        path = f"/v1beta/models/{model}:{verb}"
    else:
        path = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}[surface]
        body["model"] = model
    options = body.get("stream_options")
    asks_usage = isinstance(options, dict) and bool(options.get("include_usage"))
    sent = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return Ask(case, surface, path, sent, asks_usage)


def _simple(surface: str, case: Case) -> dict[str, Any]:
    turn = {"role": "user", "content": PROMPT}
    match surface:
        case "chat":
            streamed: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
            return {"messages": [turn], **(streamed if case.is_stream else {})}
        case "messages":
            return {"messages": [turn], "max_tokens": 1000, "stream": case.is_stream}
        case "responses":
            return {"input": PROMPT, "stream": case.is_stream}
    return {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]}


def _recorded(body: dict[str, Any], case: Case) -> dict[str, Any]:
    """The recorded request, asking for the kind of answer that was recorded."""
    if case.surface == "generate":
        return dict(body)
    kept = {name: value for name, value in body.items() if name not in NOT_SENT}
    return kept | ({"stream": True} if case.is_stream else {})
