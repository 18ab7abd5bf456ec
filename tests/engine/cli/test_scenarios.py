import json
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import msgspec
import pytest

from engine.cli.scenarios import noon, request_body, scenarios
from engine.config.bundle import Bundle
from engine.errors import OutcomeKind
from engine.gateway import PathSays
from engine.planning.scenario import Expected, Scripted
from engine.values import Surface

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FILES = {
    "tests/routing/all.yaml": b"""tests:
  - name: everything that can be said
    given:
      request: {model: a/b, temperature: 0.2, n: 2}
      surface: chat
      headers: {x-tier: gold}
      consumer: {id: bot}
      world:
        at: 2026-01-15T08:30:00Z
        draw: 0.25
        region: eu
        answers: {p: [{status: 429, retry_after: 1500ms}, {fails: timeout}, {body: {ok: 0.5}}, {body: plain}]}
        unconfigured: [q]
        down: [r]
    expect:
      model: a/b
      provider: p
      attempts: [a/b@p]
      status: 200
      code: none
      route: r
      retry_after: 2s
      upstream: {body: {temperature: 0.2}, without: [n]}
  - name: hardly anything
    given: {request: {model: a/b}}
    expect: {status: 200}
""",
    "tests/routing/broken.yaml": b"tests: [{name: x}]\n",
}


def test_everything_that_is_written_is_read() -> None:
    """Durations become seconds, decimals floats, words outcomes; a file with problems is left out."""
    full, plain = scenarios(Bundle(FILES), None, NOON)
    assert str(full.place) == "tests/routing/all.yaml:2:5"
    assert msgspec.json.decode(full.body)["temperature"] == 0.2
    assert (full.consumer, full.draw, full.region, full.headers) == ("bot", 0.25, "eu", (("x-tier", "gold"),))
    assert full.at == datetime(2026, 1, 15, 8, 30, tzinfo=UTC)
    assert full.answers["p"] == (
        Scripted(status=429, retry_after_s=1.5),
        Scripted(fails=OutcomeKind.TIMEOUT_FIRST_TOKEN),
        Scripted(body=b'{"ok":0.5}'),
        Scripted(body=b"plain"),
    )
    assert (full.unconfigured, full.down) == (frozenset({"q"}), frozenset({"r"}))
    assert full.expected == Expected(
        model="a/b",
        provider="p",
        attempts=("a/b@p",),
        status=200,
        code="none",
        route="r",
        retry_after_s=2.0,
        body={"temperature": 0.2},
        without=("n",),
    )
    assert (plain.at, plain.draw, plain.consumer, plain.expected.status) == (NOON, None, None, 200)


def test_no_key_of_the_schema_is_passed_over() -> None:
    """What the schema allows is in the test above, so that nothing that is written is silently not checked."""
    schema = json.loads(files("engine").joinpath("schemas/routing-test.json").read_text())
    said = FILES["tests/routing/all.yaml"].decode()

    def keys(part: dict[str, Any]) -> Iterator[str]:
        for name, inner in part.get("properties", {}).items():
            yield name
            yield from keys(inner)

    allowed = {key for part in ("given", "expect", "answer") for key in keys(schema["$defs"][part])}
    assert {key for key in allowed if f"{key}:" not in said} == set()


def test_a_request_without_a_conversation_gets_one() -> None:
    """Routing tests need not repeat what routing does not look at."""
    assert msgspec.json.decode(request_body({"model": "a"}))["messages"][0]["role"] == "user"
    assert msgspec.json.decode(request_body({"model": "a", "messages": [1]}))["messages"] == [1]


def test_requests_arrive_at_noon() -> None:
    """A test that names no instant sees the prices and lifecycles of the day on which it runs."""
    assert noon(datetime(2026, 11, 23, 23, 59, tzinfo=UTC)) == NOON


@pytest.mark.parametrize(
    ("surface", "body", "path"),
    [
        (Surface.CHAT, {"messages", "model", "stream"}, PathSays()),
        (Surface.MESSAGES, {"messages", "max_tokens", "model", "stream"}, PathSays()),
        (Surface.RESPONSES, {"input", "model", "stream"}, PathSays()),
        (Surface.GENERATE, {"contents"}, PathSays(model="a/b", stream=True)),
    ],
)
def test_every_api_has_a_request_of_its_own(surface: Surface, body: set[str], path: PathSays) -> None:
    """A conversation in its protocol; Gemini's path says the model, and that a stream is wanted."""
    text = b"tests: [{name: x, given: {surface: %b, request: {model: a/b, stream: true}}, expect: {status: 200}}]\n"
    (scenario,) = scenarios(Bundle({"tests/routing/x.yaml": text % surface.encode()}), None, NOON)

    assert scenario.surface is surface
    assert msgspec.json.decode(scenario.body).keys() == body
    assert scenario.path == path
