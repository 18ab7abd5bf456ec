"""One request while it lives, and the record it becomes. Mutable: every step of the line notes here what it learns."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_network

import msgspec

from engine.errors import CallerFault, OutcomeKind, Refused
from engine.rules.decision import Decision
from engine.rules.program import Caller, Offer
from engine.snapshot import Snapshot
from engine.values import AttemptRecord, Facts, Headers, Measures, RequestRecord, Surface, Usage
from engine.wire.codecs import CallerCodec
from engine.wire.envelope import Envelope
from engine.wire.multipart import Form

__all__ = ["NOTHING_SAID", "Exchange", "Inbound", "PathSays", "Understood", "milliseconds", "source_prefix"]

HUNG_UP = 499
"""The status recorded for a caller who hung up, as nginx does."""
MOST_CLIENTS = 4096
"""Clients whose networks are remembered at once."""


class PathSays(msgspec.Struct, frozen=True, kw_only=True):
    """What a request's path says of it, on surfaces whose bodies do not (Gemini's)."""

    model: str = ""
    stream: bool = False
    array: bool = False
    """The stream is wanted as one JSON array instead of server-sent events."""


NOTHING_SAID = PathSays()


class Inbound(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the server read it: complete, within its bounds, not yet understood."""

    surface: Surface
    request_id: str
    headers: Headers
    """Names in lower case."""
    body: bytes | Form
    """A form where the surface takes forms and it came as one; its stored files stay until it is answered."""
    ip: str
    """The client's address, trusted proxies already looked through."""
    path: PathSays = NOTHING_SAID


class Understood(msgspec.Struct, frozen=True, kw_only=True):
    """A request that has been read and decided: who asks, for what, and what follows from it."""

    caller: Caller
    envelope: Envelope
    facts: Facts
    decision: Decision


class Exchange(msgspec.Struct, kw_only=True):
    """Everything learnt about one request, from its arrival to its record."""

    snapshot: Snapshot
    inbound: Inbound
    codec: CallerCodec
    """The caller's protocol."""
    headers: dict[bytes, bytes]
    """The caller's headers by name; the last of several counts."""
    at: datetime
    started_s: float
    caller: Caller | None = None
    facts: Facts | None = None
    decision: Decision | None = None
    traced: str = ""
    """The decision as its row keeps it."""
    attempts: list[AttemptRecord] = []
    dropped_params: tuple[str, ...] = ()
    answered: Offer | None = None
    """The offer whose answer goes out."""
    usage: Usage | None = None
    measures: Measures | None = None
    """What is counted beside tokens; None when nothing is."""
    finish_reason: str | None = None
    cost_pusd: int | None = None
    cost_problem: str | None = None
    price_id: str | None = None
    committed: bool = False
    """Whether content of a stream has gone out."""
    answer_type: str = "application/json"
    """Content-Type of the answer, unless that is a stream the caller asked for."""
    held: bytes = b""
    """Of a stream: what came together with its end and is still to be sent."""
    tail: bytes = b""
    """What is to be sent last: all of a plain answer, the terminator of a stream."""
    estimated: bool = False
    """The answer is our own estimate: no provider was asked."""
    ttft_ms: float | None = None
    error: OutcomeKind | None = None
    fault: CallerFault | Refused | None = None

    @property
    def status(self) -> int:
        """What the caller sees. A stream that broke after its head went out keeps the 200 it began with."""
        if self.committed:
            return 200
        if self.error is None and self.fault is None:
            return 200
        if self.error is OutcomeKind.CANCELLED:
            return HUNG_UP
        return 200 if self.fault is None else self.fault.status

    def asks(self, header: bytes) -> bool:
        """Whether the caller set one of the gateway's own switches to 1."""
        return self.headers.get(header) == b"1"

    def record(self, node: str, total_ms: float) -> RequestRecord:
        """The row of `requests` that this exchange has become."""
        caller, decision, snapshot = self.caller or NOBODY, self.decision, self.snapshot
        facts = self.facts or Facts(model="", at=self.at)
        place = decision and (decision.rule or decision.virtual)
        traceparent = self.headers.get(b"traceparent")
        return RequestRecord(  # by position: `Facts` says why
            self.inbound.request_id,
            self.at,
            node,
            caller.id,
            caller.team,
            caller.cost_center,
            caller.key_label,
            facts.user,
            source_prefix(self.inbound.ip),
            _tags(facts.metadata, snapshot.recording.tags) if facts.metadata else {},
            facts.headers or {},  # an empty read-only mapping costs more to encode
            facts.metadata or {},
            _trace_id(traceparent) if traceparent else "",
            self.inbound.surface,
            facts.stream,
            facts.model,
            self.answered.model if self.answered else None,
            self.answered.provider.id if self.answered else None,
            decision.rule.name if decision and decision.rule else None,
            f"{place.place.file}:{place.place.line}" if place else None,
            snapshot.config_hash,
            snapshot.git_rev,
            facts.has_tools,
            facts.has_images,
            facts.has_audio,
            facts.has_files,
            facts.wants_json,
            facts.reasoning,
            facts.input_tokens,
            facts.max_tokens,
            self.traced,
            self.dropped_params,
            self.ttft_ms,
            total_ms,
            self.status,
            self.error,
            self.fault.reason if self.fault else None,
            self.finish_reason,
            self.usage,
            self.answered is not None and self.answered.unlisted,
            self.price_id,
            self.cost_pusd,
            self.cost_problem,
            tuple(self.attempts),
            self.measures,
        )


def _tags(metadata: Mapping[str, str], tags: frozenset[str]) -> Mapping[str, str]:
    return {key: value for key, value in metadata.items() if key in tags}


NOBODY = Caller(id="", anonymous=True)
"""Stands for a caller who could not be identified; such requests are counted, not journalled."""


def milliseconds(seconds: float) -> float:
    """A duration as it is written down: to the microsecond, which is as much as the clocks are worth."""
    return int(seconds * 1e6) / 1e3


@lru_cache(MOST_CLIENTS)
def source_prefix(ip: str) -> str:
    """The /24 of an IPv4 or the /48 of an IPv6 address; empty when there is none."""
    return str(ip_network(f"{ip}/{48 if ':' in ip else 24}", strict=False)) if ip else ""


def _trace_id(traceparent: bytes) -> str:
    """The trace id of a W3C `traceparent` header (version-traceid-parentid-flags); empty when it is not one."""
    parts = traceparent.split(b"-")
    return parts[1].decode("latin-1") if len(parts) == 4 and len(parts[1]) == 32 and parts[1].isalnum() else ""
