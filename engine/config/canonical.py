"""The canonical form: one text for everything that means the same, and its hash.

Defaults are filled in, references stay references, keys are sorted, comments and files are gone; the order of lists
stays. Written to files (`routes` to routes.yaml, each of `providers` to providers.d, `policies` to policies) it is a
configuration with the same hash again, since JSON is YAML.
"""

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from engine.config.link import Tree

__all__ = ["canonical", "config_hash", "encoded"]

_JSON: Final = msgspec.json.Encoder(order="sorted")


def canonical(tree: Tree) -> Mapping[str, Any]:
    """`routes`, `providers` by id and `policies`, each as one file would say it."""
    return {
        "routes": {**tree.routes.value, "routes": [rule.value for rule in tree.rules]},
        "providers": {name: provider.value for name, provider in tree.providers.items()},
        "policies": tree.policies.value,
    }


def encoded(form: Mapping[str, Any]) -> bytes:
    """The form as JSON that strict YAML reads back to the same values."""
    return _JSON.encode(_plain(form))


def config_hash(tree: Tree) -> str:
    """SHA-256 (hex) of the canonical form."""
    return hashlib.sha256(encoded(canonical(tree))).hexdigest()


def _plain(value: Any) -> Any:
    """*value* with each number in its shortest spelling: 0.40 is 0.4, and 4.0 is 4."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, Decimal):
        # No exponents, as `normalize` alone would write them: they are text in our YAML.
        digits = f"{value:f}"
        return msgspec.Raw((digits.rstrip("0").rstrip(".") if "." in digits else digits).encode())
    return value
