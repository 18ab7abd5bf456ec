import json
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from google.auth import jwt

from engine.errors import UpstreamUnreachable
from engine.upstream.egress import is_allowed
from engine.upstream.gcp import from_metadata, service_account

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
AccountJson = Callable[..., str]


def test_an_assertion(account_json: AccountJson, account_key: Any) -> None:
    """The assertion is signed by the account's key, for the token endpoint, for the scope, from now for an hour."""
    now = datetime.now(UTC)
    ask = service_account(account_json(), scope=SCOPE, now=now)
    assert ask.url == "https://oauth2.googleapis.com/token"
    assert ask.form is not None
    assert ask.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    public = account_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    claims = jwt.decode(ask.form["assertion"], certs={"k1": public})  # type: ignore[no-untyped-call]
    assert claims == {
        "iss": "sa@p.iam.gserviceaccount.com",
        "scope": SCOPE,
        "aud": "https://oauth2.googleapis.com/token",
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp()) + 3_600,
    }
    assert ask.form["assertion"] not in repr(ask)


def test_the_endpoint_is_the_accounts(account_json: AccountJson) -> None:
    """A service account names the endpoint that its assertions are for."""
    ask = service_account(account_json(token_uri="https://t.example/token"), scope=SCOPE, now=datetime.now(UTC))
    assert ask.url == "https://t.example/token"


EC_KEY = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    "changes",
    [
        {"private_key": "s3cr3t-canary"},
        {"private_key": "-----BEGIN PRIVATE KEY-----\ns3cr3t-canary\n-----END PRIVATE KEY-----\n"},
        {"private_key": EC_KEY.decode()},
        {"private_key": 7},
        {"client_email": None},
        {"type": "authorized_user"},
    ],
)
def test_what_is_no_service_account(changes: dict[str, object], account_json: AccountJson) -> None:
    """Another JSON, or one without a usable key, is unreachable; nothing of it is repeated."""
    with pytest.raises(UpstreamUnreachable) as caught:
        service_account(account_json(**changes), scope=SCOPE, now=datetime.now(UTC))
    assert "canary" not in caught.value.detail


@pytest.mark.parametrize("text", ["", "s3cr3t-canary", "[]", json.dumps({"private_key": "s3cr3t-canary"})])
def test_what_is_no_json(text: str) -> None:
    """A secret that is not the JSON of a service account is not repeated either."""
    with pytest.raises(UpstreamUnreachable, match=r"^the secret is not the JSON of a service account$"):
        service_account(text, scope=SCOPE, now=datetime.now(UTC))


def test_the_metadata_server() -> None:
    """It is asked with the header that it demands; its address, and nothing beside it, may be dialled for that."""
    ask = from_metadata("http://169.254.169.254", scope=SCOPE)
    assert ask.url.startswith("http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token?")
    assert (ask.form, ask.headers) == (None, {"metadata-flavor": "Google"})
    assert ask.networks == (ip_network("169.254.169.254/32"),)
    assert [is_allowed(a, ask.networks) for a in ("169.254.169.254", "169.254.169.253", "10.0.0.1")] == [
        True,
        False,
        False,
    ]
    assert not is_allowed("169.254.169.254", ())
