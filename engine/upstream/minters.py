"""Credentials that are made rather than sent: signatures of single requests, tokens that a secret is exchanged for.

What only an extra brings is loaded by name when a provider asks for it: importing botocore or google-auth costs 0.1 s
and 20 MB, in every worker.
"""

import asyncio
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from importlib import import_module
from types import ModuleType
from typing import Protocol

import httpx
import msgspec

from engine.errors import UpstreamUnreachable
from engine.rules.program import Key, Provider, Scheme
from engine.upstream.azure_ad import client_credentials
from engine.upstream.broker import Alone, Broker
from engine.upstream.log import Log
from engine.upstream.secrets import Secrets, expand
from engine.upstream.token_source import Credential, Inputs, Pace, Tokens, TokenSource
from engine.upstream.tokens import Ask, Network, Token, fetch
from engine.values import SecretRef
from engine.wire.content import Body

__all__ = ["Client", "Minter", "Minters", "utc_now"]

EXTRAS = {Scheme.AWS_SIGV4: ("sigv4", "bedrock"), Scheme.GCP: ("gcp", "vertex")}
"""Scheme → the module that serves it, and the extra that installs what the module needs."""
TOKENS = (Scheme.GCP, Scheme.AZURE_AD)
METADATA_URL = "http://169.254.169.254"
"""Of Google's metadata server, by address: a name could lead to a machine that is not this one's host."""

_PLAIN = re.compile(r"[\x21-\x7e]+")
"""What ids and session tokens are made of: nothing that ends a header line."""


class Minter(Protocol):
    """Makes what authenticates requests with one credential."""

    @property
    def names(self) -> frozenset[str]:
        """The headers that it may make, lower case; nobody else's are sent."""
        ...

    async def ready(self, timeout_s: float) -> float:
        """How many seconds passed until `headers` could answer: none but before the very first token.

        Raises:
            UpstreamUnreachable: they were *timeout_s*.
        """
        ...

    def headers(self, url: str, sent: Iterable[tuple[str, str]], body: Body) -> tuple[tuple[str, str], ...]:
        """What is to be sent beside the headers *sent* with a POST of *body* to *url*.

        Raises:
            UpstreamUnreachable: there is no valid token, or what is sent cannot be signed.
        """
        ...


class Client(Protocol):
    """Gives an httpx client that may also reach the networks, and trusts the authorities in the file."""

    def __call__(self, *, allow_private: tuple[Network, ...], ca_file: str | None) -> httpx.AsyncClient:
        """The client; closing it ends no connection."""
        ...


