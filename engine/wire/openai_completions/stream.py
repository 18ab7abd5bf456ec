"""Streams of text completions: bytes → events, and back.

Source: platform.openai.com/docs/api-reference/completions/create, "stream", read 2026-11. Finish, usage and `[DONE]`
come as in OpenAI's chat, and look-alikes keep to their order as little as there.
"""

from contextlib import suppress
from typing import Any

import msgspec

from engine import hub
from engine.errors import OutcomeKind, UpstreamFault, UpstreamMalformed, UpstreamReset
from engine.values import Outcome, Usage
from engine.wire import sse
from engine.wire.json_read import decoded
from engine.wire.openai_chat.usage import read_usage, write_usage
from engine.wire.openai_completions.error import outcome_of, read_reply_error
from engine.wire.openai_completions.logprobs import decode_logprobs, encode_logprobs
from engine.wire.openai_completions.reply import Choice, Completion, finish_of, word_of

__all__ = ["Decoder", "Encoder"]


MOST_UNREAD_BYTES = 64 * 1024
"""How much is kept of a body in which no event has come, to tell an error in plain JSON from a stream cut short."""

_CHUNK = msgspec.json.Decoder(Completion)
_ENCODER = msgspec.json.Encoder()


class Decoder:
    """One answer on its way in. Feed it every read, `close` it at the end of the body.

    If the provider fails, or its bytes are not of the protocol, `Failed` is the last event.
    """

    __slots__ = ("_blocks", "_failed", "_finished", "_opened", "_out", "_unread", "done")

    def __init__(self) -> None:
        self._blocks = sse.EventBlocks()
        self._out: list[hub.Event] = []
        self._unread = b""
        self._opened = False
        self._failed = False
        self._finished: set[int] = set()
        """Choices whose finish has been told: some providers send it twice."""
        self.done = False
        """`[DONE]` or a failure has been seen: nothing that comes after it counts."""

    def feed(self, data: bytes) -> list[hub.Event]:
        """The events that *data* completes."""
        if self.done:
            return []
        try:
            block = self._blocks.feed(data)
            if block:
                self._read(block)
        except UpstreamFault as fault:
            self._fail(Outcome(kind=OutcomeKind.MALFORMED, status=200, message=fault.detail, received=True))
        return self._taken()

    def close(self) -> list[hub.Event]:
        """The last events, after the provider has ended the body. A finish is a proper end, as is `[DONE]`.

        Raises:
            UpstreamReset: the body ended before the answer did.
            UpstreamMalformed: the body was no event stream at all.
        """
        with suppress(UpstreamMalformed):  # half an event, at the end of a body that ended too soon
            self._read(self._blocks.rest())
        if self.done or self._finished:
            return self._taken()
        if not self._opened and (error := read_reply_error(self._unread)):
            self._fail(error)
            return self._taken()
        if not self._opened and self._unread.strip():
            raise UpstreamMalformed("not an event stream", received=True)
        raise UpstreamReset("the stream ended before the answer did", received=True)

    def _taken(self) -> list[hub.Event]:
        out, self._out = self._out, []
        return out

    def _fail(self, outcome: Outcome) -> None:
        self.done = True
        self._out.append(hub.Failed(outcome=outcome))

    def _read(self, block: bytes) -> None:
        for event in sse.events(block):
            data = sse.data_of(event)
            if self.done:
                return
            if data == sse.DONE:
                self.done = True
            elif data:
                self._chunk(data)
            elif not self._opened:
                self._unread = (self._unread + event)[:MOST_UNREAD_BYTES]

    def _chunk(self, data: bytes) -> None:
        chunk = decoded(_CHUNK, data, "a chunk that cannot be read")
        if not self._opened and (chunk.id or chunk.choices):  # Azure's first chunk has neither, only filter results
            self._opened = True
            created = chunk.created if type(chunk.created) is int else None
            self._out.append(hub.Opened(id=chunk.id or "", model=chunk.model or "", created=created))
        for choice in chunk.choices or ():
            self._say(choice)
        usage = read_usage(chunk.usage) if chunk.usage else None
        if usage is not None:
            self._out.append(hub.Metered(usage=usage))
        if chunk.error:
            self._fail(outcome_of({"error": chunk.error}))

    def _say(self, choice: Choice) -> None:
        if choice.text:
            self._out.append(hub.TextDelta(text=choice.text, choice=choice.index))
        if bytes(choice.logprobs) != b"null" and (logprobs := decode_logprobs(choice.logprobs)) is not None:
            self._out.append(hub.LogProbs(logprobs=logprobs, choice=choice.index))
        raw = choice.finish_reason
        if raw and choice.index not in self._finished:
            self._finished.add(choice.index)
            stop = choice.stop_reason if isinstance(choice.stop_reason, str) else ""
            finish = hub.Finished(finish=finish_of(raw), finish_raw=raw, stop_sequence=stop, choice=choice.index)
            self._out.append(finish)


