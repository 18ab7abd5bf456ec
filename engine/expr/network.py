"""Networks that addresses are asked about."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_interface, ip_network

from engine.errors import Flaw, PatternInvalid

__all__ = ["Network"]


@dataclass(frozen=True, slots=True)
class Network:
    """An IPv4 or IPv6 network; equal to another by its text.

    Raises:
        PatternInvalid: the text is no network, or is an address within one.
    """

    text: str
    _network: IPv4Network | IPv6Network = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            network = ip_network(self.text)
        except ValueError as exc:
            raise PatternInvalid(_flaw(self.text)) from exc
        object.__setattr__(self, "_network", network)

    def holds(self, address: str) -> bool:
        """Whether *address* lies within; False for what is no address, and IPv4 in IPv6 is taken as IPv4."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
        return (mapped or parsed) in self._network


def _flaw(text: str) -> Flaw:
    try:
        hint = f"did you mean '{ip_interface(text).network}'?"
    except ValueError:
        hint = "write it like '10.0.0.0/8'"
    return Flaw(slug="bad-network", message=f"'{text}' is not a network", hint=hint)
