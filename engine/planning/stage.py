"""The gateway's ports without a network, a clock or a disk: scripted providers, virtual time, remembered records.

Nothing here ever suspends, so that a request runs to its end without an event loop.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import structs

from engine import hub
from engine.errors import OutcomeKind, UpstreamMalformed, UpstreamReset, UpstreamTimeout, UpstreamUnreachable
from engine.gateway.attempt import asked_how
from engine.gateway.ports import Call
from engine.gateway.reply import head_fields
from engine.planning.scenario import Scripted
from engine.values import Headers, Record, RequestRecord, Usage
from engine.wire.fold import spread

__all__ = ["Collected", "FixedEntropy", "Remembered", "ScriptedUpstream", "VirtualClock"]

_END_AT = datetime.max.replace(tzinfo=UTC)
_ANSWERS = Scripted()
_REPLY = hub.Reply(
    id="planned",
    choices=(hub.Choice(parts=(hub.Text(text="hello"),), finish=hub.Finish.STOP),),
    usage=Usage(input=10, output=5),
)


@dataclass(slots=True)
class VirtualClock:
    """Time that passes only while someone sleeps or waits in vain."""

    start_at: datetime
    passed_s: float = 0.0

    def monotonic(self) -> float:
        """Seconds since the scenario began."""
        return self.passed_s

    def now(self) -> datetime:
        """The scenario's start and what has passed since; at the end of the year 9999 the calendar stops."""
        return self.start_at + min(timedelta(seconds=self.passed_s), _END_AT - self.start_at)

    async def sleep(self, seconds: float) -> None:
        """Let so much time pass at once."""
        self.passed_s += seconds


@dataclass(frozen=True, slots=True)
class FixedEntropy:
    """Randomness that was written down."""

    drawn: float

    def draw(self) -> float:
        """The same number every time."""
        return self.drawn

    def request_id(self) -> str:
        """The same id every time: there is one request."""
        return "planned"


@dataclass(slots=True)
class Remembered:
    """A journal and metrics in one that keep the records they are given."""

    records: list[RequestRecord] = field(default_factory=list)

    def append(self, record: Record) -> None:
        """Keep a request's record; a plan makes no others."""
        if isinstance(record, RequestRecord):
            self.records.append(record)

    def observe(self, record: RequestRecord) -> None:
        """Counting is for traffic."""


@dataclass(slots=True)
class Collected:
    """A sink that keeps what the caller would have got."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""

    async def whole(self, status: int, head: bytes, body: bytes) -> None:
        """Keep all of it."""
        await self.start(status, head)
        await self.end(body)

    async def start(self, status: int, head: bytes) -> None:
        """Keep the head."""
        self.status, self.headers = status, dict(head_fields(head))

    async def send(self, data: bytes) -> None:
        """Keep part of the body."""
        self.body += data

    async def end(self, data: bytes = b"") -> None:
        """Keep the last part."""
        self.body += data


@dataclass(slots=True)
class ScriptedAnswer:
    """An answer that is there at once."""

    status: int
    headers: Headers
    body: bytes
    address: str = "planned:443"
    connect_ms: float | None = None

    @property
    def is_read(self) -> bool:
        """Whether it was read."""
        return not self.body

    async def read(self, timeout_s: float) -> bytes:  # noqa: ARG002 - the port's signature
        """All of it, then nothing."""
        data, self.body = self.body, b""
        return data

    async def read_all(self, limit_bytes: int) -> bytes:
        """All of it."""
        return await self.read(limit_bytes)

    def abort(self) -> None:
        """Nothing is open."""


@dataclass(slots=True)
class ScriptedUpstream:
    """Providers that do what a scenario says, attempt by attempt, and remember what they were sent."""

    script: Mapping[str, tuple[Scripted, ...]]
    clock: VirtualClock
    calls: list[Call] = field(default_factory=list)

    async def send(self, call: Call) -> ScriptedAnswer:
        """The next scripted answer of the call's provider, or its failure; 200 after the last."""
        provider = call.offer.provider.id
        before = sum(earlier.offer.provider.id == provider for earlier in self.calls)
        self.calls.append(call)
        scripted = self.script.get(provider, ())
        step = scripted[before] if before < len(scripted) else _ANSWERS
        if step.fails is not None:
            await self._fail(step.fails, call)
        headers = [(b"content-type", b"application/json")]
        if step.retry_after_s is not None:
            headers.append((b"retry-after", f"{step.retry_after_s:g}".encode()))
        return ScriptedAnswer(step.status, headers, _body(step, call))

    async def _fail(self, kind: OutcomeKind, call: Call) -> None:
        """Raise what an upstream raises for *kind*, after the time that it takes."""
        match kind:
            case OutcomeKind.CONNECT:
                raise UpstreamUnreachable("scripted")
            case OutcomeKind.RESET:
                raise UpstreamReset("scripted")
            case OutcomeKind.MALFORMED:
                raise UpstreamMalformed("scripted")
            case _:
                await self.clock.sleep(min(call.head_timeout_s, call.total_timeout_s))
                raise UpstreamTimeout("scripted", kind=kind)


def _body(step: Scripted, call: Call) -> bytes:
    """The scripted body, or one that a provider could have sent."""
    if step.body is not None:
        return step.body
    if not 200 <= step.status < 300:
        return msgspec.json.encode({"error": {"message": f"scripted answer with status {step.status}"}})
    model = call.offer.upstream_model
    codec = asked_how(call.offer, call.surface, stream=call.stream).codec
    assert codec.encode_reply is not None
    assert codec.encoder is not None
    reply = structs.replace(_REPLY, model=model)
    if not call.stream:
        return codec.encode_reply(reply)
    encoder = codec.encoder(model)
    return b"".join([*map(encoder.encode, spread(reply)), encoder.close()])
