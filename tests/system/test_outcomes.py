"""The outcome table, row by row, through the front door: what is tried, what the caller sees, what is written down."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

# What the provider does: how it is classed, how often it is asked, whether the next one takes over, and what the
# caller sees when there is no next one.
ROWS = [
    ("reset", "reset", 2, True, 502),
    ("status-500", "server_error", 2, True, 502),
    ("status-503", "overloaded", 2, True, 503),
    ("stalled-503", "overloaded", 2, True, 503),
    ("cut-503", "overloaded", 2, True, 503),
    ("huge-429", "rate_limited", 1, True, 429),
    ("malformed", "malformed", 2, True, 502),
    ("stall", "timeout_total", 1, True, 504),
    ("status-429", "rate_limited", 1, True, 429),
    ("status-401", "provider_auth", 1, True, 503),
    ("status-402", "payment_required", 1, True, 503),
    ("status-403", "provider_auth", 1, True, 503),
    ("status-404", "model_not_found", 1, True, 404),
    ("context-length", "context_length", 1, False, 400),
    ("content-filter", "content_filter", 1, False, 400),
    ("status-400", "bad_request", 1, False, 400),
]
STREAM_ROWS = [
    ("reset", "reset", 2, True),
    ("stall", "timeout_first_token", 1, True),
    ("status-429", "rate_limited", 1, True),
    ("stalled-503", "overloaded", 2, True),
    ("error-in-200", "overloaded", 2, True),
]
BROKEN_STREAMS = [
    ("reset-in-stream", "reset"),
    ("stall-in-stream", "timeout_between_tokens"),
    ("truncated", "reset"),
]


def virtual_models() -> str:
    """For every row a name that may go on at b, and one that may not; each at a provider of its own."""
    lines = ["models:"]
    for shape, rows in (("plain", ROWS), ("stream", STREAM_ROWS)):
        for kind, *_ in rows:
            at = f"{shape}-{kind}"
            lines.append(f"  with-next-{at}: {{targets: ['t/{kind}:next@{at}'], fallback: ['t/ok:next@b']}}")
            lines.append(f"  alone-{at}: {{targets: ['t/{kind}:alone@{at}-alone']}}")
    lines.append("  long: {targets: ['t/context-length:for@a'], fallback_for: {context_length: [t/ok@b]}}")
    lines.append("  narrow-first: {targets: ['t/paced@narrow'], fallback: [t/ok@b]}")
    lines.append("  either: {targets: [t/ok@a, t/ok@b]}")
    lines.append("  hasty: {targets: ['t/stall:hasty@touchy'], fallback: [t/ok@b], deadline: 300ms}")
    lines.append("  filtered: {targets: ['t/content-filter:for@a'], fallback_for: {content_filter: [t/ok@b]}}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def gateway(make_gateway: Callable[..., Any], provider_file: Callable[[str], str]) -> Iterator[Any]:
    names = [f"{shape}-{kind}" for shape, rows in (("plain", ROWS), ("stream", STREAM_ROWS)) for kind, *_ in rows]
    files = {f"providers.d/{name}.yaml": provider_file(name) for base in names for name in (base, f"{base}-alone")}
    files["providers.d/told.yaml"] = provider_file("told")
    files["providers.d/touchy.yaml"] = provider_file("touchy").replace("failures: 1000", "failures: 1")
    narrow = provider_file("narrow").replace("failures: 1000", "failures: 1").replace("connect: 1s", "connect: 300ms")
    files["providers.d/narrow.yaml"] = narrow + "connections: {max: 1}\n"
    files["providers.d/narrow-strict.yaml"] = (
        narrow.replace("narrow", "narrow-strict") + "connections: {max: 1}\nwhen_full: {then: reject}\n"
    )
    gateway = make_gateway(files | {"routes.d/rows.yaml": virtual_models()})
    gateway.start()
    yield gateway
    gateway.stop()


def earn_retries(gateway: Any) -> None:
    """A retry is one fifth of a request that needed none: the budget has room for this row's afterwards."""
    for _ in range(10):
        gateway.chat("t/ok@b")


def attempts_of(gateway: Any, answer: Any) -> list[dict[str, Any]]:
    request_id = answer.headers["x-request-id"]
    rows: list[dict[str, Any]] = gateway.sql(
        f"select n, provider, role, error_kind from attempts where request_id = '{request_id}' order by n"
    )
    return rows


@pytest.mark.parametrize(("kind", "classed", "asked", "goes_on", "_"), ROWS)
def test_plain(gateway: Any, kind: str, classed: str, asked: int, *, goes_on: bool, _: int) -> None:
    """An answer is classed, tried again and handed over as the table says, and each attempt is a row."""
    earn_retries(gateway)
    answer = gateway.chat(f"with-next-plain-{kind}")
    attempts = attempts_of(gateway, answer)

    assert [row["error_kind"] for row in attempts] == [classed] * asked + [None] * goes_on
    assert (answer.status_code == 200) is goes_on


@pytest.mark.parametrize(("kind", "_classed", "_asked", "_goes_on", "status"), ROWS)
def test_nothing_left(gateway: Any, kind: str, _classed: str, _asked: int, *, _goes_on: bool, status: int) -> None:
    """When nothing is left the caller sees the status of the table, in OpenAI's shape, and no secret of ours."""
    answer = gateway.chat(f"alone-plain-{kind}")
    error = answer.json()["error"]

    assert answer.status_code == status
    assert error["request_id"] == answer.headers["x-request-id"]
    assert error["code"]
    assert "canary" not in answer.text


