"""A stream on its way in: an event as it is read, and what is known of the answer so far."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

__all__ = ["CallHead", "Contents", "Event", "Item", "State", "Words"]

_NONE = msgspec.Raw(b"")


class Event(msgspec.Struct, gc=False):
    """The data of an event of any type; values of an unexpected type are passed over."""

    type: Any = None
    delta: Any = None
    output_index: Any = None
    content_index: Any = None
    summary_index: Any = None
    logprobs: msgspec.Raw = _NONE
    item: msgspec.Raw = _NONE
    response: msgspec.Raw = _NONE
    annotation: msgspec.Raw = _NONE
    error: Any = None
    code: Any = None
    message: Any = None
    param: Any = None


class CallHead(msgspec.Struct):
    """The beginning of a call."""

    name: str
    call_id: str | None = None
    id: str | None = None


class Contents(msgspec.Struct):
    """A message's content."""

    content: list[msgspec.Raw] | None = None


class Words(msgspec.Struct):
    """One part of that content."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    annotations: list[msgspec.Raw] | None = None


class Item(msgspec.Struct):
    """An item while it arrives."""

    kind: str
    call: int = -1
    """Its number among the tool calls; -1 where it is none."""
    sent: dict[int, int] = {}
    """Index of a content part → characters that deltas have told. Parts of a summary count down from -1."""
    cited: int = 0
    done: bool = False


@dataclass(slots=True)
class State:
    """What is known of an answer while its events arrive."""

    items: dict[int, Item] = field(default_factory=dict)
    reply_id: str = ""
    calls: int = 0
    signature: str = ""
    """The signature of the next tool call."""
    events: int = 0
    opened: bool = False
    over: bool = False
    """Whether the answer has ended or failed, so that nothing more is read."""
    done: bool = False
    """Whether the event that ends an answer has been seen."""

    def at(self, event: Event, kind: str) -> Item:
        """The item that *event* is about; without an index, the last one of *kind* that is not done, or a new one."""
        index = event.output_index
        if type(index) is not int:
            pending = [at for at, item in self.items.items() if item.kind == kind and not item.done]
            index = pending[-1] if pending else len(self.items)
        item = self.items.get(index)
        if item is None:
            item = self.items[index] = Item(kind)
        return item
