"""Request heads: what every request to a provider begins with, built once and kept until a secret changes.

The one place where a secret that is sent as it is becomes bytes; what is made of one comes from `minters`. Nothing here
puts one into an exception or a `repr`.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import assert_never
from urllib.parse import quote, urlencode

from engine import __version__
from engine.errors import UpstreamUnreachable
from engine.gateway import Call
from engine.rules.program import Key, Provider, Scheme
from engine.upstream.minters import Minter, Minters
from engine.upstream.origin import Origin, split_base_url
from engine.upstream.secrets import Secrets, expand, may_change, references
from engine.values import Headers, SecretRef

__all__ = ["FRAMING", "HEADER_VALUE", "JSON", "MINTED", "TOKEN", "Head", "Heads", "missing"]

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""RFC 9110 5.6.2: methods and header names."""
HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
"""Narrower than RFC 9110 5.5: nothing that another parser may read as the end of a line."""
FRAMING = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that only the client itself may set: they decide where a message ends, or what comes back."""
JSON = "application/json"
CONTENT_TYPE = b"content-type"
MOST_HEADS = 10_000
"""Paths may hold the model's name, and names that a pattern serves are without number."""
_FORWARDED_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_FORWARDED_VALUE = re.compile(rb"[\x20-\x7e]*")
_PATH_SAFE = "/%:@!$&'()*+,;=-._~"
"""RFC 3986 3.3, and `%`: what is encoded already stays."""
_PATH_SAFE_SIGNED = "/%-._~"
"""What AWS's own clients leave unencoded: a server that encodes anew has to arrive at the path that was signed."""


@dataclass(frozen=True, slots=True)
class Head:
    """Everything of a request to one path that does not depend on the request."""

    provider: Provider = field(repr=False)
    origin: Origin
    target: str = field(repr=False)
    """Path and query; the query may hold a credential."""
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """Without framing."""
    data: bytes = field(repr=False)
    """`POST …` up to where the forwarded headers and the content length follow."""
    names: frozenset[bytes]
    """Headers that a caller's may not replace."""
    inputs: tuple[tuple[SecretRef, str | None], ...] = field(repr=False)
    """What it was built from that may change: it holds as long as these read the same."""
    typed: bool = True
    """Whether `headers` say what the body is."""
    minter: Minter | None = field(default=None, repr=False)
    """Makes the credential of every request, where it cannot stand in `headers`."""

    def forwarded(self, headers: Headers) -> Iterator[tuple[bytes, bytes]]:
        """Those of the caller's *headers* that may go along: not set by us, and plain.

        One that holds anything but printable ASCII is dropped rather than sent: not every parser reads it the same.
        """
        for name, value in headers:
            if name not in self.names and _FORWARDED_NAME.fullmatch(name) and _FORWARDED_VALUE.fullmatch(value):
                yield name, value

    async def ready(self, call: Call) -> float:
        """Wait until *call*'s credential is available; the seconds waited, almost always 0.0.

        At most the connect timeout, or the call's own if that is shorter.

        Raises:
            UpstreamUnreachable: its credential was not there in time.
        """
        if self.minter is None:
            return 0.0
        return await self.minter.ready(min(call.offer.provider.timeouts.connect_s, call.total_timeout_s))

    def beside(self, call: Call) -> list[tuple[bytes, bytes]]:
        """What follows `headers` in *call*: what is forwarded, and the credential that is made for it.

        Raises:
            UpstreamUnreachable: none can be made.
        """
        added = list(self.forwarded(call.headers))
        if not self.typed:
            added.append((CONTENT_TYPE, call.content_type.encode("ascii")))
        if self.minter is not None:
            theirs = ((name.decode("ascii"), value.decode("ascii")) for name, value in added)
            sent = (("host", self.origin.authority), *self.headers, *theirs)
            made = self.minter.headers(self.url, sent, call.body)
            added += ((name.encode("ascii"), value.encode("ascii")) for name, value in made)
        return added

    @property
    def url(self) -> str:
        """The whole URL; its query may hold a credential."""
        return f"{self.origin.scheme}://{self.origin.authority}{self.target}"

    def request(self, call: Call) -> bytes:
        """The whole head of *call*. Raises as `beside` does."""
        if not call.headers and self.minter is None and self.typed:
            return self.data + b"content-length: %d\r\n\r\n" % len(call.body)
        lines = b"".join(b"%b: %b\r\n" % pair for pair in self.beside(call))
        return self.data + lines + b"content-length: %d\r\n\r\n" % len(call.body)


