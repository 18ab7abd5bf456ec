"""SQL over HTTP, in front of a process that ends as a test says."""

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from litestar import Litestar
from litestar.datastructures import State

from engine.errors import Bug, CallerFault
from engine.rules.program import Caller
from engine.server.access import caller_fault, our_fault
from engine.server.admin import sql
from engine.server.queried import Queried

pytestmark = pytest.mark.filterwarnings("ignore:.*kwarg 'data' declared without a body marker")
"""Litestar's word on its own next version; the application itself is made in processes that do not show it."""

Ask = Callable[[Queried | Bug], Any]


@pytest.fixture
def lines() -> list[dict[str, object]]:
    return []


@pytest.fixture
def ask(lines: list[dict[str, object]]) -> Ask:
    """`ask(found)`: the answer when that became of the query."""

    async def answer(found: Queried | Bug) -> httpx.Response:
        async def query(_: str) -> Queried:
            if isinstance(found, Bug):
                raise found
            return found

        service = SimpleNamespace(
            query=query,
            current=SimpleNamespace(
                snapshot=SimpleNamespace(
                    callers={}, anonymous=Caller(id="analyst", permissions=frozenset({"sql.query"}))
                )
            ),
            gateway=SimpleNamespace(
                clock=SimpleNamespace(now=lambda: datetime.now(UTC)), entropy=SimpleNamespace(request_id=lambda: "r1")
            ),
            log=SimpleNamespace(error=lambda event, /, **fields: lines.append({"event": event} | fields)),
            trusted_proxies=(),
        )
        app = Litestar(
            [sql],
            exception_handlers={CallerFault: caller_fault, Bug: our_fault},
            state=State({"service": service}),
            logging_config=None,
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, app)), base_url="http://t") as client:
            return await client.post("/v1/sql", json={"query": "SELECT 1"})

    return answer


async def test_a_wrong_query_is_told_what_is_wrong(ask: Ask, lines: list[dict[str, object]]) -> None:
    """What is said of a query is the caller's to mend."""
    answer = await ask(Queried(problem="1:8: no such column"))
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "1:8: no such column"
    assert answer.json()["error"]["code"] == "invalid_query"
    assert lines == []


async def test_a_process_that_fails_is_our_fault(ask: Ask, lines: list[dict[str, object]]) -> None:
    """However else it ended, the caller is told a request id, and the log what happened."""
    reason = "a query's process ended with 70: Traceback: /srv/secret/place"
    answer = await ask(Bug(reason))
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] == "r1"
    assert lines == [{"event": "request_failed", "request_id": "r1", "reason": reason}]
