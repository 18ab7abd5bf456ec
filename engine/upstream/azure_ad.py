"""Azure AD: the client credentials flow of OAuth 2.0, as its version 2 endpoint has it.

Source: learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow.
"""

import re

from engine.errors import UpstreamUnreachable
from engine.upstream.tokens import Ask

__all__ = ["client_credentials"]

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


def client_credentials(*, authority: str, tenant: str, client_id: str, secret: str, scope: str) -> Ask:
    """The request for a token of an application.

    Raises:
        UpstreamUnreachable: the tenant is no id and no domain.
    """
    if not _TENANT.fullmatch(tenant):
        raise UpstreamUnreachable("the tenant is neither an id nor a domain")
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret, "scope": scope}
    return Ask(url=f"{authority}/{tenant}/oauth2/v2.0/token", form=form)
