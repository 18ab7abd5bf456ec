"""Requests and routing tests as they are written, read into `planning`'s scenarios. Used by `test` and `explain`."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time
from types import MappingProxyType
from typing import Any, Final

import msgspec

from engine.config.bundle import Bundle
from engine.config.cache import Cache
from engine.config.scalars import duration_s
from engine.config.shape import check
from engine.config.tree import Kind
from engine.errors import OutcomeKind, Place
from engine.gateway import NOTHING_SAID, PathSays
from engine.planning.scenario import Expected, Scenario, Scripted
from engine.values import Surface

__all__ = ["noon", "request_body", "scenarios"]

_HELLO: Final = [{"role": "user", "content": "hello"}]
_CONVERSATIONS: Final[Mapping[Surface, Mapping[str, Any]]] = MappingProxyType(
    {
        Surface.CHAT: {"messages": _HELLO},
        Surface.MESSAGES: {"messages": _HELLO, "max_tokens": 1024},
        Surface.RESPONSES: {"input": "hello"},
        Surface.GENERATE: {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]},
    }
)
"""The conversation of a request that has none of its own: routing does not look at it."""

_JSON: Final = msgspec.json.Encoder(decimal_format="number")


def noon(now_at: datetime) -> datetime:
    """When requests arrive that do not say: noon of the day, UTC."""
    return datetime.combine(now_at.date(), time(12), tzinfo=UTC)


def request_body(request: Mapping[str, Any], surface: Surface = Surface.CHAT) -> bytes:
    """A request as JSON, with a conversation; without what the path says of it. Its values may be JSON already."""
    said = {"model", "stream"} if surface is Surface.GENERATE else set()
    return _JSON.encode({**_CONVERSATIONS[surface], **{k: v for k, v in request.items() if k not in said}})


def _path(request: Mapping[str, Any], surface: Surface) -> PathSays:
    if surface is not Surface.GENERATE:
        return NOTHING_SAID
    return PathSays(model=request["model"], stream=request.get("stream") is True)


def scenarios(bundle: Bundle, cache: Cache | None, default_at: datetime) -> Iterator[Scenario]:
    """The routing tests of *bundle*, by file and in the order written. Files with problems are left out."""
    for document in check(bundle, cache).documents:
        if document.kind is Kind.ROUTING_TEST and document.sound:
            for at, test in enumerate(document.value["tests"]):
                yield _scenario(test, document.places.key(("tests", at)), default_at)


def _scenario(test: Mapping[str, Any], place: Place, default_at: datetime) -> Scenario:
    given, expect = test["given"], test["expect"]
    world, surface = given.get("world", {}), Surface(given.get("surface", Surface.CHAT))
    plain = Scenario(
        name=test["name"],
        place=place,
        body=request_body(given["request"], surface),
        surface=surface,
        path=_path(given["request"], surface),
        headers=tuple(given.get("headers", {}).items()),
        consumer=given["consumer"]["id"] if "consumer" in given else None,
        at=datetime.fromisoformat(world["at"]) if "at" in world else default_at,
        expected=_expected(expect),
    )
    return replace(
        plain,
        draw=float(world["draw"]) if "draw" in world else None,
        region=world.get("region", ""),
        answers=MappingProxyType(
            {name: tuple(_scripted(one) for one in answers) for name, answers in world.get("answers", {}).items()}
        ),
        unconfigured=frozenset(world.get("unconfigured", ())),
        down=frozenset(world.get("down", ())),
    )


def _scripted(answer: Mapping[str, Any]) -> Scripted:
    body = answer.get("body")
    return Scripted(
        status=answer.get("status", 200),
        retry_after_s=duration_s(answer["retry_after"]) if "retry_after" in answer else None,
        fails=_failure(answer["fails"]) if "fails" in answer else None,
        body=body.encode() if isinstance(body, str) else None if body is None else _JSON.encode(body),
    )


def _failure(word: str) -> OutcomeKind:
    """The kind that a word of the schema means; the bare `timeout` is that of the first token."""
    return OutcomeKind.TIMEOUT_FIRST_TOKEN if word == "timeout" else OutcomeKind(word)


def _expected(expect: Mapping[str, Any]) -> Expected:
    upstream = expect.get("upstream", {})
    return Expected(
        model=expect.get("model"),
        provider=expect.get("provider"),
        attempts=tuple(expect["attempts"]) if "attempts" in expect else None,
        status=expect.get("status"),
        code=expect.get("code"),
        route=expect.get("route"),
        retry_after_s=duration_s(expect["retry_after"]) if "retry_after" in expect else None,
        body=MappingProxyType(_plain(upstream["body"])) if "body" in upstream else None,
        without=tuple(upstream["without"]) if "without" in upstream else None,
    )


def _plain(value: Any) -> Any:
    """A value of a YAML tree as JSON would read it back: a decimal fraction is a float there."""
    return msgspec.json.decode(_JSON.encode(value))
