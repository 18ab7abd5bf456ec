"""Events → Gemini's stream: server-sent events, or one JSON array where the caller did not ask for `alt=sse`.

In Gemini function calls come whole, so a call waits until its arguments are complete. The chunk with the finish reason
is the last one and carries the usage, so both wait for the end.
"""

from typing import Any, assert_never

import msgspec

from engine import hub
from engine.values import Usage
from engine.wire.gemini import finish
from engine.wire.gemini.chunk import PROTOCOL
from engine.wire.gemini.grounding import KEPT, grounding_of
from engine.wire.gemini.logprobs import write_logprobs
from engine.wire.gemini.media import write_media
from engine.wire.gemini.parts import args_of, on_one_line
from engine.wire.gemini.signature import thought_signature
from engine.wire.gemini.usage import write_usage

__all__ = ["Encoder"]

_ENCODER = msgspec.json.Encoder()
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Call(msgspec.Struct):
    """A call whose arguments are still coming."""

    id: str
    name: str
    signature: str
    arguments: list[str]


class _Choice(msgspec.Struct):
    """One of the answers while it is written."""

    index: int
    calls: dict[int, _Call] = {}
    has_calls: bool = False
    finished: hub.Finished | None = None
    texts: list[str] = []
    """The answer's text, for citations that count it in bytes."""
    cited: list[hub.Citation] = []
    has_sources: bool = False
    """Whether Gemini's own account of the sources has gone out."""


