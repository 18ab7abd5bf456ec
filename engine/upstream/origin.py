"""Where a connection leads to, and what makes two connections interchangeable."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from urllib.parse import urlsplit

__all__ = ["Origin", "split_base_url"]

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What defines a connection: connections of equal origins serve each other's requests, across reloads.

    `allow_private` is part of it, so that no provider rides on a connection that only another one was allowed to make,
    and `provider`, since `connections.max` is a bound of each provider's own.
    """

    scheme: str
    """`http` or `https`."""
    host: str
    """A name or an address, lower case, without brackets."""
    port: int
    provider: str = ""
    """Whose connections they are; empty for those of everything beside providers."""
    ca_file: str | None = None
    allow_private: tuple[IPv4Network | IPv6Network, ...] = ()
    fingerprint: str = field(init=False, repr=False, compare=False)
    """All of the above in one text: a key whose hash Python keeps, where that of networks costs microseconds."""

    def __post_init__(self) -> None:
        networks = ",".join(str(network) for network in self.allow_private)
        text = f"{self.scheme}://{self.address} provider={self.provider} ca={self.ca_file} private={networks}"
        object.__setattr__(self, "fingerprint", text)

    @property
    def is_tls(self) -> bool:
        """Whether TLS is spoken."""
        return self.scheme == "https"

    @property
    def address(self) -> str:
        """`host:port`, for records."""
        return f"{self._bracketed}:{self.port}"

    @property
    def authority(self) -> str:
        """The value of the Host header: without the port where it is the scheme's own."""
        return self._bracketed if self.port == _DEFAULT_PORTS[self.scheme] else self.address

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def split_base_url(
    url: str,
    *,
    provider: str = "",
    ca_file: str | None = None,
    allow_private: tuple[IPv4Network | IPv6Network, ...] = (),
) -> tuple[Origin, str]:
    """The origin of *url*, and its path without a trailing slash.

    Raises:
        ValueError: it is not a plain http(s) URL: no host, or user, query or fragment.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or not parts.hostname.isascii():
        raise ValueError("not an http or https URL with a host")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("a base URL has no user, query or fragment")
    origin = Origin(
        scheme=parts.scheme,
        host=parts.hostname,
        port=parts.port or _DEFAULT_PORTS[parts.scheme],
        provider=provider,
        ca_file=ca_file,
        allow_private=allow_private,
    )
    return origin, parts.path.rstrip("/")
