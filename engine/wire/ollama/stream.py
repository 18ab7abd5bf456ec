"""Streams of Ollama's chat: lines of JSON → events, and back. A line with `done` ends an answer.

Source: docs.ollama.com/api/streaming, read 2026-11.
"""

from engine import hub
from engine.errors import OutcomeKind, UpstreamFault, UpstreamMalformed, UpstreamReset
from engine.values import Outcome
from engine.wire.json_read import UNREADABLE
from engine.wire.lines import LineBlocks
from engine.wire.ollama.emit import Encoder
from engine.wire.ollama.error import outcome_of
from engine.wire.ollama.messages import arguments_of, image
from engine.wire.ollama.reply import Answer, created_of, finish_of, prefix_of, read_answer
from engine.wire.ollama.usage import usage_of

__all__ = ["Decoder", "Encoder"]


class Decoder:
    """One answer on its way in. Feed it every read, `close` it at the end of the body.

    If the provider fails, or its bytes are not of the protocol, `Failed` is the last event.
    """

    __slots__ = ("_blocks", "_calls", "_opened", "_out", "_prefix", "done")

    def __init__(self) -> None:
        self._blocks = LineBlocks()
        self._out: list[hub.Event] = []
        self._opened = False
        self._prefix = ""
        self._calls = 0
        self.done = False
        """The answer has ended, or failed: nothing that comes after it counts."""

    def feed(self, data: bytes) -> list[hub.Event]:
        """The events of the lines that *data* completes."""
        if self.done:
            return []
        try:
            for line in self._blocks.feed(data).split(b"\n"):
                self._read(line)
        except UpstreamFault as fault:
            self._fail(Outcome(kind=OutcomeKind.MALFORMED, status=200, message=fault.detail, received=True))
        return self._taken()

    def close(self) -> list[hub.Event]:
        """What was still held, after the provider has ended the body.

        Raises:
            UpstreamReset: the body ended before the answer did.
            UpstreamMalformed: the body was no answer at all.
        """
        if not self.done:
            try:
                self._read(self._blocks.rest())
            except UpstreamMalformed:
                if not self._opened:
                    raise
        if not self.done:
            raise UpstreamReset("the stream ended before the answer did", received=self._opened)
        return self._taken()

    def _taken(self) -> list[hub.Event]:
        out, self._out = self._out, []
        return out

    def _fail(self, outcome: Outcome) -> None:
        self.done = True
        self._out.append(hub.Failed(outcome=outcome))

    def _read(self, line: bytes) -> None:
        if self.done or not line.strip():
            return
        try:
            answer = read_answer(line)
        except UNREADABLE as exc:
            raise UpstreamMalformed(f"a line that cannot be read: {exc}", received=True) from exc
        if answer.error is not None:
            self._fail(outcome_of({"error": answer.error}))
        elif answer.message is None and not answer.done:
            raise UpstreamMalformed("a line without a message", received=True)
        else:
            self._tell(answer)

    def _tell(self, answer: Answer) -> None:
        if not self._opened:
            stamp = answer.created_at or ""
            self._opened = True
            self._prefix = prefix_of(stamp)
            self._out.append(hub.Opened(model=answer.model or "", created=created_of(stamp)))
        if answer.message is not None:
            self._say(answer)
        if answer.done:
            self._end(answer)

    def _say(self, answer: Answer) -> None:
        said = answer.message
        assert said is not None
        if said.thinking:
            self._out.append(hub.ThinkingDelta(text=said.thinking))
        if said.content:
            self._out.append(hub.TextDelta(text=said.content))
        self._out += [hub.MediaArrived(media=image(data)) for data in said.images or ()]
        for call in said.tool_calls or ():
            number, self._calls = self._calls, self._calls + 1
            id_ = call.id or f"{self._prefix}_{number}"
            self._out.append(hub.CallOpened(call=number, id=id_, name=call.function.name))
            self._out.append(hub.CallDelta(call=number, arguments=arguments_of(call)))
        if bytes(answer.logprobs) != b"null":
            self._out.append(hub.LogProbs(logprobs=hub.Json(b'{"content":' + bytes(answer.logprobs) + b"}")))

    def _end(self, answer: Answer) -> None:
        self.done = True
        usage = usage_of(answer.prompt_eval_count, answer.eval_count)
        if usage is not None:
            self._out.append(hub.Metered(usage=usage))
        raw = answer.done_reason or ""
        self._out.append(hub.Finished(finish=finish_of(raw, calls=self._calls > 0), finish_raw=raw))