class Encoder:
    """One answer on its way out: `encode` each event, `close` at a clean end.

    *model* is written where the answer names none. Finishes wait for `close`, so that none comes before the last text.
    After `Failed`, send `error.error_event` and do not close. What is neither text nor refusal is not shown.
    """

    __slots__ = ("_ask_usage", "_finishes", "_head", "_model", "_offsets", "_tail", "_usage")

    def __init__(self, *, model: str, ask_usage: bool = False) -> None:
        self._model = model
        self._ask_usage = ask_usage
        self._head = self._headed(hub.Opened())
        self._tail = b'}],"usage":null}\n\n' if ask_usage else b"}]}\n\n"
        self._finishes: dict[int, hub.Finish | None] = {}
        """Index of an answer that has begun → how it ended; None while that is not known."""
        self._offsets: dict[int, int] = {}
        """Index of an answer → offset of its next token that has a log-probability."""
        self._usage: Usage | None = None

    def encode(self, event: hub.Event) -> bytes:
        """The bytes that go out for *event*, b"" for none."""
        match event:
            case hub.TextDelta() | hub.RefusalDelta():
                self._finishes.setdefault(event.choice, None)
                return self._chunk(event.choice, _ENCODER.encode(event.text), b"null", b"null")
            case hub.LogProbs():
                return self._logprobs(event)
            case hub.Opened():
                self._head = self._headed(event)
            case hub.Finished():
                self._finishes[event.choice] = self._finishes.get(event.choice) or event.finish
            case hub.Metered():
                self._usage = event.usage
            case _:
                pass
        return b""

    def close(self) -> bytes:
        """The end of a clean stream: each answer's finish, the usage if it was asked for and is known, `[DONE]`."""
        finishes = self._finishes or {0: None}
        out = b"".join(
            self._chunk(choice, b'""', b"null", b'"%s"' % word_of(finish).encode())
            for choice, finish in finishes.items()
        )
        if self._ask_usage and self._usage is not None:
            out += self._head + b'],"usage":' + _ENCODER.encode(write_usage(self._usage)) + b"}\n\n"
        return out + b"data: [DONE]\n\n"

    def _headed(self, opened: hub.Opened) -> bytes:
        """What every chunk begins with, up to the inside of its choices."""
        said: dict[str, Any] = {
            "id": opened.id,
            "object": "text_completion",
            "created": opened.created or 0,
            "model": opened.model or self._model,
        }
        return b"data: " + _ENCODER.encode(said)[:-1] + b',"choices":['

    def _chunk(self, choice: int, text: bytes, logprobs: bytes, finish: bytes) -> bytes:
        middle = b'{"text":%s,"index":%d,"logprobs":%s,"finish_reason":%s' % (text, choice, logprobs, finish)
        return self._head + middle + self._tail

    def _logprobs(self, event: hub.LogProbs) -> bytes:
        lists, offset = encode_logprobs(event.logprobs, self._offsets.get(event.choice, 0))
        self._offsets[event.choice] = offset
        if lists is None:
            return b""
        self._finishes.setdefault(event.choice, None)
        return self._chunk(event.choice, b'""', _ENCODER.encode(lists), b"null")
