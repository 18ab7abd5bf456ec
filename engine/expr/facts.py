"""The fact table: what conditions may look at, with the type of each fact and the code that reads it.

This table is the documentation as well: a fact that is not listed does not exist.
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import msgspec

from engine.errors import ExpressionInvalid, Flaw, did_you_mean
from engine.values import Facts, Surface

__all__ = [
    "CHAT_TABLE",
    "KEYED",
    "MESSAGE_TABLE",
    "PICTURES_TABLE",
    "QUIRK_TABLE",
    "STICKY",
    "TABLE",
    "Fact",
    "Kind",
    "keyed",
    "sticky",
]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Kind(StrEnum):
    """The types of facts and constants; the values are how a problem speaks of them."""

    TEXT = "a text"
    NUMBER = "a number"
    FLAG = "true or false"
    TEXTS = "a set of texts"
    DATE = "a date"


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that conditions may look at."""

    name: str
    kind: Kind
    doc: str
    code: str
    """Python over `f` (`values.Facts`), `c` (`rules.program.Caller`) and `o` (`rules.program.Offer`); of templates over
    `a` (what is asked) and `m` (one message)."""
    choices: tuple[str, ...] = ()
    """All values that a text can have; empty where they are not known beforehand."""
    optional: bool = False
    """Whether the code may give None, which no comparison but `!=` and `not in` holds for."""


def _fact(name: str, kind: Kind, code: str, doc: str, *, choices: tuple[str, ...] = (), optional: bool = False) -> Fact:
    return Fact(name=name, kind=kind, code=code, doc=doc, choices=choices, optional=optional)


_FACTS = (
    _fact("request.model", Kind.TEXT, "f.model", "The name that the caller asked for, as sent."),
    _fact("request.surface", Kind.TEXT, "f.surface", "The kind of endpoint.", choices=tuple(Surface)),
    _fact("request.stream", Kind.FLAG, "f.stream", "Whether a stream was asked for."),
    _fact("request.input_tokens", Kind.NUMBER, "f.input_tokens", "The likely count of input tokens (bytes / 3.5)."),
    _fact("request.max_tokens", Kind.NUMBER, "f.max_tokens", "The caller's cap on output tokens.", optional=True),
    _fact("request.has_tools", Kind.FLAG, "f.has_tools", "Whether tools are offered to the model."),
    _fact("request.has_images", Kind.FLAG, "f.has_images", "Whether a message holds an image."),
    _fact("request.has_audio", Kind.FLAG, "f.has_audio", "Whether a message holds audio."),
    _fact("request.has_files", Kind.FLAG, "f.has_files", "Whether a message holds a file."),
    _fact("request.wants_json", Kind.FLAG, "f.wants_json", "Whether JSON output is demanded."),
    _fact("request.reasoning", Kind.FLAG, "f.reasoning", "Whether reasoning is asked for."),
    _fact("request.user", Kind.TEXT, "f.user", "The end user that the caller names; '' when none."),
    _fact("request.session", Kind.TEXT, "f.session", "The session that the caller names; '' when none."),
    _fact("request.ip", Kind.TEXT, "f.ip", "The client's address."),
    _fact("consumer.id", Kind.TEXT, "c.id", "The consumer that the key belongs to."),
    _fact("consumer.team", Kind.TEXT, "c.team", "The consumer's team; '' when it has none."),
    _fact("consumer.plan", Kind.TEXT, "c.plan", "The consumer's plan; '' when it has none."),
    _fact("consumer.roles", Kind.TEXTS, "c.roles", "The consumer's roles."),
    _fact("consumer.tags", Kind.TEXTS, "c.tags", "The consumer's tags."),
    _fact("consumer.anonymous", Kind.FLAG, "c.anonymous", "Whether no key was presented."),
    _fact("time.hour", Kind.NUMBER, "f.at.hour", "The hour of the request's start, 0 to 23, UTC."),
    _fact(
        "time.weekday",
        Kind.TEXT,
        f"{WEEKDAYS}[f.at.weekday()]",
        "The day of the week of the request's start, UTC.",
        choices=WEEKDAYS,
    ),
    _fact("time.date", Kind.DATE, "f.at.date().isoformat()", "The date of the request's start, UTC."),
    _fact("node.region", Kind.TEXT, "f.region", "Where this gateway runs; '' when it was not told."),
)

_QUIRK_FACTS = (
    _fact("upstream.model", Kind.TEXT, "o.upstream_model", "What the provider calls the model."),
    _fact("upstream.provider", Kind.TEXT, "o.provider.id", "The provider's id."),
    _fact("model.id", Kind.TEXT, "o.model", "The canonical model."),
    _fact("model.features", Kind.TEXTS, "o.features", "The features that the model is declared to have."),
)

TABLE: Mapping[str, Fact] = MappingProxyType({fact.name: fact for fact in _FACTS})
"""What `when` of a rule may look at, beside `KEYED` and `request.sets('…')`."""

QUIRK_TABLE: Mapping[str, Fact] = MappingProxyType({**TABLE, **{fact.name: fact for fact in _QUIRK_FACTS}})
"""What `when` and `unless` of a quirk may look at."""