class Heads:
    """The heads of all providers, by what they are for."""

    def __init__(self, secrets: Secrets, minters: Minters) -> None:
        self._secrets = secrets
        self._minters = minters
        self._heads: dict[tuple[int, str, str, bool], Head] = {}

    def head(self, provider: Provider, path: str, key_label: str, *, typed: bool = True) -> Head:
        """The head for a call to *path*, below the provider's base URL, current as to its secrets.

        *typed*: it says that the body is JSON; otherwise each call says what its body is.

        Raises:
            UpstreamUnreachable: a secret is missing, or what the configuration says cannot be put into a request.
        """
        # by identity: a provider is a frozen value that its head holds, and hashing it would cost more than a call
        slot = (id(provider), path, key_label, typed)
        known = self._heads.get(slot)
        if known is not None and (not known.inputs or self._holds(known)):
            return known
        head = _build(provider, path, key_label, self._secrets, self._minters)
        if not typed:
            head = _untyped(head)
        if len(self._heads) >= MOST_HEADS:
            self._heads.clear()
        self._heads[slot] = head
        return head

    def retain(self, providers: set[int]) -> None:
        """Forget the heads of providers whose `id` is not among *providers*."""
        self._heads = {slot: head for slot, head in self._heads.items() if slot[0] in providers}

    def _holds(self, head: Head) -> bool:
        return all(self._secrets.read(ref) == value for ref, value in head.inputs)


def missing(provider: Provider, secrets: Secrets) -> tuple[SecretRef, ...]:
    """The references of *provider* that have no value: in its keys, base URL and headers, each once, in that order."""
    refs = dict.fromkeys(ref for key in provider.auth.keys for ref in key.references.values())
    refs |= dict.fromkeys(_text_references(provider))
    return tuple(ref for ref in refs if secrets.read(ref) is None)


def _text_references(provider: Provider) -> Iterator[SecretRef]:
    texts = (provider.base_url, provider.auth.tenant, *(value for _, value in (*provider.headers, *provider.query)))
    for text in texts:
        yield from references(text)


