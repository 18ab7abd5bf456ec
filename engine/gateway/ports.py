"""The ports: what the straight line needs of the world, each the smallest thing that serves it."""

from datetime import datetime
from typing import Protocol

import msgspec

from engine.rules.program import Offer
from engine.rules.world import Live
from engine.values import Headers, Outcome, Record, RequestRecord, Surface, Usage
from engine.wire.content import Body

__all__ = [
    "Admission",
    "Answer",
    "Call",
    "Clock",
    "Entropy",
    "Journal",
    "LiveState",
    "Metrics",
    "NoRoom",
    "Sink",
    "Upstream",
]


class Clock(Protocol):
    """Time, injected."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary instant, the same for all processes of a host."""
        ...

    def now(self) -> datetime:
        """The present, UTC and aware."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        ...


class Entropy(Protocol):
    """Randomness, injected: drawn once for a request, and recorded."""

    def draw(self) -> float:
        """A number in [0, 1)."""
        ...

    def request_id(self) -> str:
        """A new id, unique over processes and restarts, sorting by time."""
        ...


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt, ready to be sent."""

    offer: Offer
    key_label: str
    """Empty under `auth.scheme: none`."""
    surface: Surface
    path: str
    """Below the provider's `base_url`; may end in a query."""
    stream: bool = False
    """The answer is wanted as a stream."""
    body: Body
    """Bytes, unless it is a form; read from its start by every attempt that sends it."""
    content_type: str = "application/json"
    headers: Headers = ()
    """Forwarded from the caller as the provider allows; credentials and content headers are the upstream's."""
    head_timeout_s: float
    """From the start of sending to the answer's status line and headers."""
    total_timeout_s: float
    """From the start to the last byte."""


class Answer(Protocol):
    """An answer whose head has arrived. Exactly one of reading to the end and `abort` must follow."""

    status: int
    headers: Headers
    address: str
    """host:port dialled."""
    connect_ms: float | None
    """None when an open connection was used."""

    @property
    def is_read(self) -> bool:
        """Whether it is known that the whole body has been read: the next `read` gives b"" at once."""
        ...

    async def read(self, timeout_s: float) -> bytes:
        """The next bytes of the body, decoded; b"" at its end.

        Raises:
            UpstreamTimeout: nothing came for *timeout_s* (`timeout_between_tokens`), or the total ran out
                (`timeout_total`).
            UpstreamReset, UpstreamMalformed: the body broke off, or is not HTTP.
        """
        ...

    async def read_all(self, limit_bytes: int) -> bytes:
        """The rest of the body. Raises as `read` does, and UpstreamMalformed above *limit_bytes*."""
        ...

    def abort(self) -> None:
        """Close the connection at once; harmless after the end."""
        ...


class Upstream(Protocol):
    """Performs one attempt."""

    async def send(self, call: Call) -> Answer:
        """The head of the answer, whatever its status.

        Raises:
            UpstreamFull: there was no connection to be had, and nothing was sent.
            UpstreamFault: no head arrived; cancelling the coroutine closes the connection.
        """
        ...


class Admission(msgspec.Struct, frozen=True):
    """Room taken at a provider; given back by `LiveState.settle`."""

    offer: Offer
    key_label: str
    tokens: int
    """Reserved from the provider's token rate."""
    provider_trial: int = 0
    """If this attempt is a half-open trial of the provider's breaker, the generation of that trial; else 0."""
    offer_trial: int = 0
    """The same for the breaker of this model there."""


class NoRoom(msgspec.Struct, frozen=True):
    """Our own limit at a provider has no room before *until_s* (monotonic)."""

    until_s: float


class LiveState(Live, Protocol):
    """The living state with its writes: what a gateway does to it around each attempt."""

    def admit(self, offer: Offer, key_label: str, tokens: int, now_s: float) -> Admission | NoRoom:
        """Take room for one attempt at the offer's provider, and a half-open trial where its breaker has them."""
        ...

    def settle(self, admission: Admission, outcome: Outcome, usage: Usage | None, now_s: float) -> None:
        """Give the room back and learn from the outcome: breaker, resting keys, mean output, retry budget."""
        ...

    def advance(self, pool: str) -> None:
        """Take the round-robin turn of *pool*."""
        ...


class Journal(Protocol):
    """Where usage is written down."""

    def append(self, record: Record) -> None:
        """Durable against a killed process when this returns; never blocks on `fsync`."""
        ...


class Metrics(Protocol):
    """Counters that are folded from records."""

    def observe(self, record: RequestRecord) -> None:
        """Count one finished request and its attempts."""
        ...


class Sink(Protocol):
    """Where the answer goes: one thin thing over a server's connection.

    A *head* is header lines as HTTP/1.1 sends them (RFC 9112, 5), each with its CRLF; what frames the body is not in
    it. `head_fields` takes one apart for servers that want names and values.
    """

    async def whole(self, status: int, head: bytes, body: bytes) -> None:
        """Send an answer that is already complete. Nothing else is called for it."""
        ...

    async def start(self, status: int, head: bytes) -> None:
        """Send the head of a stream. Called once, first."""
        ...

    async def send(self, data: bytes) -> None:
        """Send part of the body; returns when the connection can take more."""
        ...

    async def end(self, data: bytes = b"") -> None:
        """Send the last part and finish."""
        ...
