"""Streams of Ollama's chat on their way out: events → lines of JSON."""

from typing import Any

import msgspec

from engine import hub
from engine.values import Usage
from engine.wire.classing import read_json
from engine.wire.ollama.messages import is_object
from engine.wire.ollama.reply import created_at, word_of
from engine.wire.ollama.usage import encode_usage

__all__ = ["Encoder"]

_ENCODER = msgspec.json.Encoder()


class Encoder:
    """The events of one answer on their way out: `encode` each, then `close`. Of several choices the first is written.

    *model* is the caller's name for the model. Ollama's arguments are objects, so a call goes out whole: calls are held
    until the end.
    """

    __slots__ = ("_calls", "_ended", "_finish", "_head", "_model", "_usage")

    def __init__(self, *, model: str) -> None:
        self._model = model
        self._head = self._headed(None)
        self._calls: dict[int, tuple[hub.CallOpened, list[str]]] = {}
        self._finish: hub.Finished | None = None
        self._usage: Usage | None = None
        self._ended = False

    def encode(self, event: hub.Event) -> bytes:  # noqa: C901 - one case for each kind of event
        """The bytes that go out for *event*, b"" for none."""
        if self._ended or _choice(event):
            return b""
        match event:
            case hub.TextDelta() | hub.RefusalDelta():
                return self._head + b'"content":' + _ENCODER.encode(event.text) + b'},"done":false}\n'
            case hub.ThinkingDelta():
                return self._head + b'"content":"","thinking":' + _ENCODER.encode(event.text) + b'},"done":false}\n'
            case hub.CallOpened():
                self._calls[event.call] = (event, [])
            case hub.CallDelta() if event.call in self._calls:
                self._calls[event.call][1].append(event.arguments)
            case hub.LogProbs():
                return self._logprobs(event.logprobs)
            case hub.Opened():
                self._head = self._headed(event.created)
            case hub.Finished():
                self._finish = event
            case hub.Metered():
                self._usage = event.usage
            case hub.Failed():
                self._ended = True
                return _ENCODER.encode({"error": event.outcome.message}) + b"\n"
            case _:  # signatures, citations, media and foreign content have no line
                pass
        return b""

    def close(self) -> bytes:
        """The end of a clean stream: the calls, then the line that says `done`; b"" if it has failed."""
        if self._ended:
            return b""
        self._ended = True
        out = b""
        if self._calls:
            calls = [_call(opened, "".join(arguments)) for opened, arguments in self._calls.values()]
            out = self._head + b'"content":"","tool_calls":' + _ENCODER.encode(calls) + b'},"done":false}\n'
        last: dict[str, Any] = {"done": True, "done_reason": word_of(self._finish.finish if self._finish else None)}
        if self._usage is not None:
            last |= encode_usage(self._usage)
        return out + self._head + b'"content":""},' + _ENCODER.encode(last)[1:] + b"\n"

    def _logprobs(self, logprobs: hub.Json) -> bytes:
        said = read_json(logprobs)
        if not isinstance(said, dict) or not said.get("content"):
            return b""
        return self._head + b'"content":""},"logprobs":' + _ENCODER.encode(said["content"]) + b',"done":false}\n'

    def _headed(self, created: int | None) -> bytes:
        """What every line begins with, up to the inside of its message."""
        said = {"model": self._model, "created_at": created_at(created)}
        return _ENCODER.encode(said)[:-1] + b',"message":{"role":"assistant",'


def _call(opened: hub.CallOpened, arguments: str) -> dict[str, Any]:
    return {"id": opened.id, "function": {"name": opened.name, "arguments": _object(arguments or "{}")}}


def _object(arguments: str) -> Any:
    """The arguments as an object on one line; if they are none, such as a custom tool's text, as its only entry."""
    if not is_object(arguments):
        return {"input": arguments}
    return hub.Json(arguments.replace("\n", " ").replace("\r", " "))  # inside a JSON string there can be none


def _choice(event: hub.Event) -> int:
    """Index of the answer that *event* belongs to; one that is about all, or does not say, belongs to the first."""
    return 0 if isinstance(event, hub.Opened | hub.Metered | hub.Failed | hub.Foreign) else event.choice