def _build(provider: Provider, path: str, key_label: str, secrets: Secrets, minters: Minters) -> Head:
    key = _key(provider, key_label)
    headers, query = _headers(provider, secrets), [(name, _text(v, secrets, "query")) for name, v in provider.query]
    minter = minters.minter(provider, key) if provider.auth.scheme in MINTED else None
    if minter is None:
        _add_credential(provider, _secret(key, secrets), headers, query)
    names = FRAMING | headers.keys() | (minter.names if minter else frozenset())
    if minter is not None:
        headers = {name: value for name, value in headers.items() if name not in minter.names}
    _check(headers)
    try:
        origin, base = split_base_url(
            _text(provider.base_url, secrets, "base_url"),
            provider=provider.id,
            ca_file=provider.ca_file,
            allow_private=provider.allow_private,
        )
    except ValueError:
        raise UpstreamUnreachable("base_url is not an http(s) URL") from None  # its text may come from a secret
    path, _, own = path.partition("?")
    safe = _PATH_SAFE_SIGNED if provider.auth.scheme is Scheme.AWS_SIGV4 else _PATH_SAFE
    target = quote(base + path, safe=safe) + _query(own, query)
    lines = [f"POST {target} HTTP/1.1", f"host: {origin.authority}", "accept-encoding: identity"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    refs = (*(key.references.values() if key else ()), *_text_references(provider))
    return Head(
        provider=provider,
        origin=origin,
        target=target,
        headers=tuple(headers.items()),
        data="\r\n".join((*lines, "")).encode("ascii"),
        names=frozenset(name.encode("ascii") for name in names),
        inputs=tuple((ref, secrets.read(ref)) for ref in refs if may_change(ref)),
        minter=minter,
    )


def _untyped(head: Head) -> Head:
    """*head* without what it says of the body."""
    headers = tuple((name, value) for name, value in head.headers if name != CONTENT_TYPE.decode())
    lines = [line for line in head.data.split(b"\r\n") if not line.startswith(CONTENT_TYPE + b":")]
    return replace(head, headers=headers, data=b"\r\n".join(lines), typed=False)


def _query(own: str, query: list[tuple[str, str]]) -> str:
    """What follows the path: the path's *own* query, then the provider's."""
    parts = [part for part in (quote(own, safe=_PATH_SAFE + "?"), urlencode(query, quote_via=quote)) if part]
    return "?" + "&".join(parts) if parts else ""


def _headers(provider: Provider, secrets: Secrets) -> dict[str, str]:
    """Our own headers, then the provider's; names in lower case."""
    headers = {"content-type": JSON, "accept": "*/*", "user-agent": f"engine/{__version__}"}
    for name, value in provider.headers:
        headers[name.lower()] = _text(value, secrets, "headers")
    return headers


MINTED = (Scheme.AWS_SIGV4, Scheme.GCP, Scheme.AZURE_AD)
"""Schemes under which the credential is made for each request, by `minters`."""


def _add_credential(provider: Provider, secret: str, headers: dict[str, str], query: list[tuple[str, str]]) -> None:
    """Put the credential where the provider's scheme wants it."""
    auth = provider.auth
    match auth.scheme:
        case Scheme.BEARER:
            headers["authorization"] = f"{auth.prefix or 'Bearer '}{secret}"
        case Scheme.HEADER:
            headers[auth.name.lower()] = auth.prefix + secret
        case Scheme.BASIC:
            headers["authorization"] = "Basic " + b64encode(secret.encode()).decode("ascii")
        case Scheme.QUERY:
            query.append((auth.name, secret))
        case Scheme.NONE | Scheme.AWS_SIGV4 | Scheme.GCP | Scheme.AZURE_AD:
            pass
        case _:
            assert_never(auth.scheme)


def _key(provider: Provider, key_label: str) -> Key | None:
    """The key of that label; None where the provider needs none."""
    if provider.auth.scheme is Scheme.NONE or provider.auth.metadata:
        return None
    key: Key | None = next((key for key in provider.auth.keys if key.label == key_label), None)
    if key is None:
        raise UpstreamUnreachable(f"the provider has no key {key_label!r}")
    return key


def _secret(key: Key | None, secrets: Secrets) -> str:
    if key is None:
        return ""
    secret = secrets.read(key.secret)
    if secret is None:
        raise UpstreamUnreachable(f"the secret of key {key.label!r} is missing")
    return secret


def _text(text: str, secrets: Secrets, where: str) -> str:
    expanded = expand(text, secrets)
    if expanded is None:
        raise UpstreamUnreachable(f"a reference in {where} has no value")
    return expanded


def _check(headers: dict[str, str]) -> None:
    """Every name and value can be sent. A value is not quoted in the error, since it may be a secret."""
    for name, value in headers.items():
        if not TOKEN.fullmatch(name) or name in FRAMING:
            raise UpstreamUnreachable(f"the header name {name!r} cannot be sent")
        if not HEADER_VALUE.fullmatch(value):
            raise UpstreamUnreachable(f"the value of header {name!r} holds characters that cannot be sent")
