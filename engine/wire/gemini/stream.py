"""Gemini's streams → events. The other way is in `writer`.

A stream has no terminator: its proper end is the reason why its candidates finished. Usage, a running total, comes with
every chunk.
"""

import msgspec

from engine import hub
from engine.errors import OutcomeKind, UpstreamMalformed, UpstreamReset
from engine.values import Outcome
from engine.wire.gemini import finish
from engine.wire.gemini.chunk import Candidate, Chunk, FunctionCall, Part, as_list, is_given
from engine.wire.gemini.error import read_reply_error
from engine.wire.gemini.frames import Frames
from engine.wire.gemini.grounding import Sources, citations_in, has_sources, kept_in
from engine.wire.gemini.logprobs import read_logprobs
from engine.wire.gemini.partial import Arguments
from engine.wire.gemini.parts import arguments_of, foreign_in, read_spoken
from engine.wire.gemini.reply import Ids, block_reason
from engine.wire.gemini.usage import read_usage
from engine.wire.gemini.writer import Encoder
from engine.wire.json_read import UNREADABLE

__all__ = ["Decoder", "Encoder"]

_CHUNK = msgspec.json.Decoder(Chunk)


class Decoder:
    """One answer as it arrives. Feed it every read, then `close` it; after a `Failed` nothing more comes."""

    __slots__ = ("_choices", "_failed", "_frames", "_ids", "_usage", "done")

    def __init__(self) -> None:
        self._frames = Frames()
        self._choices: dict[int, _Choice] = {}
        self._ids: Ids | None = None
        self._usage = b""
        self._failed = False
        self.done = False
        """Whether every candidate seen so far has said why it ended, or the prompt was refused."""

    def feed(self, data: bytes) -> list[hub.Event]:
        """The events that *data* completes."""
        if self._failed:
            return []
        try:
            return self._all(self._frames.feed(data))
        except UpstreamMalformed as fault:
            return [self._fail(_malformed(fault.detail))]

    def close(self) -> list[hub.Event]:
        """The last events, after the provider has ended the body.

        Raises:
            UpstreamReset: the body ended before the answer did.
            UpstreamMalformed: the body was no stream at all.
        """
        if self._failed:
            return []
        chunks, rest = self._frames.close()
        events: list[hub.Event] = []
        if chunks and (self.done or _is_json(chunks[0])):
            events = self._all(chunks)
        if self.done or self._failed:
            return events
        if not self._frames.seen and not chunks and rest:
            return [self._refused(rest)]
        raise UpstreamReset("the stream ended before the answer did", received=self._frames.seen or bool(rest))

    def _refused(self, body: bytes) -> hub.Event:
        """The failure that a body reports which is no stream. Raises UpstreamMalformed if it reports none."""
        error = read_reply_error(body)
        if error is None:
            raise UpstreamMalformed("not an event stream", received=True)
        return self._fail(error)

    def _all(self, chunks: list[bytes]) -> list[hub.Event]:
        events: list[hub.Event] = []
        for data in chunks:
            if self._failed:
                break
            try:
                self._read(_CHUNK.decode(data), data, events)
            except UNREADABLE as exc:
                events.append(self._fail(_malformed(f"a chunk that cannot be read: {exc}")))
            except UpstreamMalformed as fault:
                events.append(self._fail(_malformed(fault.detail)))
        return events

    def _read(self, chunk: Chunk, data: bytes, events: list[hub.Event]) -> None:
        if is_given(chunk.error):
            error = read_reply_error(data)
            events.append(self._fail(error or _malformed("an error that cannot be read")))
            return
        if self._ids is None:
            self._ids = Ids(chunk.response_id, data)
            events.append(hub.Opened(id=chunk.response_id or "", model=chunk.model_version or ""))
        for at, candidate in enumerate(chunk.candidates or ()):
            index = at if candidate.index is None else candidate.index
            choice = self._choices.get(index)
            if choice is None:
                choice = self._choices[index] = _Choice(index, self._ids)
            choice.read(candidate, events)
        reason = "" if chunk.candidates or self.done else block_reason(chunk)
        if reason:
            events.append(hub.Finished(finish=hub.Finish.CONTENT_FILTER, finish_raw=reason))
        self._meter(chunk.usage_metadata, events)
        self.done = bool(reason) or self.done or self._is_finished()

    def _is_finished(self) -> bool:
        return bool(self._choices) and all(choice.finished for choice in self._choices.values())

    def _meter(self, raw: msgspec.Raw, events: list[hub.Event]) -> None:
        """Append the counts, unless they are those of the chunk before."""
        said = bytes(raw)
        if said != self._usage and (usage := read_usage(raw)) is not None:
            self._usage = said
            events.append(hub.Metered(usage=usage))

    def _fail(self, outcome: Outcome) -> hub.Failed:
        self._failed = True
        return hub.Failed(outcome=outcome)


