import pytest

from engine.errors import UpstreamUnreachable
from engine.upstream.azure_ad import client_credentials


def test_the_request() -> None:
    """The client credentials grant, as version 2 of the endpoint wants it; the secret is not in its `repr`."""
    ask = client_credentials(
        authority="https://login.microsoftonline.com",
        tenant="contoso.onmicrosoft.com",
        client_id="id",
        secret="s3cr3t-canary",
        scope="https://cognitiveservices.azure.com/.default",
    )
    assert ask.url == "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"
    assert ask.form == {
        "grant_type": "client_credentials",
        "client_id": "id",
        "client_secret": "s3cr3t-canary",
        "scope": "https://cognitiveservices.azure.com/.default",
    }
    assert "canary" not in repr(ask)


@pytest.mark.parametrize("tenant", ["", "a/b", "../x", "a?b", "a b", "-a"])
def test_a_tenant_stays_one_step_of_the_path(tenant: str) -> None:
    """What a reference gives for a tenant cannot lead to another endpoint."""
    with pytest.raises(UpstreamUnreachable, match="tenant"):
        client_credentials(authority="https://a.example", tenant=tenant, client_id="i", secret="s", scope="x")
