"""The two tables between httpx's exceptions and our own family. A test walks httpx's classes and misses none."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from engine.errors import (
    OutcomeKind,
    UpstreamFault,
    UpstreamFull,
    UpstreamMalformed,
    UpstreamReset,
    UpstreamTimeout,
    UpstreamUnreachable,
)

__all__ = ["FROM_HTTPX", "from_httpx", "httpx_faults", "our_faults", "to_httpx"]

FROM_HTTPX: dict[type[httpx.RequestError], type[UpstreamFault]] = {
    httpx.ConnectTimeout: UpstreamTimeout,
    httpx.PoolTimeout: UpstreamFull,
    httpx.ReadTimeout: UpstreamTimeout,
    httpx.WriteTimeout: UpstreamTimeout,
    httpx.ConnectError: UpstreamUnreachable,
    httpx.ProxyError: UpstreamUnreachable,
    httpx.UnsupportedProtocol: UpstreamUnreachable,
    httpx.ReadError: UpstreamReset,
    httpx.WriteError: UpstreamReset,
    httpx.CloseError: UpstreamReset,
    # httpx says RemoteProtocolError for a broken framing and for a connection that ended too soon alike
    httpx.RemoteProtocolError: UpstreamMalformed,
    httpx.LocalProtocolError: UpstreamMalformed,
    httpx.DecodingError: UpstreamMalformed,
    httpx.TooManyRedirects: UpstreamMalformed,
}


def from_httpx(exc: httpx.RequestError, *, phase: OutcomeKind, received: bool) -> UpstreamFault:
    """Our exception for httpx's; *phase* is the timeout it would be, unless it connected.

    The detail is the name of httpx's class: its messages may quote URLs and addresses.
    """
    ours = FROM_HTTPX[type(exc)]
    detail = f"httpx: {type(exc).__name__}"
    if issubclass(ours, UpstreamTimeout):
        kind = OutcomeKind.CONNECT if isinstance(exc, httpx.ConnectTimeout) else phase
        return ours(detail, kind=kind, received=received)
    return ours(detail, received=received)


def to_httpx(fault: UpstreamFault, request: httpx.Request) -> httpx.TransportError:
    """The exception of httpx for ours."""
    match fault:
        case UpstreamTimeout(kind=OutcomeKind.CONNECT):
            return httpx.ConnectTimeout(fault.detail, request=request)
        case UpstreamTimeout():
            return httpx.ReadTimeout(fault.detail, request=request)
        case UpstreamFull():
            return httpx.PoolTimeout(fault.detail, request=request)
        case UpstreamUnreachable():
            return httpx.ConnectError(fault.detail, request=request)
        case UpstreamMalformed():
            return httpx.RemoteProtocolError(fault.detail, request=request)
        case _:
            return httpx.ReadError(fault.detail, request=request)


@contextmanager
def our_faults(*, phase: OutcomeKind, received: bool) -> Iterator[None]:
    """What httpx raises inside becomes ours."""
    try:
        yield
    except httpx.RequestError as exc:
        raise from_httpx(exc, phase=phase, received=received) from exc


@contextmanager
def httpx_faults(request: httpx.Request) -> Iterator[None]:
    """What we raise inside becomes httpx's."""
    try:
        yield
    except UpstreamFault as fault:
        raise to_httpx(fault, request) from fault
