"""The hub's events → a stream of `chat.completion.chunk` that OpenAI's SDKs can put together again.

In the order that their accumulators want: the role, the deltas, one finish for each answer, usage if it was asked for,
`[DONE]`. Thoughts go out in both spellings that are in use, `reasoning_content` and `reasoning_details`.

Source: https://platform.openai.com/docs/api-reference/chat/streaming, read 2026-11.
"""

from typing import Any

import msgspec

from engine import hub
from engine.values import Usage
from engine.wire.openai_chat.annotations import write_annotation
from engine.wire.openai_chat.message import write_image
from engine.wire.openai_chat.reasoning import entries, write_signature
from engine.wire.openai_chat.reply import write_finish
from engine.wire.openai_chat.usage import write_usage

__all__ = ["Encoder"]

_ENCODE = msgspec.json.Encoder().encode


class _Written:
    """What has gone out of one of the answers."""

    __slots__ = ("calls", "finished", "images", "start", "thoughts")

    def __init__(self, start: bytes) -> None:
        self.start = start
        """What every chunk of this answer begins with, up to the delta."""
        self.calls: dict[int, bool] = {}
        """Number of a call that has begun → whether it is a custom tool's."""
        self.thoughts = 0
        """How many thoughts a signature has closed: the `index` of the next."""
        self.images = 0
        self.finished: hub.Finished | None = None