class Encoder:
    """One answer on its way out. What `encode` returns goes out at once; `close` ends it.

    *model* is written where the answer names none.
    """

    __slots__ = ("_array", "_begun", "_choices", "_end", "_id", "_model", "_tail", "_usage")

    def __init__(self, *, model: str, array: bool = False) -> None:
        self._model = model
        self._array = array
        self._id = ""
        self._begun = False
        self._choices: dict[int, _Choice] = {}
        self._usage: Usage | None = None
        self._tail: dict[int, bytes] = {}
        """Choice → what ends its chunks of one part."""
        self._end = b"}" if array else b"}\r\n\r\n"

    def encode(self, event: hub.Event) -> bytes:  # noqa: C901, PLR0911, PLR0912 - one line for each kind of event
        """What goes out for *event*; b"" for nothing yet."""
        match event:
            case hub.TextDelta():
                return self._text(event)
            case hub.ThinkingDelta():
                return self._part(event.choice, {"text": event.text, "thought": True}) if event.text else b""
            case hub.CallDelta():
                self._argue(event)
                return b""
            case hub.CallOpened():
                return self._open(event)
            case hub.ThinkingSigned():
                signature = thought_signature(event)
                return self._part(event.choice, {"text": "", "thought": True, "thoughtSignature": signature})
            case hub.RefusalDelta():
                return self._part(event.choice, {"text": event.text}) if event.text else b""
            case hub.MediaArrived():
                return self._part(event.choice, write_media(event.media, guess=True))
            case hub.LogProbs():
                return self._logprobs(event)
            case hub.Foreign():
                return self._foreign(event)
            case hub.Cited():
                self._choice(event.choice).cited.append(event.citation)
            case hub.Opened():
                self._id = event.id
                self._model = event.model or self._model
            case hub.Finished():
                self._choice(event.choice).finished = event
            case hub.Metered():
                self._usage = event.usage
            case hub.Failed():
                return b""
            case _:
                assert_never(event)
        return b""

    def close(self) -> bytes:
        """The calls that were still waiting, and the last chunk: why each candidate ended, and the usage."""
        if not self._choices:
            self._choice(0)
        parts = b"".join(self._flush(choice) for choice in self._choices.values())
        last: dict[str, Any] = {"candidates": [self._ended(choice) for choice in self._choices.values()]}
        if self._usage is not None:
            last["usageMetadata"] = write_usage(self._usage)
        last["modelVersion"] = self._model
        last["responseId"] = self._id
        return parts + self._chunk(_ENCODER.encode(last)[:-1]) + (b"]" if self._array else b"")

    def _ended(self, choice: _Choice) -> dict[str, Any]:
        """The candidate for the last chunk. If nobody said why it ended, it came to a clean end: `STOP`."""
        finished = choice.finished or hub.Finished(finish=hub.Finish.STOP)
        word = finish.written(finished.finish, finished.finish_raw, has_calls=choice.has_calls)
        content: dict[str, Any] = {"parts": [], "role": "model"}
        ended: dict[str, Any] = {"content": content, "finishReason": word, "index": choice.index}
        if choice.cited and not choice.has_sources:
            ended["groundingMetadata"] = grounding_of(choice.cited, "".join(choice.texts))
        return ended

    def _choice(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice(index=index)
        return choice

    def _text(self, event: hub.TextDelta) -> bytes:
        choice = self._choice(event.choice)
        waiting = self._whole_calls(choice) if choice.calls else b""
        choice.texts.append(event.text)
        if event.signature:
            return waiting + self._part(event.choice, {"text": event.text, "thoughtSignature": event.signature})
        if not event.text:
            return waiting
        return waiting + self._one(event.choice, b'{"text":' + _ENCODER.encode(event.text) + b"}")

    def _part(self, index: int, part: object) -> bytes:
        choice = self._choice(index)
        waiting = self._whole_calls(choice) if choice.calls else b""
        return waiting + self._one(index, _ENCODER.encode(part))

    def _one(self, index: int, part: bytes) -> bytes:
        """A chunk with one part."""
        tail = self._tail.get(index)
        if tail is None:
            about = _ENCODER.encode({"modelVersion": self._model, "responseId": self._id})[1:-1]
            tail = self._tail[index] = b'],"role":"model"},"index":%d}],%s' % (index, about)
        return self._chunk(b'{"candidates":[{"content":{"parts":[' + on_one_line(part) + tail)

    def _chunk(self, opened: bytes) -> bytes:
        """A chunk, framed; *opened* is its JSON without the closing brace."""
        if not self._array:
            return b"data: " + opened + self._end
        before = b",\r\n" if self._begun else b"["
        self._begun = True
        return before + opened + self._end

    def _open(self, event: hub.CallOpened) -> bytes:
        choice = self._choice(event.choice)
        waiting = self._whole_calls(choice)
        choice.has_calls = True
        choice.calls[event.call] = _Call(event.id, event.name, event.signature, [])
        return waiting

    def _argue(self, event: hub.CallDelta) -> None:
        call = self._choice(event.choice).calls.get(event.call)
        if call is not None:
            call.arguments.append(event.arguments)

    def _whole_calls(self, choice: _Choice) -> bytes:
        """The waiting calls, oldest first, up to the first whose arguments are not whole. Whole ones cannot grow."""
        out = b""
        for number, call in list(choice.calls.items()):
            arguments = "".join(call.arguments)
            if not (arguments.strip() and _is_object(arguments)):
                break
            out += self._one(choice.index, _written(call, arguments))
            del choice.calls[number]
        return out

    def _flush(self, choice: _Choice) -> bytes:
        calls, choice.calls = choice.calls, {}
        return b"".join(self._one(choice.index, _written(call, "".join(call.arguments))) for call in calls.values())

    def _logprobs(self, event: hub.LogProbs) -> bytes:
        result = write_logprobs(event.logprobs)
        if result is None:
            return b""
        return self._about({"index": event.choice, "logprobsResult": result})

    def _about(self, candidate: dict[str, Any]) -> bytes:
        """A chunk with something about a candidate, but without parts."""
        told = {"candidates": [candidate], "modelVersion": self._model, "responseId": self._id}
        return self._chunk(on_one_line(_ENCODER.encode(told))[:-1])

    def _foreign(self, event: hub.Foreign) -> bytes:
        if event.protocol != PROTOCOL:
            return b""
        if event.kind in KEPT:
            self._choice(0).has_sources = True
            return self._about({"index": 0, **_FIELDS.decode(event.raw)})
        return self._part(0, event.raw)


def _is_object(arguments: str) -> bool:
    try:
        _FIELDS.decode(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def _written(call: _Call, arguments: str) -> bytes:
    part: dict[str, Any] = {"functionCall": {"id": call.id, "name": call.name, "args": args_of(arguments)}}
    if call.signature:
        part["thoughtSignature"] = call.signature
    return _ENCODER.encode(part)
