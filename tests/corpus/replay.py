"""Cases on their way through a running gateway: asked for, and compared with what the caller must be told."""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from engine.store.layout import Layout
from tests.bench.harness import ALL_CORES
from tests.bench.peers import Gateway, gateway
from tests.corpus.asks import Ask
from tests.corpus.caller import Caller, NoAnswer
from tests.corpus.cases import Case
from tests.corpus.expect import differences, failed, status_of, truth_of
from tests.corpus.provider import replaying
from tests.corpus.read import READERS, events_of
from tests.corpus.roots import KEY, write_root
from tests.drill.scene import publish

CONNECTIONS = 8

NO_KIND = frozenset({"max_tokens"})
"""A column of tokens that were not used."""


@dataclass(slots=True)
class Finding:
    """What became of one request."""

    ask: Ask
    wrong: str = ""
    """Where the caller was told something else than the truth; empty where it holds."""
    request_id: str = ""


@contextmanager
def running(directory: Path, port: int) -> Iterator[Gateway]:
    """A gateway in front of a provider that is to listen on *port*."""
    root = directory / "root"
    write_root(root, port)
    with gateway(root, cores=ALL_CORES) as engine:
        yield engine


async def replay(engine: Gateway, port: int, cases: Mapping[str, Case], asks: Iterable[Ask]) -> list[Finding]:
    """What became of every one of *asks*, in their order, at most `CONNECTIONS` at a time."""
    found = [Finding(each) for each in asks]
    waiting = iter(found)

    async def work() -> None:
        async with Caller(engine.port, KEY) as caller:
            for finding in waiting:
                await _asked(caller, finding)

    async with replaying(cases, port):
        await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return found


async def _asked(caller: Caller, finding: Finding) -> None:
    """Ask, and note what is wrong with the answer."""
    ask = finding.ask
    try:
        answer = await caller.post(ask.path, ask.body)
    except NoAnswer as exc:
        finding.wrong = f"no whole answer: {exc}"
        return
    finding.request_id = answer.request_id
    finding.wrong = "; ".join(_wrong(ask, answer.status, answer.body))[:500]


def _wrong(ask: Ask, status: int, body: bytes) -> Iterator[str]:
    case = ask.case
    if case.status != 200:
        if status != status_of(case):
            yield f"status {status} for {status_of(case)}: {body[:200]!r}"
        return
    if failed(case):
        yield from _failed(ask, status, body)
        return
    if status != 200:
        yield f"status {status} for 200: {body[:300]!r}"
        return
    if ask.is_native:
        yield from _passed(ask, body)
        return
    try:
        said = READERS[ask.surface, case.is_stream](body)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as exc:
        yield f"cannot be read: {exc!r} in {body[:200]!r}"
        return
    truth = truth_of(case)
    yield from differences(ask.surface, truth, said) if truth else said.faults


def _failed(ask: Ask, status: int, body: bytes) -> Iterator[str]:
    """An answer that failed at the provider is an error for the caller, before or inside the stream."""
    if status == 200 and not READERS[ask.surface, ask.case.is_stream](body).error:
        yield "a failure that is told as a success"


def _passed(ask: Ask, body: bytes) -> Iterator[str]:
    """What a provider of the caller's own protocol says passes as it is, but for a chunk that nobody asked for."""
    if not ask.case.is_stream:
        if body != ask.case.body:
            yield "the bytes are not the provider's"
        return
    sent = [data for _, data in events_of(ask.case.body)]
    came = [data for _, data in events_of(body)]
    if ask.surface == "chat" and not ask.asks_usage:
        sent = [data for data in sent if not _counts_only(data)]
        came = [data for data in came if not _counts_only(data)]
    if sent != came:
        at = next((n for n, (a, b) in enumerate(zip(sent, came, strict=False)) if a != b), min(len(sent), len(came)))
        yield f"event {at} of {len(sent)} is not the provider's: {came[at : at + 1]} for {sent[at : at + 1]}"[:400]


def _counts_only(data: str) -> bool:
    return data.startswith("{") and json.loads(data).get("choices") == []


def check_journal(engine: Gateway, found: Iterable[Finding]) -> None:
    """Note where the usage that was written down is not the truth's."""
    publish(engine.data)
    with duckdb.connect(str(Layout(engine.data).catalog), read_only=True) as catalog:
        rows = {str(row[0]): (row[1], row[2]) for row in catalog.execute(_usage_of(catalog)).fetchall()}
    for finding in found:
        case = finding.ask.case
        if case.status != 200 or finding.wrong or failed(case):
            continue
        truth = truth_of(case)
        if finding.request_id not in rows:
            finding.wrong = "no row in the journal"
        elif truth is not None and truth.input is not None:
            into, out = rows[finding.request_id]
            if into != truth.input or out not in truth.outputs:
                finding.wrong = f"journal: {into} in, {out} out for {truth.input}, {sorted(truth.outputs)}"


def _usage_of(catalog: duckdb.DuckDBPyConnection) -> str:
    """A query for what each request used, all kinds of tokens added up: (id, in, out)."""
    columns = [str(row[0]) for row in catalog.execute("describe requests").fetchall()]
    kinds = [name for name in columns if name.endswith("_tokens") and name not in NO_KIND]
    out = [name for name in kinds if "output" in name or "reasoning" in name]
    into = [name for name in kinds if name not in out]
    sums = (" + ".join(f"coalesce({name}, 0)" for name in names) for names in (into, out))
    return f"select request_id, {', '.join(sums)} from requests"
