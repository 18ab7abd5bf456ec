"""A stream on its way out: the message, thought or call that is open, and the numbered events that tell it.

What is open is kept as it grows, since the events that close it repeat it whole.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from engine import hub
from engine.wire.openai_responses.content import NO_LOGPROBS
from engine.wire.openai_responses.items import call_item
from engine.wire.openai_responses.reasoning import reasoning_item

__all__ = ["Call", "Frames", "Message", "Thought"]

_ENCODER = msgspec.json.Encoder()


class _Delta(msgspec.Struct, gc=False):
    """The events that come by the thousand; fields that an event does not have are left out."""

    type: str
    sequence_number: int
    item_id: str
    output_index: int
    delta: str
    content_index: int | msgspec.UnsetType = msgspec.UNSET
    summary_index: int | msgspec.UnsetType = msgspec.UNSET
    logprobs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Frames:
    """Events as bytes, numbered in the order in which they go out."""

    __slots__ = ("sent",)

    def __init__(self) -> None:
        self.sent = 0
        """How many events have gone out: the `sequence_number` of the next one."""

    def event(self, type: str, **said: Any) -> bytes:  # noqa: A002 - the protocol's word
        """One event of this *type*."""
        return self._framed(type, {"type": type, "sequence_number": self.sent, **said})

    def delta(self, said: _Delta) -> bytes:
        """An event with the next piece of something."""
        said.sequence_number = self.sent
        return self._framed(said.type, said)

    def _framed(self, type: str, said: object) -> bytes:  # noqa: A002 - the protocol's word
        self.sent += 1
        return b"event: " + type.encode() + b"\ndata: " + _ENCODER.encode(said) + b"\n\n"


@dataclass(slots=True)
class Message:
    """A message while it is written: the parts that are whole, and the one that is open."""

    index: int
    id: str
    content: list[dict[str, Any]] = field(default_factory=list)
    kind: str = ""
    """Type of the open part: `output_text` or `refusal`; empty for none."""
    words: list[str] = field(default_factory=list)
    annotations: list[Any] = field(default_factory=list)
    logprobs: list[bytes] = field(default_factory=list)
    """Entries in JSON; each string has one, or several separated by commas."""

    def item(self, status: str) -> dict[str, Any]:
        """The message, with the parts that are whole."""
        return {"id": self.id, "type": "message", "status": status, "role": "assistant", "content": self.content}

    def open_part(self, kind: str, frames: Frames) -> bytes:
        """Close the part that is open, if any, and open one of this *kind*."""
        shut = self.shut_part(frames)
        self.kind = kind
        return shut + frames.event("response.content_part.added", **self._where(), part=self._part())

    def say(self, words: str, frames: Frames, logprobs: msgspec.Raw = NO_LOGPROBS) -> bytes:
        """Add words to the open part."""
        self.words.append(words)
        said = _Delta(f"response.{self.kind}.delta", 0, self.id, self.index, words, len(self.content))
        if self.kind == "output_text":
            said.logprobs = logprobs
        return frames.delta(said)

    def weigh(self, logprobs: msgspec.Raw, frames: Frames) -> bytes:
        """Add log-probabilities to the open part: they go in a delta of their own, without words."""
        self.logprobs.append(bytes(logprobs).strip()[1:-1].strip())
        return self.say("", frames, logprobs)

    def cite(self, annotation: Any, frames: Frames) -> bytes:
        """Add an annotation to the open part."""
        self.annotations.append(annotation)
        at = len(self.annotations) - 1
        where = self._where()
        return frames.event(
            "response.output_text.annotation.added", **where, annotation_index=at, annotation=annotation
        )

    def shut_part(self, frames: Frames) -> bytes:
        """Close the part that is open, if any."""
        if not self.kind:
            return b""
        where, part = self._where(), self._part()
        said = {name: part[name] for name in ("text", "logprobs", "refusal") if name in part}
        shut = frames.event(f"response.{self.kind}.done", **where, **said)
        shut += frames.event("response.content_part.done", **where, part=part)
        self.content.append(part)
        self.kind, self.words, self.annotations, self.logprobs = "", [], [], []
        return shut

    def _where(self) -> dict[str, Any]:
        return {"item_id": self.id, "output_index": self.index, "content_index": len(self.content)}

    def _part(self) -> dict[str, Any]:
        """The open part so far."""
        text = "".join(self.words)
        if self.kind == "refusal":
            return {"type": "refusal", "refusal": text}
        logprobs = msgspec.Raw(b"[" + b",".join(self.logprobs) + b"]")
        return {"type": "output_text", "text": text, "annotations": list(self.annotations), "logprobs": logprobs}


@dataclass(slots=True)
class Thought:
    """Reasoning while it is written, as a summary of one part."""

    index: int
    id: str
    words: list[str] = field(default_factory=list)

    def open_part(self, frames: Frames) -> bytes:
        """Open the summary's part."""
        return frames.event("response.reasoning_summary_part.added", **self._where(), part=_summary(""))

    def say(self, words: str, frames: Frames) -> bytes:
        """Add words to it."""
        self.words.append(words)
        kind = "response.reasoning_summary_text.delta"
        return frames.delta(_Delta(kind, 0, self.id, self.index, words, summary_index=0))

    def shut_part(self, frames: Frames) -> bytes:
        """Close it."""
        text, where = "".join(self.words), self._where()
        done = frames.event("response.reasoning_summary_text.done", **where, text=text)
        return done + frames.event("response.reasoning_summary_part.done", **where, part=_summary(text))

    def item(self, encrypted: str | None) -> dict[str, Any]:
        """The thought, with the words so far."""
        return reasoning_item(id=self.id, text="".join(self.words), encrypted=encrypted)

    def _where(self) -> dict[str, Any]:
        return {"item_id": self.id, "output_index": self.index, "summary_index": 0}


def _summary(text: str) -> dict[str, str]:
    return {"type": "summary_text", "text": text}


@dataclass(slots=True)
class Call:
    """A tool call while it is written."""

    index: int
    id: str
    opened: hub.CallOpened
    words: list[str] = field(default_factory=list)

    def say(self, words: str, frames: Frames) -> bytes:
        """Add to its arguments."""
        self.words.append(words)
        kind = "custom_tool_call_input" if self.opened.custom else "function_call_arguments"
        return frames.delta(_Delta(f"response.{kind}.delta", 0, self.id, self.index, words))

    def shut(self, frames: Frames) -> bytes:
        """The event that says that the arguments are whole."""
        where = {"item_id": self.id, "output_index": self.index}
        if self.opened.custom:
            return frames.event("response.custom_tool_call_input.done", **where, input=self.arguments)
        kind = "response.function_call_arguments.done"
        return frames.event(kind, **where, name=self.opened.name, arguments=self.arguments)

    @property
    def arguments(self) -> str:
        """The arguments so far; a function that takes none is called with `{}`."""
        return "".join(self.words) or ("" if self.opened.custom else "{}")

    def item(self, status: str, arguments: str) -> dict[str, Any]:
        """The call, with these *arguments*."""
        opened = self.opened
        call = hub.ToolCall(id=opened.id, name=opened.name, arguments=arguments, custom=opened.custom)
        return call_item(id=self.id, call=call, status=status)
