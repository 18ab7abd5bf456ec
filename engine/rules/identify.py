"""Who asks: from the credential a request presents to a `Caller`. A bad credential is never an anonymous one."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from engine.errors import Forbidden, Unauthorized
from engine.rules.program import Caller

__all__ = ["identify"]

Headers = Mapping[bytes, bytes]

_OTHERS = (b"x-api-key", b"x-goog-api-key")
"""Where a key may stand when there is no Authorization; when a client sends both, the first of these counts."""

_SHA256 = sha256()
"""Copied for each key: a copy costs a third as much as a new one."""

_NEXT_STEP = "send a key of this gateway as 'Authorization: Bearer …' or 'x-api-key'"


def identify(
    callers: Mapping[bytes, Caller], anonymous: Caller | None, headers: Headers, ip: str, at: datetime
) -> Caller:
    """The caller whose key the request presents, or *anonymous* when it presents none.

    The SHA-256 digest of the whole credential is looked up, so that the time taken says nothing about a key.
    *headers* are by name, in lower case; *ip* is the client's address, forwarding headers already resolved.

    Raises:
        Unauthorized: no credential where one is needed, or one that is unreadable, unknown or expired.
        Forbidden: a good key from a network or origin that it is not for.
    """
    credential = _credential(headers)
    if credential is None:
        if anonymous is None:
            raise Unauthorized(f"no key was sent; {_NEXT_STEP}", code="missing_api_key")
        return _admitted(anonymous, headers, ip)
    digest = _SHA256.copy()
    digest.update(credential)
    caller = callers.get(digest.digest())
    if caller is None or (caller.expires is not None and at.date() >= caller.expires):
        raise Unauthorized(f"the key is unknown or has expired; {_NEXT_STEP}")
    return _admitted(caller, headers, ip)


def _credential(headers: Headers) -> bytes | None:
    """The key itself, out of the header that counts; None when none of them was sent."""
    value = headers.get(b"authorization")
    if value is not None:
        return _bearer(value)
    for name in _OTHERS:
        value = headers.get(name)
        if value is not None:
            return value.strip()
    return None


def _bearer(value: bytes) -> bytes:
    scheme, _, credential = value.strip().partition(b" ")
    credential = credential.lstrip()
    if scheme.lower() != b"bearer" or not credential:
        raise Unauthorized(f"the Authorization header holds no bearer key; {_NEXT_STEP}")
    return credential


def _admitted(caller: Caller, headers: Headers, ip: str) -> Caller:
    if caller.networks and not _is_within(caller, ip):
        raise Forbidden("this key may not be used from this network", code="network_not_allowed")
    if caller.origins and _origin(headers) not in caller.origins:
        raise Forbidden("this key may not be used from this origin", code="origin_not_allowed")
    return caller


def _is_within(caller: Caller, ip: str) -> bool:
    try:
        address: IPv4Address | IPv6Address = ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in caller.networks)


def _origin(headers: Headers) -> str:
    """The request's origin, `scheme://host[:port]`, from Origin or else Referer; empty when there is none."""
    origin = headers.get(b"origin")
    if origin is not None:
        return origin.decode("latin-1").lower()
    try:
        referer = urlsplit(headers.get(b"referer", b"").decode("latin-1"))
    except ValueError:
        return ""
    return f"{referer.scheme}://{referer.netloc}".lower() if referer.netloc else ""
