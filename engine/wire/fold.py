"""A stream and a whole answer say the same in two ways: events are folded into a reply, a reply is spread as events."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import assert_never

import msgspec

from engine import hub

__all__ = ["fold", "one_text", "spread"]

_LOGPROBS = msgspec.json.Decoder(dict[str, list[msgspec.Raw] | None])


def fold(events: Iterable[hub.Event]) -> hub.Reply:
    """The whole answer that *events* tell. Neighbouring deltas of a kind become one part, in the order they began.

    `Failed` is ignored: whoever feeds a decoder looks for it.
    """
    opened, usage = hub.Opened(), None
    choices: dict[int, _Choice] = {}
    for event in events:
        match event:
            case hub.Opened():
                opened = event
            case hub.Metered():
                usage = event.usage
            case hub.Failed():
                continue
            case hub.Foreign():
                choices.setdefault(0, _Choice()).add(event)
            case _:
                choices.setdefault(event.choice, _Choice()).take(event)
    return hub.Reply(
        id=opened.id,
        model=opened.model,
        created=opened.created,
        choices=tuple(choices[index].whole(index) for index in sorted(choices)),
        usage=usage,
    )


_Delta = (
    hub.TextDelta
    | hub.ThinkingDelta
    | hub.ThinkingSigned
    | hub.CallOpened
    | hub.CallDelta
    | hub.RefusalDelta
    | hub.Cited
    | hub.MediaArrived
    | hub.LogProbs
    | hub.Finished
)


@dataclass
class _Choice:
    """One answer while it is put together."""

    parts: list[hub.Part] = field(default_factory=list)
    calls: dict[int, int] = field(default_factory=dict)
    """Number of a call → its index in `parts`."""
    finished: hub.Finished | None = None
    logprobs: list[hub.Json] = field(default_factory=list)

    def add(self, part: hub.Part) -> None:
        self.parts.append(part)

    def take(self, event: _Delta) -> None:  # noqa: C901, PLR0912 - one line for each kind of event
        last = self.parts[-1] if self.parts else None
        match event:
            case hub.TextDelta() if isinstance(last, hub.Text):
                signature = event.signature or last.signature
                self.parts[-1] = hub.Text(text=last.text + event.text, citations=last.citations, signature=signature)
            case hub.TextDelta():
                self.add(hub.Text(text=event.text, signature=event.signature))
            case hub.ThinkingDelta() if isinstance(last, hub.Thinking) and not (last.signature or last.redacted):
                self.parts[-1] = hub.Thinking(text=last.text + event.text)
            case hub.ThinkingDelta():
                self.add(hub.Thinking(text=event.text))
            case hub.ThinkingSigned():
                self._sign(event)
            case hub.CallOpened():
                self.calls[event.call] = len(self.parts)
                self.add(_call(event))
            case hub.CallDelta():
                self._argue(event)
            case hub.RefusalDelta() if isinstance(last, hub.Refusal):
                self.parts[-1] = hub.Refusal(text=last.text + event.text)
            case hub.RefusalDelta():
                self.add(hub.Refusal(text=event.text))
            case hub.Cited() if isinstance(last, hub.Text):
                citations = (*last.citations, event.citation)
                self.parts[-1] = hub.Text(text=last.text, citations=citations, signature=last.signature)
            case hub.Cited():
                self.add(hub.Text(text="", citations=(event.citation,)))
            case hub.MediaArrived():
                self.add(event.media)
            case hub.LogProbs():
                self.logprobs.append(event.logprobs)
            case hub.Finished():
                self.finished = event
            case _:
                assert_never(event)

    def whole(self, index: int) -> hub.Choice:
        finished = self.finished
        return hub.Choice(
            index=index,
            parts=tuple(self.parts),
            finish=finished.finish if finished else None,
            finish_raw=finished.finish_raw if finished else "",
            stop_sequence=finished.stop_sequence if finished else "",
            logprobs=_joined(self.logprobs),
        )

    def _sign(self, event: hub.ThinkingSigned) -> None:
        """Sign the thought just before; withheld reasoning, or a signature with no thought before it, is a new part."""
        last = self.parts[-1] if self.parts else None
        if isinstance(last, hub.Thinking) and event.signature and not last.signature:
            self.parts[-1] = hub.Thinking(text=last.text, signature=event.signature, origin=event.origin, id=event.id)
        else:
            self.add(hub.Thinking(signature=event.signature, redacted=event.redacted, origin=event.origin, id=event.id))

    def _argue(self, event: hub.CallDelta) -> None:
        at = self.calls[event.call]
        call = self.parts[at]
        assert isinstance(call, hub.ToolCall)
        self.parts[at] = hub.ToolCall(
            id=call.id,
            name=call.name,
            arguments=call.arguments + event.arguments,
            custom=call.custom,
            signature=call.signature,
        )


def _joined(logprobs: list[hub.Json]) -> hub.Json | None:
    """The log-probabilities of several deltas as those of one text: lists of the same name are concatenated."""
    if len(logprobs) <= 1:
        return logprobs[0] if logprobs else None
    joined: dict[str, list[hub.Json]] = {}
    for piece in logprobs:
        for name, tokens in _LOGPROBS.decode(piece).items():
            joined.setdefault(name, []).extend(tokens or ())
    return hub.Json(msgspec.json.encode(joined))


def _call(event: hub.CallOpened) -> hub.ToolCall:
    return hub.ToolCall(id=event.id, name=event.name, arguments="", custom=event.custom, signature=event.signature)


def one_text(parts: Sequence[hub.Part], *, cited: bool) -> Sequence[hub.Part]:
    """*parts* with neighbouring texts joined, as a stream tells them; texts with citations only where *cited*."""
    out: list[hub.Part] = []
    for part in parts:
        before = out[-1] if out else None
        if (
            isinstance(part, hub.Text)
            and isinstance(before, hub.Text)
            and (cited or not (part.citations or before.citations))
        ):
            citations = before.citations + part.citations
            out[-1] = msgspec.structs.replace(part, text=before.text + part.text, citations=citations)
        else:
            out.append(part)
    return out


def spread(reply: hub.Reply) -> Iterator[hub.Event]:
    """The events of a stream that tells *reply*, as few as possible."""
    yield hub.Opened(id=reply.id, model=reply.model, created=reply.created)
    for choice in reply.choices:
        calls = 0
        for part in choice.parts:
            yield from _spread(part, choice.index, calls)
            calls += isinstance(part, hub.ToolCall)
        if choice.logprobs is not None:
            yield hub.LogProbs(logprobs=choice.logprobs, choice=choice.index)
        if choice.finish is not None:
            yield hub.Finished(
                finish=choice.finish,
                finish_raw=choice.finish_raw,
                stop_sequence=choice.stop_sequence,
                choice=choice.index,
            )
    if reply.usage is not None:
        yield hub.Metered(usage=reply.usage)


def _spread(part: hub.Part, choice: int, call: int) -> Iterator[hub.Event]:
    """The events of one part; *call* is the number of the next tool call."""
    match part:
        case hub.Text():
            yield hub.TextDelta(text=part.text, choice=choice, signature=part.signature)
            yield from (hub.Cited(citation=citation, choice=choice) for citation in part.citations)
        case hub.Thinking():
            if part.text:
                yield hub.ThinkingDelta(text=part.text, choice=choice)
            if part.signature or part.redacted:
                yield hub.ThinkingSigned(
                    signature=part.signature, redacted=part.redacted, origin=part.origin, id=part.id, choice=choice
                )
        case hub.ToolCall():
            yield hub.CallOpened(
                call=call, id=part.id, name=part.name, custom=part.custom, signature=part.signature, choice=choice
            )
            yield hub.CallDelta(call=call, arguments=part.arguments, choice=choice)
        case hub.Refusal():
            yield hub.RefusalDelta(text=part.text, choice=choice)
        case hub.Media():
            yield hub.MediaArrived(media=part, choice=choice)
        case hub.Foreign():
            yield part
        case hub.ToolResult():  # no answer has one: callers run their own tools
            return
        case _:
            assert_never(part)
