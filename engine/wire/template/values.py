"""A compiled template: shapes with expressions as their leaves, and paths into answers."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import msgspec

from engine.hub import Finish
from engine.values import CONVERSATIONS, Surface
from engine.wire.template.pointer import Pointer

__all__ = ["Ask", "Chat", "Each", "Framing", "Leaf", "Pictures", "Shape", "Stream", "Template"]

Framing: TypeAlias = Literal["sse", "lines"]
"""How a stream's pieces of JSON are told apart: by server-sent events, or one to a line."""


class Leaf(msgspec.Struct, frozen=True):
    """An expression, replaced by its value. Without a value it is left out, and so is what holds nothing else."""

    value: Callable[[Any, Any], Any]
    """Takes what is asked (`chat.Asked`, `pictures.Asked`) and, inside an `Each`, the message; else None."""


class Each(msgspec.Struct, frozen=True):
    """A list with one item for each message."""

    of: Literal["messages", "turns"]
    item: "Shape"


Shape: TypeAlias = "Leaf | Each | Mapping[str, Shape] | tuple[Shape, ...] | str | int | float | Decimal | bool | None"


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """How a request is written, and how a failure is read."""

    path: str
    """Path below `base_url`; `{model}` stands for the provider's name of the model, quoted except for slashes."""
    headers: tuple[tuple[str, Leaf | str], ...] = ()
    """Names in lower case."""
    body: Mapping[str, Shape]
    reads: frozenset[str] = frozenset()
    """The facts that headers and body use: `request.temperature`, …"""
    message: Pointer | None = None
    """Where an answer says why it failed. An answer with status 200 has failed if there is something there."""
    code: Pointer | None = None
    """The same for the word that is meant for programs."""


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """How an answer comes piece by piece."""

    path: str
    framing: Framing
    text: Pointer
    finish: Pointer | None = None
    usage: Mapping[str, Pointer] = MappingProxyType({})
    end: str = ""
    """The data of the piece that ends the stream; empty where it ends with the body."""


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """Conversations."""

    ask: Ask
    text: Pointer
    """Everything found there, joined, is the text."""
    id: Pointer | None = None
    finish: Pointer | None = None
    finishes: Mapping[str, Finish] = MappingProxyType({})
    """The provider's word → why the answer ended."""
    usage: Mapping[str, Pointer] = MappingProxyType({})
    """`input` (cached tokens included), `cached_input`, `output`."""
    stream: Stream | None = None
    """None where the API has no streams: the whole answer then comes in one piece."""


class Pictures(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures from a description."""

    ask: Ask
    url: Pointer | None = None
    base64: Pointer | None = None
    """One of the two is given; everything found there is a picture."""


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's own API."""

    chat: Chat | None = None
    pictures: Pictures | None = None

    @property
    def surfaces(self) -> frozenset[Surface]:
        """The endpoints that can be served through it."""
        pictures = frozenset({Surface.IMAGES}) if self.pictures is not None else frozenset()
        return pictures | (CONVERSATIONS if self.chat is not None else frozenset())
