"""Providers on loopback and calls to them, for tests of what sends them."""

from ipaddress import ip_network
from types import MappingProxyType
from typing import Any

from engine.errors import Place
from engine.gateway import Call
from engine.health import BreakerSettings
from engine.rules.program import (
    Auth,
    Connections,
    Key,
    Offer,
    Provider,
    ProviderLimits,
    Scheme,
    Timeouts,
    WhenFull,
)
from engine.values import ModelId, ProviderId, SecretRef, Surface

PLACE = Place("providers.d/p.yaml", 1)


def provider(base_url: str = "http://127.0.0.1:1/v1", **changes: Any) -> Provider:
    """A provider with one bearer key, `main`, whose secret is `KEY` of the environment."""
    fields: dict[str, Any] = {
        "id": ProviderId("p"),
        "name": "P",
        "protocol": "openai",
        "base_url": base_url,
        "auth": Auth(scheme=Scheme.BEARER, keys=(Key(label="main", secret=SecretRef("env", "KEY")),)),
        "place": PLACE,
        "paths": MappingProxyType({Surface.CHAT: "/chat/completions"}),
        "timeouts": Timeouts(connect_s=1.0, first_token_s=1.0, between_tokens_s=1.0, total_s=5.0),
        "connections": Connections(max=4, keepalive_s=30.0),
        "limits": ProviderLimits(),
        "when_full": WhenFull(wait_s=0.0, then="next"),
        "breaker": BreakerSettings(),
        "data": MappingProxyType({}),
        "allow_private": (ip_network("127.0.0.0/8"),),
    }
    return Provider(**(fields | changes))


def call(provider: Provider, **changes: Any) -> Call:
    """A chat call with a small body and generous times."""
    offer = Offer(provider=provider, model=ModelId("m"), upstream_model="m", place=PLACE)
    fields: dict[str, Any] = {
        "offer": offer,
        "key_label": "main",
        "surface": Surface.CHAT,
        "path": "/chat/completions",
        "body": b'{"model":"m"}',
        "head_timeout_s": 3.0,
        "total_timeout_s": 3.0,
    }
    return Call(**(fields | changes))
