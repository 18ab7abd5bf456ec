"""Run a scenario through the gateway's own request path, and say where it differs from what was expected."""

from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from engine.errors import Bug
from engine.gateway import Call, Cork, Gateway, Inbound
from engine.planning.scenario import Expected, Scenario
from engine.planning.stage import Collected, FixedEntropy, Remembered, ScriptedUpstream, VirtualClock
from engine.planning.world import PlannedLive
from engine.rules.program import Caller
from engine.rules.trace import tree
from engine.snapshot import Snapshot
from engine.values import RequestRecord

__all__ = ["Result", "run"]

_KEY: Final = b"planned"
"""Stands for the caller's key in a snapshot that knows no other."""

_ANYONE: Final = Caller(id="anyone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a scenario."""

    scenario: Scenario
    differences: tuple[str, ...]
    """One line each; empty when everything is as expected."""
    record: RequestRecord | None
    """As the journal would have it; None when the scenario could not be run."""
    decision: tuple[str, ...] = ()
    """The decision as a tree; empty when none was made."""
    sent: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    """The last attempt's body; empty when there was none."""
    answer: bytes = b""
    """The body that the caller got."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What a scenario can be held against."""

    record: RequestRecord
    sink: Collected
    sent: Mapping[str, object] | None
    """The last attempt's body; None when there was none."""


def run(snapshot: Snapshot, scenario: Scenario) -> Result:
    """What comes of *scenario* under *snapshot*: the production path, on a virtual clock, without a network."""
    caller = _caller(snapshot, scenario.consumer)
    if caller is None:
        return Result(scenario=scenario, differences=(f"no consumer '{scenario.consumer}' has a key",), record=None)
    clock = VirtualClock(scenario.at)
    upstream, sink, journal = ScriptedUpstream(scenario.answers, clock), Collected(), Remembered()
    gateway = Gateway(
        upstream=upstream,
        live=PlannedLive(unconfigured=scenario.unconfigured, down=scenario.down),
        journal=journal,
        metrics=journal,
        clock=clock,
        entropy=FixedEntropy(0.5 if scenario.draw is None else scenario.draw),
        cork=Cork(),
        node="planned",
        region=scenario.region,
    )
    _to_the_end(gateway.handle(_planned(snapshot, scenario, caller), _inbound(scenario), sink))
    record = journal.records[-1]
    sent = _sent(upstream.calls)
    return Result(
        scenario=scenario,
        differences=tuple(_differences(scenario.expected, _Outcome(record=record, sink=sink, sent=sent))),
        record=record,
        decision=tuple(tree(record.decision)) if record.decision else (),
        sent=MappingProxyType({}) if sent is None else sent,
        answer=sink.body,
    )


def _sent(calls: Sequence[Call]) -> Mapping[str, Any] | None:
    """The body of the last of *calls*, nothing of a form; None where there was no call."""
    if not calls:
        return None
    body = calls[-1].body
    fields: Mapping[str, Any] = msgspec.json.decode(body) if isinstance(body, bytes) else {}
    return fields


def _caller(snapshot: Snapshot, consumer: str | None) -> Caller | None:
    """The consumer, wherever it asks from and however old its keys are; None when nobody has that id."""
    if consumer is None:
        return _ANYONE
    found = next((caller for caller in snapshot.callers.values() if caller.id == consumer), None)
    return found and replace(found, networks=(), origins=frozenset(), expires=None)


def _planned(snapshot: Snapshot, scenario: Scenario, caller: Caller) -> Snapshot:
    """*snapshot* with *caller* as the only one; a draw that is given replaces hashed ones, so nothing is sticky."""
    program = snapshot.program
    if scenario.draw is not None:
        drawn = {name: replace(virtual, sticky=None) for name, virtual in program.virtual.items()}
        program = replace(program, virtual=MappingProxyType(drawn))
    return replace(snapshot, program=program, callers={sha256(_KEY).digest(): caller})


def _inbound(scenario: Scenario) -> Inbound:
    headers = [(name.lower().encode(), value.encode()) for name, value in scenario.headers]
    return Inbound(
        surface=scenario.surface,
        path=scenario.path,
        request_id="planned",
        headers=[(b"authorization", b"Bearer " + _KEY), *headers],
        body=scenario.body,
        ip="127.0.0.1",
    )


def _to_the_end(running: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that awaits only what is there."""
    try:
        running.send(None)
    except StopIteration:
        return
    running.close()
    raise Bug("a planned request waits for something that is not planned")


def _differences(expected: Expected, outcome: _Outcome) -> Iterator[str]:
    record, retry_after = outcome.record, outcome.sink.headers.get(b"retry-after-ms")
    found = (
        ("model", expected.model, record.resolved_model),
        ("provider", expected.provider, record.provider),
        ("attempts", expected.attempts, tuple(f"{one.model}@{one.provider}" for one in record.attempts)),
        ("status", expected.status, record.status),
        ("code", expected.code, record.error_code),
        ("route", expected.route, record.route),
        ("retry_after", expected.retry_after_s, int(retry_after) / 1e3 if retry_after else None),
    )
    for name, wanted, got in found:
        if wanted is not None and wanted != got:
            yield f"{name}: expected {_said(wanted)}, found {_said(got)}"
    if expected.body is not None or expected.without is not None:
        yield from _sent_differences(expected.body or {}, expected.without or (), outcome.sent)


def _sent_differences(
    body: Mapping[str, object], without: Sequence[str], sent: Mapping[str, object] | None
) -> Iterator[str]:
    if sent is None:
        yield "upstream: nothing was sent"
        return
    for key, value in body.items():
        if key not in sent:
            yield f"upstream.body.{key}: expected {_said(value)}, found nothing"
        elif not _is_same(value, sent[key]):
            yield f"upstream.body.{key}: expected {_said(value)}, found {_said(sent[key])}"
    for key in without:
        if key in sent:
            yield f"upstream.without.{key}: expected nothing, found {_said(sent[key])}"


def _is_same(one: object, other: object) -> bool:
    """Whether two JSON values are equal: 1 is 1.0, and not true."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _said(value: object) -> str:
    return "nothing" if value is None else msgspec.json.encode(value).decode()
