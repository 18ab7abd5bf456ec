"""Google: a service account's token for a signed assertion, or the machine's own from the metadata server.

The home of google-auth, which the extra `vertex` brings. It reads the key and signs; asking is ours, so that every
request goes through our pool and its egress guard.

Sources: developers.google.com/identity/protocols/oauth2/service-account (HTTP/REST) and
cloud.google.com/compute/docs/access/authenticate-workloads (metadata server).
"""

from datetime import datetime
from ipaddress import ip_network
from typing import cast
from urllib.parse import urlencode

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from google.auth.crypt import RSASigner
from google.auth.exceptions import GoogleAuthError
from google.auth.jwt import encode

from engine.errors import UpstreamUnreachable
from engine.upstream.tokens import Ask

__all__ = ["from_metadata", "service_account"]

METADATA_NETWORK = ip_network("169.254.169.254/32")
ASSERTION_S = 3_600
"""Google takes assertions of an hour at most; the tokens for them live as long."""
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"


class _Account(msgspec.Struct):
    """What is needed of the JSON that Google gives for a service account."""

    type: str
    client_email: str
    private_key: str
    private_key_id: str = ""
    token_uri: str = "https://oauth2.googleapis.com/token"


def service_account(text: str, *, scope: str, now: datetime) -> Ask:
    """The request for a token of the service account that *text* is the JSON of. Signing takes milliseconds.

    Raises:
        UpstreamUnreachable: *text* is not such a JSON, or its key cannot be read; nothing of it is in the detail.
    """
    try:
        account = msgspec.json.decode(text, type=_Account)
    except msgspec.DecodeError:
        raise UpstreamUnreachable("the secret is not the JSON of a service account") from None
    if account.type != "service_account":
        raise UpstreamUnreachable("the secret's JSON is not of a service account: its type is another")
    issued_s = int(now.timestamp())
    claims = {
        "iss": account.client_email,
        "scope": scope,
        "aud": account.token_uri,
        "iat": issued_s,
        "exp": issued_s + ASSERTION_S,
    }
    try:
        # google-auth is typed in parts
        signer = RSASigner.from_string(account.private_key, account.private_key_id or None)  # type: ignore[no-untyped-call]
        assertion = cast(bytes, encode(signer, claims))  # type: ignore[no-untyped-call]
    except (GoogleAuthError, UnsupportedAlgorithm, ValueError, TypeError):
        raise UpstreamUnreachable("the service account's private key cannot be read") from None
    return Ask(url=account.token_uri, form={"grant_type": _JWT_BEARER, "assertion": assertion.decode("ascii")})


def from_metadata(url: str, *, scope: str) -> Ask:
    """The request for a token of the service account that this machine runs as, to the metadata server at *url*."""
    return Ask(
        url=f"{url}{_METADATA_PATH}?{urlencode({'scopes': scope})}",
        headers={"metadata-flavor": "Google"},
        networks=(METADATA_NETWORK,),
    )