def utc_now() -> datetime:
    """The present, UTC and aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    """Everything that a token depends on: equal accounts share one."""

    scheme: Scheme
    refs: tuple[SecretRef, ...]
    tenant: str
    authority: str
    scope: str
    allow_private: tuple[Network, ...]
    ca_file: str | None

    def read(self, secrets: Secrets) -> Inputs:
        """The values of its references, and of its tenant."""
        return (*(secrets.read(ref) for ref in self.refs), expand(self.tenant, secrets))

    def digest(self, inputs: Inputs) -> str:
        """SHA-256 (hex) of it and the values that were read: what its token is known by outside this process."""
        return sha256(msgspec.json.encode((self, inputs), enc_hook=str)).hexdigest()


class Minters:
    """All minters of a worker. *now* is the wall clock, which signatures and assertions are dated by.

    Tokens are shared over *broker*; without one they are this worker's alone.
    """

    def __init__(
        self,
        secrets: Secrets,
        client: Client,
        log: Log,
        *,
        broker: Broker | None = None,
        now: Callable[[], datetime] = utc_now,
        pace: Pace | None = None,
        metadata_url: str = METADATA_URL,
    ) -> None:
        self._secrets = secrets
        self._client = client
        self._now = now
        self._metadata_url = metadata_url
        self._tokens = Tokens(log, broker or Alone(), pace=pace)

    def minter(self, provider: Provider, key: Key | None) -> Minter:
        """What authenticates requests to *provider* with *key*, or without one as the machine itself.

        Raises:
            UpstreamUnreachable: a secret is missing, or what the scheme needs is not installed.
        """
        if provider.auth.scheme in TOKENS:
            return self._source(provider, key)
        assert key is not None
        assert key.id is not None
        refs = (key.id, key.secret, *((key.session,) if key.session else ()))
        values = [self._secrets.read(ref) for ref in refs]
        if None in values:
            raise UpstreamUnreachable(f"a secret of key {key.label!r} is missing")
        if not all(_PLAIN.fullmatch(value or "") for value in values):
            raise UpstreamUnreachable(f"a secret of key {key.label!r} holds characters that cannot be sent")
        key_id, secret, session = (*values, None)[:3]
        auth = provider.auth
        signer: Minter = _module(auth.scheme).Signer(
            key_id=key_id, secret=secret, session=session, region=auth.region, service=auth.service, now=self._now
        )
        return signer

    async def retain(self, providers: Iterable[Provider]) -> None:
        """Have the tokens of *providers* from now on, and no others; load what their schemes need.

        What is not installed is said when it is asked for.
        """
        wanted = tuple(providers)
        sources = [source for provider in wanted for source in self._sources(provider)]
        for source in sources:
            source.start()
        self._tokens.retain(sources)
        if any(provider.auth.scheme is Scheme.AWS_SIGV4 for provider in wanted):
            with suppress(UpstreamUnreachable):
                await asyncio.to_thread(_module, Scheme.AWS_SIGV4)

    def close(self) -> None:
        """Ask for no more tokens."""
        self._tokens.close()

    def _sources(self, provider: Provider) -> list[TokenSource]:
        keys: tuple[Key | None, ...] = provider.auth.keys or (None,)
        return [self._source(provider, key) for key in keys] if provider.auth.scheme in TOKENS else []

    def _source(self, provider: Provider, key: Key | None) -> TokenSource:
        auth = provider.auth
        account = _Account(
            scheme=auth.scheme,
            refs=tuple(key.references.values()) if key else (),
            tenant=auth.tenant,
            authority=auth.authority,
            scope=auth.scope,
            allow_private=provider.allow_private,
            ca_file=provider.ca_file,
        )
        label = key.label if key else ""
        credential = Credential(
            read=partial(account.read, self._secrets),
            account=account.digest,
            fetch=partial(self._fetched, account),
        )
        return self._tokens.source(account, credential, provider=provider.id, key=label)

    async def _fetched(self, account: _Account, inputs: Inputs) -> Token:
        ask = await asyncio.to_thread(self._asked, account, inputs)  # reading a private key takes milliseconds
        networks = (*account.allow_private, *ask.networks)
        async with self._client(allow_private=networks, ca_file=account.ca_file) as client:
            return await fetch(client, ask, networks)

    def _asked(self, account: _Account, inputs: Inputs) -> Ask:
        *values, tenant = inputs
        if tenant is None or None in values:
            raise UpstreamUnreachable("a secret is missing")
        match account.scheme, values:
            case Scheme.GCP, []:
                made: Ask = _module(Scheme.GCP).from_metadata(self._metadata_url, scope=account.scope)
            case Scheme.GCP, [text]:
                made = _module(Scheme.GCP).service_account(text, scope=account.scope, now=self._now())
            case _, [str() as client_id, str() as secret]:
                made = client_credentials(
                    authority=account.authority,
                    tenant=tenant,
                    client_id=client_id,
                    secret=secret,
                    scope=account.scope,
                )
            case _:
                raise UpstreamUnreachable("the key does not fit its scheme")
        return made


def _module(scheme: Scheme) -> ModuleType:
    """The module that serves *scheme*. Raises UpstreamUnreachable when what it needs is not installed."""
    name, extra = EXTRAS[scheme]
    try:
        return import_module(f"engine.upstream.{name}")
    except ModuleNotFoundError as exc:
        detail = f"the scheme {scheme} needs the extra {extra!r}: pip install 'engine[{extra}]'"
        raise UpstreamUnreachable(detail) from exc
