"""Tokens that a credential is exchanged for: what is asked of a token endpoint, and what of its answer counts."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from urllib.parse import urlsplit

import httpx
import msgspec

from engine.errors import UpstreamFault, UpstreamUnreachable

__all__ = ["Ask", "Token", "fetch"]

Network = IPv4Network | IPv6Network

FETCH_TIMEOUT_S = 10.0
"""Token endpoints answer within a second; ten of them fit into what is left of a token when its renewal begins."""
MAX_REPLY_BYTES = 262_144
"""Far above any token: Azure's with all group claims stay below 8 kB, where HTTP servers stop taking headers."""
_TOKEN = re.compile(r"[\x21-\x7e]+")
"""What may follow `Bearer` (RFC 6750 2.1), a little wider: nothing that ends a header line."""
_CODE = re.compile(r"[a-z_]{1,64}")
"""An error code of OAuth 2.0 (RFC 6749 5.2): the only part of an endpoint's refusal that is repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request for a token. With *form* it is a POST of that form, without it a GET."""

    url: str
    form: Mapping[str, str] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[Network, ...] = ()
    """Where the endpoint lies although it is no public address, beside what the provider allows."""


@dataclass(frozen=True, slots=True)
class Token:
    """What an endpoint gave."""

    text: str = field(repr=False)
    lasts_s: float
    """From when it was asked for."""


class _Reply(msgspec.Struct):
    """RFC 6749 5.1 and 5.2, as far as it is read."""

    access_token: str = ""
    expires_in: float = 0.0
    error: str = ""


async def fetch(client: httpx.AsyncClient, ask: Ask, allowed: Iterable[Network] = ()) -> Token:
    """The token that *ask* is answered with.

    Raises:
        UpstreamUnreachable: there is none. The detail holds nothing that was sent, and of the answer its status and
            error code only.
    """
    if not _is_safe(ask.url, (*ask.networks, *allowed)):
        raise UpstreamUnreachable("the token endpoint is not an https URL")
    method = "GET" if ask.form is None else "POST"
    try:
        async with (
            asyncio.timeout(FETCH_TIMEOUT_S),
            client.stream(method, ask.url, data=ask.form, headers=ask.headers) as response,
        ):
            return _token(response.status_code, await _body(response))
    except TimeoutError:
        raise UpstreamUnreachable("the token endpoint did not answer in time") from None
    except httpx.RequestError as exc:
        cause = exc.__cause__
        detail = cause.detail if isinstance(cause, UpstreamFault) else type(exc).__name__
        raise UpstreamUnreachable(f"the token endpoint cannot be reached: {detail}") from None


def _is_safe(url: str, networks: tuple[Network, ...]) -> bool:
    """Whether a secret may be sent to *url*: over TLS, or to an address within one of *networks*."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "https" or not host:
            return bool(host)
        address = ip_address(host)
    except ValueError:  # no address, or no URL at all
        return False
    return parts.scheme == "http" and any(address in network for network in networks)


async def _body(response: httpx.Response) -> bytes:
    body = b""
    async for part in response.aiter_bytes():
        body += part
        if len(body) > MAX_REPLY_BYTES:
            raise UpstreamUnreachable("the token endpoint's answer is too long")
    return body


def _token(status: int, body: bytes) -> Token:
    reply = _Reply()
    with suppress(msgspec.DecodeError):
        reply = msgspec.json.decode(body, type=_Reply, strict=False)
    if status != 200:
        code = f" ({reply.error})" if _CODE.fullmatch(reply.error) else ""
        raise UpstreamUnreachable(f"the token endpoint answered {status}{code}")
    if not _TOKEN.fullmatch(reply.access_token) or not 0 < reply.expires_in < float("inf"):
        raise UpstreamUnreachable("the token endpoint's answer holds no token with a lifetime")
    return Token(reply.access_token, reply.expires_in)