@pytest.mark.parametrize(("kind", "classed", "asked", "goes_on"), STREAM_ROWS)
def test_before_the_first_token(gateway: Any, kind: str, classed: str, asked: int, *, goes_on: bool) -> None:
    """A stream that fails before its first content is handed over silently."""
    earn_retries(gateway)
    answer = gateway.chat(f"with-next-stream-{kind}", stream=True)

    assert [row["error_kind"] for row in attempts_of(gateway, answer)] == [classed] * asked + [None] * goes_on
    assert answer.text.rstrip().endswith("data: [DONE]")


@pytest.mark.parametrize(("kind", "classed"), BROKEN_STREAMS)
def test_after_the_first_token(gateway: Any, kind: str, classed: str) -> None:
    """A stream that breaks after content went out is told so inside the stream, and never ends cleanly."""
    answer = gateway.chat(f"t/{kind}@a", stream=True)
    row = gateway.sql(
        f"select status, error_kind, usage_source from requests where request_id = '{answer.headers['x-request-id']}'"
    )[0]

    assert answer.status_code == 200
    assert '"error":' in answer.text
    assert "[DONE]" not in answer.text
    assert row == {"status": 200, "error_kind": classed, "usage_source": "partial"}


def test_rate_limit_is_told_with_its_time(gateway: Any) -> None:
    """A 429 with nothing left carries the provider's Retry-After; while the key rests nothing is sent there."""
    name = "status-429:told"
    first = gateway.chat(f"t/{name}@told")
    second = gateway.chat(f"t/{name}@told")

    assert 50 <= int(first.headers["retry-after"]) <= 60
    assert second.status_code == 429
    assert gateway.seen("a")["requests"][name] == 1


def test_the_deadline_is_no_fault_of_the_provider(gateway: Any) -> None:
    """Row "deadline": who is cut off by it is neither tried again nor followed, and its breaker hears nothing."""
    answer = gateway.chat("hasty")
    row = gateway.sql(f"select error_kind from requests where request_id = '{answer.headers['x-request-id']}'")[0]

    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline_exceeded")
    assert [attempt["error_kind"] for attempt in attempts_of(gateway, answer)] == [row["error_kind"]] == ["deadline"]
    assert not gateway.sql("select 1 from events where event = 'breaker_opened' and subject like '%touchy%'")


def test_our_own_bound_on_connections_is_no_fault_of_the_provider(gateway: Any) -> None:
    """Who finds no connection goes by `when_full`: no attempt is written down, and the breaker hears nothing."""
    earn_retries(gateway)
    with ThreadPoolExecutor(12) as callers:
        answers = list(callers.map(lambda _: gateway.chat("narrow-first", stream=True), range(12)))
    asked = [answer.headers["x-engine-provider"] for answer in answers]

    assert {answer.status_code for answer in answers} == {200}
    assert 1 <= asked.count("narrow") < 12
    assert all(len(attempts_of(gateway, answer)) == 1 for answer in answers)
    assert gateway.chat("t/ok@narrow").status_code == 200
    assert not gateway.sql("select 1 from events where subject like '%narrow%'")


def test_full_and_nothing_left(gateway: Any) -> None:
    """With no other target the caller is told that there is no room, and when to come again."""
    with ThreadPoolExecutor(12) as callers:
        answers = list(callers.map(lambda _: gateway.chat("t/paced@narrow-strict", stream=True), range(12)))
    refused = [answer for answer in answers if answer.status_code != 200]

    assert 1 <= len(refused) < 12
    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in refused} == {(503, "at_capacity")}
    assert all("retry-after" in answer.headers for answer in refused)


@pytest.mark.parametrize(
    ("header", "wishes", "answered"),
    [
        ("b", None, "b"),
        ("b", {}, "b"),
        ("b, a", {"sort": "price"}, "b"),
        ("a, b", {"only": ["b"]}, "b"),
        ("a, b", {"ignore": ["a"]}, "b"),
        ("a", {"only": ["b"]}, None),
    ],
)
def test_wishes_of_header_and_body_narrow_together(
    gateway: Any, header: str, wishes: dict[str, Any] | None, answered: str | None
) -> None:
    """`x-engine-provider` means these providers only, whatever OpenRouter's `provider` object says beside it."""
    body = {} if wishes is None else {"provider": wishes}
    answer = gateway.chat("either", headers={"x-engine-provider": header}, **body)

    assert answer.headers.get("x-engine-provider") == answered
    assert answer.status_code == (200 if answered else 400)


@pytest.mark.parametrize("name", ["long", "filtered"])
def test_chains_of_their_own(gateway: Any, name: str) -> None:
    """`fallback_for` says where a kind of failure goes on."""
    answer = gateway.chat(name)

    assert answer.status_code == 200
    assert answer.headers["x-engine-provider"] == "b"


def test_refused_connection_is_handed_over(gateway: Any) -> None:
    """A provider that nobody listens for is followed by the next, at once."""
    dead = (gateway.root / "providers.d/b.yaml").read_text().replace("id: b", "id: dead")
    port = gateway.providers["b"]
    gateway.write("providers.d/dead.yaml", dead.replace(f":{port}/", ":9/"))
    gateway.write("routes.d/dead.yaml", "models: {dead-first: {targets: [t/ok@dead], fallback: [t/ok@b]}}\n")
    gateway.reload()
    answer = gateway.chat("dead-first")

    assert answer.status_code == 200
    assert attempts_of(gateway, answer)[0]["error_kind"] == "connect"
