import asyncio
import json
from collections.abc import Callable

import pytest
import uvloop
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine.gateway import Call
from engine.rules.program import Provider
from engine.upstream.secrets import EnvAndFiles
from tests.calls import call, provider

SECRET = "sk-canary-0123456789"


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every test of a connection runs on both loops: asyncio's own, and the one that serves."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def make_provider() -> Callable[..., Provider]:
    """`make_provider(base_url, **changes)`: a provider on loopback with one bearer key, `main`."""
    return provider


@pytest.fixture
def make_call() -> Callable[..., Call]:
    """`make_call(provider, **changes)`: a chat call with a small body and generous times."""
    return call


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