class _Choice:
    """One of the answers while it arrives."""

    __slots__ = ("_arguments", "_calls", "_ids", "_index", "_kept", "_sources", "_texts", "finished")

    def __init__(self, index: int, ids: Ids) -> None:
        self._index = index
        self._ids = ids
        self._calls = 0
        self._arguments: Arguments | None = None
        """Those of the call whose arguments are still coming in pieces; None while there is none."""
        self._texts: list[str] = []
        """The answer's text so far: citations give their place in bytes of it."""
        self._sources = Sources()
        self._kept: list[hub.Foreign] = []
        """What Gemini says about its sources. It comes between the words and is told after them, to keep them whole."""
        self.finished = False

    def read(self, candidate: Candidate, events: list[hub.Event]) -> None:
        if candidate.content is not None:
            for part in as_list(candidate.content.parts):
                self._part(part, events)
        if has_sources(candidate):
            cited = citations_in(candidate, "".join(self._texts), self._sources)
            events.extend(hub.Cited(citation=citation, choice=self._index) for citation in cited)
            self._kept.extend(kept_in(candidate))
        if is_given(candidate.logprobs_result):
            events.append(hub.LogProbs(logprobs=read_logprobs(candidate.logprobs_result), choice=self._index))
        word = finish.word_of(candidate.finish_reason)
        if word and not self.finished:
            self._end_call(events)
            events.extend(self._kept)
            self.finished = True
            why = finish.finish_of(word, has_calls=self._calls > 0)
            events.append(hub.Finished(finish=why, finish_raw=word, choice=self._index))

    def _part(self, part: Part, events: list[hub.Event]) -> None:
        if part.function_call is not None:
            self._call(part.function_call, part.thought_signature or "", events)
            return
        spoken = read_spoken(part)
        match spoken:
            case hub.Text():
                self._texts.append(spoken.text)
                events.append(hub.TextDelta(text=spoken.text, choice=self._index, signature=spoken.signature))
            case hub.Thinking():
                self._thought(spoken, events)
            case hub.Media():
                events.append(hub.MediaArrived(media=spoken, choice=self._index))
        events.extend(foreign_in(part))

    def _thought(self, said: hub.Thinking, events: list[hub.Event]) -> None:
        if said.text:
            events.append(hub.ThinkingDelta(text=said.text, choice=self._index))
        if said.signature or said.redacted:
            events.append(
                hub.ThinkingSigned(
                    signature=said.signature,
                    redacted=said.redacted,
                    origin=said.origin,
                    id=said.id,
                    choice=self._index,
                )
            )

    def _call(self, call: FunctionCall, signature: str, events: list[hub.Event]) -> None:
        """Take a whole call, or a piece of one: only the first piece has a name, only the last lacks `willContinue`."""
        if call.name:
            self._end_call(events)
            call_id = call.id or self._ids.make()
            events.append(
                hub.CallOpened(call=self._calls, id=call_id, name=call.name, signature=signature, choice=self._index)
            )
            self._calls += 1
            if not (call.will_continue or call.partial_args):
                events.append(self._delta(arguments_of(call)))
                return
            self._arguments = Arguments()
        if self._arguments is None:
            return
        for piece in call.partial_args or ():
            self._arguments.add(piece)
        if not call.will_continue:
            self._end_call(events)

    def _end_call(self, events: list[hub.Event]) -> None:
        if self._arguments is not None:
            events.append(self._delta(self._arguments.text()))
            self._arguments = None

    def _delta(self, arguments: str) -> hub.CallDelta:
        return hub.CallDelta(call=self._calls - 1, arguments=arguments, choice=self._index)


def _malformed(detail: str) -> Outcome:
    return Outcome(kind=OutcomeKind.MALFORMED, status=200, message=detail, received=True)


def _is_json(data: bytes) -> bool:
    try:
        msgspec.json.decode(data)
    except UNREADABLE:
        return False
    return True
