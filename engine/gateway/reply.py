"""What goes back beside the answer: status, headers, and the body of an error, in the caller's protocol."""

import math
from functools import lru_cache

from engine.errors import CallerFault, Refused
from engine.gateway.exchange import Exchange
from engine.values import Headers
from engine.wire.told import Told

__all__ = ["cost_comment", "error_reply", "failed_event", "plain_head", "stream_head"]

JSON = (b"content-type", b"application/json")
NO_CACHE = (b"cache-control", b"no-cache")
PLACES = 12
"""Decimal places of a dollar in pico-dollars."""
MOST_NAMES = 4096
"""Remembered at once: names that patterns serve are without number."""
EXPLAIN = "decision.explain"
"""The permission to see how a request was decided."""


def plain_head(exchange: Exchange) -> Headers:
    """Headers of a complete answer."""
    headers = _common(exchange, len(exchange.attempts))
    headers.append((b"content-type", _named(exchange.answer_type)))
    if exchange.estimated:
        headers.append((b"x-engine-estimated", b"1"))
    if exchange.cost_pusd is not None:
        headers.append((b"x-engine-cost-usd", usd(exchange.cost_pusd).encode()))
    return headers


def stream_head(exchange: Exchange, attempts: int) -> Headers:
    """Headers of a stream whose first content has just arrived, in the *attempts*-th attempt."""
    is_stream = exchange.facts is not None and exchange.facts.stream
    kind = exchange.codec.stream_type if is_stream else exchange.answer_type
    return [(b"content-type", _named(kind)), NO_CACHE, *_common(exchange, attempts)]


def error_reply(exchange: Exchange, fault: CallerFault | Refused) -> tuple[Headers, bytes]:
    """Headers and body of a refusal, in the caller's protocol."""
    body = exchange.codec.error_body(_told(exchange, fault))
    headers = [JSON, *_common(exchange, len(exchange.attempts))]
    if isinstance(fault, Refused):
        headers.append((b"x-should-retry", b"true" if fault.retryable else b"false"))
        if fault.retry_after_s is not None:
            headers.append((b"retry-after", b"%d" % max(1, math.ceil(fault.retry_after_s))))
            headers.append((b"retry-after-ms", b"%d" % math.ceil(fault.retry_after_s * 1e3)))
    else:
        headers.append((b"x-should-retry", b"false"))
    return headers, body


def failed_event(exchange: Exchange, fault: CallerFault | Refused) -> bytes:
    """The event that tells a caller inside a stream that it broke; no clean end follows it."""
    return exchange.codec.error_event(_told(exchange, fault))


def cost_comment(exchange: Exchange) -> bytes:
    """An SSE comment with what the stream cost, for callers who sent `x-engine-cost: 1`; else nothing."""
    if exchange.cost_pusd is None or not exchange.asks(b"x-engine-cost"):
        return b""
    return b": x-engine-cost-usd %s\n\n" % usd(exchange.cost_pusd).encode()


def usd(pusd: int) -> str:
    """Pico-dollars as exact dollars, `0.000135`: no exponent, no trailing zeros."""
    digits = str(pusd).zfill(PLACES + 1)
    return f"{digits[:-PLACES]}.{digits[-PLACES:]}".rstrip("0").rstrip(".")


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


def _common(exchange: Exchange, attempts: int) -> list[tuple[bytes, bytes]]:
    """The headers that every answer carries."""
    request_id = exchange.inbound.request_id.encode()
    decision, offer = exchange.decision, exchange.answered
    headers = [
        (b"x-request-id", request_id),
        (b"request-id", request_id),
        *_names(
            exchange.snapshot.config_hash,
            attempts,
            offer and offer.provider.id,
            offer and offer.model,
            decision and (decision.rule.name if decision.rule else decision.pool),
        ),
    ]
    if exchange.asks(b"x-engine-explain") and decision and exchange.caller and EXPLAIN in exchange.caller.permissions:
        headers.append((b"x-engine-decision", _visible(exchange.traced)))
    if exchange.dropped_params:
        headers.append((b"x-engine-dropped", _visible(", ".join(exchange.dropped_params))))
    return headers


@lru_cache(MOST_NAMES)
def _names(
    config_hash: str, attempts: int, provider: str | None, model: str | None, route: str | None
) -> tuple[tuple[bytes, bytes], ...]:
    """What answers that went the same way have in common; what is None is left out."""
    said = (
        (b"x-engine-config", config_hash[:12]),
        (b"x-engine-attempts", str(attempts) if attempts else None),
        (b"x-engine-provider", provider),
        (b"x-engine-model", model),
        (b"x-engine-route", route),
    )
    return tuple((name, _visible(value)) for name, value in said if value is not None)


def _visible(text: str) -> bytes:
    """A header value: visible ASCII, anything else as a question mark."""
    return text.encode("ascii", "replace").translate(_VISIBLE)


_named = lru_cache(MOST_NAMES)(_visible)
"""The same of a name that comes again with many answers: a provider's, a model's, a route's."""


_VISIBLE = bytes(c if 0x20 <= c < 0x7F else 0x3F for c in range(256))
