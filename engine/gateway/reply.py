"""What goes back beside the answer: status, headers, and the body of an error, in the caller's protocol."""

import math
from functools import lru_cache

from engine.errors import CallerFault, Refused
from engine.gateway.exchange import Exchange
from engine.pricing import PUSD_PER_USD
from engine.values import Headers
from engine.wire.told import Told

__all__ = ["cost_comment", "error_reply", "failed_event", "head_fields", "plain_head", "stream_head"]

JSON = "application/json"
SSE = "text/event-stream"
MOST_NAMES = 4096
"""Heads that are remembered at once: there is no end to the names that patterns serve."""
EXPLAIN = "decision.explain"
"""The permission to see how a request was decided."""


def plain_head(exchange: Exchange) -> bytes:
    """The head of a complete answer, as `Sink` takes it."""
    head = _common(exchange, len(exchange.attempts), exchange.answer_type)
    if exchange.estimated:
        head += b"x-engine-estimated: 1\r\n"
    if exchange.cost_pusd is not None:
        head += b"x-engine-cost-usd: %b\r\n" % usd(exchange.cost_pusd)
    return head


def stream_head(exchange: Exchange, attempts: int) -> bytes:
    """The head of a stream whose first content has just arrived, in the *attempts*-th attempt."""
    return _common(exchange, attempts, _stream_type(exchange)) + b"cache-control: no-cache\r\n"


def error_reply(exchange: Exchange, fault: CallerFault | Refused) -> tuple[bytes, bytes]:
    """Head and body of a refusal, in the caller's protocol."""
    body = exchange.codec.error_body(_told(exchange, fault))
    head = _common(exchange, len(exchange.attempts), JSON)
    is_retryable, again_s = (fault.retryable, fault.retry_after_s) if isinstance(fault, Refused) else (False, None)
    head += b"x-should-retry: %b\r\n" % (b"true" if is_retryable else b"false")
    if again_s is not None:
        head += b"retry-after: %d\r\nretry-after-ms: %d\r\n" % (max(1, math.ceil(again_s)), math.ceil(again_s * 1e3))
    return head, body


def failed_event(exchange: Exchange, fault: CallerFault | Refused) -> bytes:
    """The event that tells a caller inside a stream that it broke; no clean end follows it."""
    return exchange.codec.error_event(_told(exchange, fault))


def cost_comment(exchange: Exchange) -> bytes:
    """An SSE comment with what the stream cost, for callers who sent `x-engine-cost: 1`; else nothing."""
    if exchange.cost_pusd is None or not exchange.asks(b"x-engine-cost"):
        return b""
    if not _stream_type(exchange).startswith(SSE):  # sound, or an array of JSON: a comment has no place in it
        return b""
    return b": x-engine-cost-usd %b\n\n" % usd(exchange.cost_pusd)


def usd(pusd: int) -> bytes:
    """Pico-dollars as exact dollars, `0.000135`: no exponent, no trailing zeros."""
    return (b"%d.%012d" % divmod(pusd, PUSD_PER_USD)).rstrip(b"0").rstrip(b".")


def head_fields(head: bytes) -> Headers:
    """The headers of a head, as names and values."""
    return [(name, value) for name, _, value in (line.partition(b": ") for line in head.split(b"\r\n")[:-1])]


def _stream_type(exchange: Exchange) -> str:
    """Content-Type of a stream: the caller's protocol's where one was asked for, else the provider's."""
    is_asked_for = exchange.facts is not None and exchange.facts.stream
    return exchange.codec.stream_type if is_asked_for else exchange.answer_type


def _told(exchange: Exchange, fault: CallerFault | Refused) -> Told:
    """What an error says."""
    visible = exchange.caller is not None and EXPLAIN in exchange.caller.permissions
    return Told(
        status=fault.status,
        type=fault.type,
        code=fault.reason,
        message=fault.message,
        param=fault.param if isinstance(fault, CallerFault) else None,
        request_id=exchange.inbound.request_id,
        rule=fault.rule if isinstance(fault, Refused) and visible else None,
    )


def _common(exchange: Exchange, attempts: int, content_type: str) -> bytes:
    """The head that every answer has."""
    request_id = exchange.inbound.request_id.encode()
    decision, offer = exchange.decision, exchange.answered
    names = _names(
        content_type,
        exchange.snapshot.config_hash,
        attempts,
        offer and offer.provider.id,
        offer and offer.model,
        decision and (decision.rule.name if decision.rule else decision.pool),
    )
    head = b"x-request-id: %b\r\nrequest-id: %b\r\n%b" % (request_id, request_id, names)
    if exchange.asks(b"x-engine-explain") and decision and exchange.caller and EXPLAIN in exchange.caller.permissions:
        head += _line("x-engine-decision", exchange.traced)
    if exchange.dropped_params:
        head += _line("x-engine-dropped", ", ".join(exchange.dropped_params))
    return head


@lru_cache(MOST_NAMES)
def _names(  # noqa: PLR0917 - by position, since a cache knows a call by how it is written
    content_type: str, config_hash: str, attempts: int, provider: str | None, model: str | None, route: str | None
) -> bytes:
    """The lines that answers routed the same way have in common; what is None is left out."""
    said = {
        "content-type": content_type,
        "x-engine-config": config_hash[:12],
        "x-engine-attempts": str(attempts) if attempts else None,
        "x-engine-provider": provider,
        "x-engine-model": model,
        "x-engine-route": route,
    }
    return b"".join(_line(name, value) for name, value in said.items() if value is not None)


def _line(name: str, value: str) -> bytes:
    """A header line of visible ASCII; anything else in its value is a question mark."""
    return b"%b: %b\r\n" % (name.encode(), value.encode("ascii", "replace").translate(_VISIBLE))


_VISIBLE = bytes(c if 0x20 <= c < 0x7F else 0x3F for c in range(256))