_UPSTREAM_MODEL = _fact("upstream.model", Kind.TEXT, "a.model", "What the provider calls the model.")
_USER = _fact("request.user", Kind.TEXT, "a.user", "The end user that the caller names.", optional=True)
_COUNT = _fact("request.n", Kind.NUMBER, "a.n", "How many answers are wanted.", optional=True)

_CHAT_FACTS = (
    _UPSTREAM_MODEL,
    _fact(
        "request.prompt",
        Kind.TEXT,
        "a.prompt",
        "What the user says. A template that reads it, and neither turns nor messages, takes one turn of the user's.",
        optional=True,
    ),
    _fact("request.system", Kind.TEXT, "a.system", "The system's texts, as one.", optional=True),
    _fact("request.stream", Kind.FLAG, "a.stream", "Whether a stream is asked for, and the template has one."),
    _fact("request.max_tokens", Kind.NUMBER, "a.max_tokens", "The cap on output tokens.", optional=True),
    _fact("request.temperature", Kind.NUMBER, "a.temperature", "The temperature.", optional=True),
    _fact("request.top_p", Kind.NUMBER, "a.top_p", "The share of probability that is drawn from.", optional=True),
    _fact("request.top_k", Kind.NUMBER, "a.top_k", "The tokens that are drawn from.", optional=True),
    _fact("request.frequency_penalty", Kind.NUMBER, "a.frequency_penalty", "OpenAI's, from -2 to 2.", optional=True),
    _fact("request.presence_penalty", Kind.NUMBER, "a.presence_penalty", "OpenAI's, from -2 to 2.", optional=True),
    _fact("request.stop", Kind.TEXTS, "a.stop", "The texts that end the answer.", optional=True),
    _fact("request.seed", Kind.NUMBER, "a.seed", "The seed of the draw.", optional=True),
    _COUNT,
    _USER,
)

_MESSAGE_FACTS = (
    _fact("message.role", Kind.TEXT, "m.role", "Who speaks.", choices=("system", "user", "assistant")),
    _fact("message.text", Kind.TEXT, "m.text", "What is said."),
)

_PICTURES_FACTS = (
    _UPSTREAM_MODEL,
    _fact("request.prompt", Kind.TEXT, "a.prompt", "What is to be seen."),
    _COUNT,
    _fact("request.size", Kind.TEXT, "a.size", "`1024x1024`, or `auto`.", optional=True),
    _fact("request.width", Kind.NUMBER, "a.width", "Pixels of the size, where it says any.", optional=True),
    _fact("request.height", Kind.NUMBER, "a.height", "The same.", optional=True),
    _fact("request.quality", Kind.TEXT, "a.quality", "A word of the model's.", optional=True),
    _fact("request.output_format", Kind.TEXT, "a.output_format", "`png`, `jpeg`, `webp`.", optional=True),
    _USER,
)

CHAT_TABLE: Mapping[str, Fact] = MappingProxyType({fact.name: fact for fact in _CHAT_FACTS})
"""What a template for conversations may look at."""

MESSAGE_TABLE: Mapping[str, Fact] = MappingProxyType({**CHAT_TABLE, **{fact.name: fact for fact in _MESSAGE_FACTS}})
"""The same inside `each`."""

PICTURES_TABLE: Mapping[str, Fact] = MappingProxyType({fact.name: fact for fact in _PICTURES_FACTS})
"""What a template for pictures may look at."""

KEYED = ("headers", "metadata")
"""Facts that are looked up by a key of the configuration's choosing, each a text, '' when absent."""


def keyed(of: str, key: str) -> Fact:
    """The fact `headers['<key>']` or `metadata['<key>']`; names of headers have no case."""
    key = key.lower() if of == "headers" else key
    return _fact(f"{of}[{key!r}]", Kind.TEXT, f"f.{of}.get({key!r}, '')", f"One of the request's {of}.")


_KEYED_NAME = re.compile(r"(headers|metadata)\[(?:'([^']+)'|\"([^\"]+)\")\]")

STICKY: Mapping[str, Callable[[Facts, Any], str]] = MappingProxyType(
    {
        "request.user": lambda facts, _: facts.user,
        "request.session": lambda facts, _: facts.session,
        "request.ip": lambda facts, _: facts.ip,
        "consumer.id": lambda _, caller: str(caller.id),
        "consumer.team": lambda _, caller: str(caller.team),
    }
)
"""Facts that may keep a caller on one arm, beside `KEYED`."""


@lru_cache(maxsize=1024)
def sticky(name: str) -> Callable[[Facts, Any], str]:
    """What reads the fact *name* from the facts and the `rules.program.Caller`: its value keeps a caller on one arm.

    Raises:
        ExpressionInvalid: nothing can be kept by *name*.
    """
    match = _KEYED_NAME.fullmatch(name)
    if match:
        return _reader(match[1], match[2] or match[3])
    if name not in STICKY:
        hint = did_you_mean(name, STICKY) or f"one of {', '.join(STICKY)}, headers['…'], metadata['…']"
        raise ExpressionInvalid(Flaw(slug="unknown-fact", message=f"'{name}' cannot keep a caller", hint=hint))
    return STICKY[name]


def _reader(of: str, key: str) -> Callable[[Facts, Any], str]:
    if of == "headers":
        name = key.lower()
        return lambda facts, _: facts.headers.get(name, "")
    return lambda facts, _: facts.metadata.get(key, "")