class Encoder:
    """One answer on its way out: `encode` each event, `close` at a clean end.

    *model* is written where the answer names none. Finishes wait for `close`, so that none comes before the last delta.
    After `Failed`, send `error.error_event` and do not close. Pictures and sound have a place; other media have none
    and are left out, as is what only another protocol knows.
    """

    __slots__ = ("_ask_usage", "_choices", "_head", "_model", "_tail", "_usage")

    def __init__(self, *, model: str, ask_usage: bool = False) -> None:
        self._model = model
        self._ask_usage = ask_usage
        self._choices: dict[int, _Written] = {}
        self._usage: Usage | None = None
        self._tail = b',"logprobs":null,"finish_reason":null}]' + self._no_usage()
        self._head = self._open(hub.Opened())

    def encode(self, event: hub.Event) -> bytes:  # noqa: C901, PLR0911, PLR0912 - one case for each kind of event
        """The bytes for *event*; b"" when nothing goes out (yet)."""
        match event:
            case hub.TextDelta():
                return self._text(event)
            case hub.ThinkingDelta():
                return self._think(event)
            case hub.CallDelta():
                return self._argue(event)
            case hub.CallOpened():
                return self._call(event)
            case hub.Opened():
                self._head = self._open(event)
            case hub.Metered():
                self._usage = event.usage
            case hub.Finished():
                begun = self._begin(event.choice)
                written = self._choices[event.choice]
                written.finished = written.finished or event
                return begun
            case hub.ThinkingSigned():
                return self._sign(event)
            case hub.RefusalDelta():
                return self._say(event.choice, {"refusal": event.text})
            case hub.Cited():
                return self._say(event.choice, {"annotations": [write_annotation(event.citation)]})
            case hub.LogProbs():
                begun = self._begin(event.choice)
                start = self._choices[event.choice].start
                logprobs = b'{},"logprobs":' + bytes(event.logprobs)
                return begun + start + logprobs + b',"finish_reason":null}]' + self._no_usage()
            case hub.MediaArrived():
                return self._media(event)
            case hub.Foreign() | hub.Failed():
                pass
        return b""

    def close(self) -> bytes:
        """The end of a clean stream: each answer's finish, the usage if it was asked for and is known, `[DONE]`."""
        begun = b"" if self._choices else self._begin(0, b'""')
        finishes = b"".join(self._finish(written) for written in self._choices.values())
        usage = b""
        if self._ask_usage and self._usage is not None:
            usage = self._head + b'],"usage":' + _ENCODE(write_usage(self._usage)) + b"}\n\n"
        return begun + finishes + usage + b"data: [DONE]\n\n"

    def _no_usage(self) -> bytes:
        """A chunk's end. Callers who asked for usage get `null` on every chunk but the last."""
        return b',"usage":null}\n\n' if self._ask_usage else b"}\n\n"

    def _open(self, opened: hub.Opened) -> bytes:
        head = {"id": opened.id, "object": "chat.completion.chunk", "created": opened.created or 0}
        return b"data: " + _ENCODE({**head, "model": opened.model or self._model})[:-1] + b',"choices":['

    def _begin(self, choice: int, content: bytes = b"null") -> bytes:
        """The chunk with the role, if *choice* has not begun yet; else b"".

        It holds nothing else: some readers lose text that comes in the same chunk.
        """
        if choice in self._choices:
            return b""
        start = self._head + b'{"index":%d,"delta":' % choice
        self._choices[choice] = _Written(start)
        return start + b'{"role":"assistant","content":' + content + b',"refusal":null}' + self._tail

    def _say(self, choice: int, delta: dict[str, Any]) -> bytes:
        begun = self._begin(choice)
        return begun + self._choices[choice].start + _ENCODE(delta) + self._tail

    def _text(self, event: hub.TextDelta) -> bytes:
        begun = self._begin(event.choice, b'""')
        delta = b'{"content":' + _ENCODE(event.text)
        if event.signature:
            delta += b',"extra_content":' + _ENCODE(write_signature(event.signature))
        return begun + self._choices[event.choice].start + delta + b"}" + self._tail

    def _think(self, event: hub.ThinkingDelta) -> bytes:
        begun = self._begin(event.choice)
        written = self._choices[event.choice]
        words = _ENCODE(event.text)
        detail = b'{"type":"reasoning.text","text":%b,"format":"unknown","index":%d}' % (words, written.thoughts)
        delta = b'{"reasoning_content":%b,"reasoning_details":[%b]}' % (words, detail)
        return begun + written.start + delta + self._tail

    def _sign(self, event: hub.ThinkingSigned) -> bytes:
        begun = self._begin(event.choice)
        written = self._choices[event.choice]
        thought = hub.Thinking(signature=event.signature, redacted=event.redacted, origin=event.origin, id=event.id)
        details = [{**entry, "index": written.thoughts} for entry in entries(thought)]
        written.thoughts += 1
        return begun + self._say(event.choice, {"reasoning_details": details})

    def _call(self, event: hub.CallOpened) -> bytes:
        begun = self._begin(event.choice)
        calls = self._choices[event.choice].calls
        if event.call in calls:
            return begun
        calls[event.call] = event.custom
        kind, text = ("custom", "input") if event.custom else ("function", "arguments")
        call: dict[str, Any] = {"index": event.call, "id": event.id, "type": kind, kind: {"name": event.name, text: ""}}
        if event.signature:
            call["extra_content"] = write_signature(event.signature)
        return begun + self._say(event.choice, {"tool_calls": [call]})

    def _argue(self, event: hub.CallDelta) -> bytes:
        written = self._choices.get(event.choice)
        custom = written.calls.get(event.call) if written else None
        if written is None or custom is None or not event.arguments:  # no such call has begun
            return b""
        delta = b'{"tool_calls":[{"index":%d,"custom":{"input":%b}}]}' if custom else _FUNCTION
        return written.start + delta % (event.call, _ENCODE(event.arguments)) + self._tail

    def _media(self, event: hub.MediaArrived) -> bytes:
        if event.media.kind == "audio" and event.media.data:
            return self._say(event.choice, {"audio": {"id": event.media.name, "data": event.media.data}})
        image = write_image(event.media)
        if image is None:
            return b""
        begun = self._begin(event.choice)
        written = self._choices[event.choice]
        written.images += 1
        return begun + self._say(event.choice, {"images": [{**image, "index": written.images - 1}]})

    def _finish(self, written: _Written) -> bytes:
        finished = written.finished
        word = write_finish(finished.finish if finished else None, has_calls=bool(written.calls))
        met = b""
        if finished and finished.stop_sequence:
            met = b',"stop_reason":' + _ENCODE(finished.stop_sequence)
        return written.start + b'{},"logprobs":null,"finish_reason":"%b"%b}]' % (word.encode(), met) + self._no_usage()


_FUNCTION = b'{"tool_calls":[{"index":%d,"function":{"arguments":%b}}]}'
