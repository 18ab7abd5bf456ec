import pickle

import pytest

from engine.errors import PatternInvalid
from engine.expr.network import Network


@pytest.mark.parametrize(
    ("network", "address", "answer"),
    [
        ("10.0.0.0/8", "10.255.0.1", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.0/8", "::ffff:10.0.0.1", True),
        ("2001:db8::/32", "2001:db8::1", True),
        ("2001:db8::/32", "10.0.0.1", False),
        ("192.0.2.1", "192.0.2.1", True),
        ("10.0.0.0/8", "", False),
        ("10.0.0.0/8", "10.0.0.1:80", False),
        ("10.0.0.0/8", "unix:/run/x", False),
    ],
)
def test_addresses_are_within_or_not(network: str, address: str, answer: bool) -> None:
    """What is no address is in no network, and a mapped IPv4 address is the IPv4 address it stands for."""
    assert Network(network).holds(address) is answer


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("10.0.0.1/8", "did you mean '10.0.0.0/8'?"),
        ("ten", "write it like '10.0.0.0/8'"),
        ("", "write it like '10.0.0.0/8'"),
    ],
)
def test_what_is_no_network_is_a_flaw(text: str, hint: str) -> None:
    """An address within a network is not taken for the network."""
    with pytest.raises(PatternInvalid) as caught:
        Network(text)
    assert [(flaw.slug, flaw.message, flaw.hint) for flaw in caught.value.flaws] == [
        ("bad-network", f"'{text}' is not a network", hint)
    ]


def test_networks_are_equal_by_text_and_travel_between_processes() -> None:
    """A network is a value."""
    network = Network("10.0.0.0/8")
    assert pickle.loads(pickle.dumps(network)) == network
