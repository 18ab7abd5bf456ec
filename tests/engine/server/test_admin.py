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
from engine.server.service import Queried

pytestmark = pytest.mark.filterwarnings("ignore:.*kwarg 'data' declared without a body marker")
"""Litestar's word on its own next version; the application itself is made in processes that do not show it."""

Ask = Callable[[int, bytes], Any]


@pytest.fixture
def lines() -> list[dict[str, object]]:
    return []


@pytest.fixture
def ask(lines: list[dict[str, object]]) -> Ask:
    """`ask(code, output)`: the answer when the query's process ended so."""

    async def answer(code: int, output: bytes) -> httpx.Response:
        async def query(_: str) -> Queried:
            return Queried(code=code, output=output)

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
    """What `engine sql` says of a query, exit code 2, is the caller's to mend."""
    answer = await ask(2, b"Error: 1:8: no such column\n")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "Error: 1:8: no such column"
    assert answer.json()["error"]["code"] == "invalid_query"
    assert lines == []


@pytest.mark.parametrize("code", [1, 70, -9])
async def test_a_process_that_fails_is_our_fault(ask: Ask, lines: list[dict[str, object]], code: int) -> None:
    """However else it ended, the caller is told a request id, and the log what happened."""
    answer = await ask(code, b"Traceback: /srv/secret/place\n")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] == "r1"
    assert lines == [
        {
            "event": "request_failed",
            "request_id": "r1",
            "reason": f"a query's process ended with {code}: Traceback: /srv/secret/place",
        }
    ]
