import asyncio
import json
from collections.abc import Callable
from ipaddress import ip_network
from types import MappingProxyType
from typing import Any

import pytest
import uvloop
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

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
from engine.upstream.secrets import EnvAndFiles
from engine.values import ModelId, ProviderId, SecretRef, Surface

PLACE = Place("providers.d/p.yaml", 1)
SECRET = "sk-canary-0123456789"


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every test of a connection runs on both loops: asyncio's own, and the one that serves."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def make_provider() -> Callable[..., Provider]:
    """`make_provider(base_url, **changes)`: a provider on loopback with one bearer key, `main`."""

    def make(base_url: str = "http://127.0.0.1:1/v1", **changes: Any) -> Provider:
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

    return make


@pytest.fixture
def make_call() -> Callable[..., Call]:
    """`make_call(provider, **changes)`: a chat call with a small body and generous times."""

    def make(provider: Provider, **changes: Any) -> Call:
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

    return make


@pytest.fixture
def secrets() -> EnvAndFiles:
    """The environment that providers refer to: `KEY` alone."""
    return EnvAndFiles({"KEY": SECRET})


@pytest.fixture(scope="session")
def account_key() -> RSAPrivateKey:
    """The private key of a service account."""
    return generate_private_key(public_exponent=65_537, key_size=2_048)


@pytest.fixture
def account_json(account_key: RSAPrivateKey) -> Callable[..., str]:
    """`account_json(**changes)`: what Google gives for a service account."""
    pem = account_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def make(**changes: object) -> str:
        account = {
            "type": "service_account",
            "project_id": "p",
            "private_key_id": "k1",
            "private_key": pem,
            "client_email": "sa@p.iam.gserviceaccount.com",
            "token_uri": "https://oauth2.googleapis.com/token",
        }
        return json.dumps(account | changes)

    return make
