from collections.abc import Iterator

import httpx
import pytest

from engine.errors import (
    OutcomeKind,
    UpstreamFault,
    UpstreamFull,
    UpstreamMalformed,
    UpstreamReset,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from engine.upstream.faults import FROM_HTTPX, from_httpx, httpx_faults, our_faults, to_httpx

REQUEST = httpx.Request("GET", "http://secret.internal/?key=canary")


def leaves(kind: type[Exception]) -> Iterator[type[Exception]]:
    """The classes below *kind* that are raised: those without subclasses."""
    below = kind.__subclasses__()
    if not below:
        yield kind
    for sub in below:
        yield from leaves(sub)


def test_no_exception_of_httpx_is_missing() -> None:
    """Every exception that httpx raises while it performs a request has a row in the table."""
    theirs = set(leaves(httpx.RequestError)) - {
        kind for kind in leaves(httpx.RequestError) if "httpx" not in kind.__module__
    }
    assert theirs == set(FROM_HTTPX)


@pytest.mark.parametrize("kind", FROM_HTTPX)
def test_from_httpx(kind: type[httpx.RequestError]) -> None:
    """Each becomes its class of ours, with the timeout it was, and without the text, which may quote a URL."""
    fault = from_httpx(kind("http://secret"), phase=OutcomeKind.TIMEOUT_BETWEEN_TOKENS, received=True)
    assert type(fault) is FROM_HTTPX[kind]
    assert fault.received
    assert "secret" not in fault.detail
    if kind in (httpx.ConnectTimeout, httpx.ConnectError):
        assert fault.kind is OutcomeKind.CONNECT
    elif kind is httpx.PoolTimeout:
        assert fault.kind is OutcomeKind.OVERLOADED
    elif issubclass(kind, httpx.TimeoutException):
        assert fault.kind is OutcomeKind.TIMEOUT_BETWEEN_TOKENS


OURS: list[tuple[UpstreamFault, type[httpx.TransportError]]] = [
    (UpstreamUnreachable("x"), httpx.ConnectError),
    (UpstreamFull("x"), httpx.PoolTimeout),
    (UpstreamReset("x"), httpx.ReadError),
    (UpstreamMalformed("x"), httpx.RemoteProtocolError),
    (UpstreamTimeout("x", kind=OutcomeKind.CONNECT), httpx.ConnectTimeout),
    (UpstreamTimeout("x", kind=OutcomeKind.TIMEOUT_FIRST_TOKEN), httpx.ReadTimeout),
    (UpstreamTimeout("x", kind=OutcomeKind.TIMEOUT_BETWEEN_TOKENS), httpx.ReadTimeout),
    (UpstreamTimeout("x", kind=OutcomeKind.TIMEOUT_TOTAL), httpx.ReadTimeout),
]


def test_none_of_ours_is_missing() -> None:
    """Every class of our family has a row above."""
    assert {type(fault) for fault, _ in OURS} == set(leaves(UpstreamFault))


@pytest.mark.parametrize(("fault", "kind"), OURS)
def test_to_httpx(fault: UpstreamFault, kind: type[httpx.TransportError]) -> None:
    """Each of ours becomes one of httpx's, with its request."""
    error = to_httpx(fault, REQUEST)
    assert type(error) is kind
    assert error.request is REQUEST


def test_inside_a_with() -> None:
    """The two context managers translate what passes through them and nothing else."""
    with pytest.raises(UpstreamReset), our_faults(phase=OutcomeKind.TIMEOUT_TOTAL, received=False):
        raise httpx.ReadError("x")
    with pytest.raises(httpx.ReadError), httpx_faults(REQUEST):
        raise UpstreamReset("x")
    with pytest.raises(KeyError), httpx_faults(REQUEST), our_faults(phase=OutcomeKind.TIMEOUT_TOTAL, received=False):
        raise KeyError
