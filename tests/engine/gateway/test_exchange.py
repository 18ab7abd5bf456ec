"""What a request's row says of where it came from."""

import pytest

from engine.gateway.exchange import source_prefix


@pytest.mark.parametrize(
    ("ip", "prefix"),
    [
        ("203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2::9", "2001:db8:1::/48"),
        ("2001:db8::9", "2001:db8::/48"),
        ("::1", "::/48"),
        ("", ""),
    ],
)
def test_the_source_prefix_is_a_network(ip: str, prefix: str) -> None:
    """A row names the client's network, never its address; no address is no network."""
    assert source_prefix(ip) == prefix
