"""Where a request comes from: forwarding headers count only from proxies that are trusted."""

from ipaddress import ip_network

import pytest

from engine.server.inference import client_ip

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", "198.51.100.7", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.1"),
        ("10.0.0.1", "garbage", "10.0.0.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("fd00::1", "2001:db8::7", "2001:db8::7"),
        ("::ffff:10.0.0.1", "198.51.100.7, ::ffff:10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "2001:DB8:0::7", "2001:db8::7"),
        ("::ffff:203.0.113.9", None, "203.0.113.9"),
        ("fe80::1%eth0", None, "fe80::1"),
        ("", None, ""),
    ],
)
def test_client_ip(peer: str, forwarded: str | None, expected: str) -> None:
    """The rightmost hop that is no trusted proxy is the client; what a client claims beyond it is not believed.

    Its address has one spelling, whichever socket it came by.
    """
    headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]

    assert client_ip(peer, headers, PROXIES) == expected


def test_without_trusted_proxies_headers_are_not_looked_at() -> None:
    """By default the peer is the client."""
    assert client_ip("10.0.0.1", [(b"x-forwarded-for", b"1.2.3.4")], ()) == "10.0.0.1"
