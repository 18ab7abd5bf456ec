import re
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import __version__
from engine.errors import UpstreamUnreachable
from engine.gateway import Call
from engine.rules.program import Auth, Key, Provider, Scheme
from engine.upstream.credentials import Head, Heads, missing
from engine.upstream.log import Silent
from engine.upstream.minters import Minters
from engine.upstream.secrets import RECHECK_S, EnvAndFiles
from engine.values import SecretRef

MakeProvider = Callable[..., Provider]
MakeCall = Callable[..., Call]

PATH = "/chat/completions"
SECRET = "sk-canary-0123456789"
KEYS = (Key(label="main", secret=SecretRef("env", "KEY")),)


def heads_over(secrets: EnvAndFiles) -> Heads:
    """Heads of providers whose secrets are sent as they are: no token is ever fetched."""

    def no_client(**_: object) -> httpx.AsyncClient:
        raise AssertionError

    return Heads(secrets, Minters(secrets, no_client, Silent()))


def head_of(provider: Provider, secrets: EnvAndFiles, key_label: str = "main", path: str = PATH) -> Head:
    return heads_over(secrets).head(provider, path, key_label)


def test_the_whole_head(make_provider: MakeProvider, make_call: MakeCall, secrets: EnvAndFiles) -> None:
    """The bytes of a request's head, all of them."""
    provider = make_provider(
        "https://api.example.com/v1",
        headers=(("X-Title", "engine"), ("User-Agent", "ours")),
        query=(("api-version", "2026-01-01"),),
    )
    call = make_call(provider, headers=((b"x-trace", b"7"),), body=b"12345")
    assert head_of(provider, secrets).request(call) == (
        b"POST /v1/chat/completions?api-version=2026-01-01 HTTP/1.1\r\n"
        b"host: api.example.com\r\n"
        b"accept-encoding: identity\r\n"
        b"content-type: application/json\r\n"
        b"accept: */*\r\n"
        b"user-agent: ours\r\n"
        b"x-title: engine\r\n"
        b"authorization: Bearer sk-canary-0123456789\r\n"
        b"x-trace: 7\r\n"
        b"content-length: 5\r\n\r\n"
    )
    plain = head_of(make_provider(), secrets).request(make_call(make_provider()))
    assert f"user-agent: engine/{__version__}\r\n".encode() in plain


@pytest.mark.parametrize(
    ("auth", "line"),
    [
        (Auth(scheme=Scheme.BEARER, keys=KEYS), f"authorization: Bearer {SECRET}"),
        (Auth(scheme=Scheme.BEARER, prefix="Key ", keys=KEYS), f"authorization: Key {SECRET}"),
        (Auth(scheme=Scheme.HEADER, name="X-Api-Key", keys=KEYS), f"x-api-key: {SECRET}"),
        (Auth(scheme=Scheme.HEADER, name="Authorization", prefix="Key ", keys=KEYS), f"authorization: Key {SECRET}"),
        (Auth(scheme=Scheme.BASIC, keys=KEYS), "authorization: Basic " + b64encode(SECRET.encode()).decode()),
        (Auth(scheme=Scheme.QUERY, name="key", keys=KEYS), f"POST /v1/chat/completions?key={SECRET} HTTP/1.1"),
    ],
)
def test_schemes(auth: Auth, line: str, make_provider: MakeProvider, secrets: EnvAndFiles) -> None:
    """Each scheme puts the credential into its own place, once, and no `repr` shows it."""
    head = head_of(make_provider(auth=auth), secrets)
    assert line in head.data.decode().split("\r\n")
    assert head.data.count(SECRET.encode()) + head.data.count(b64encode(SECRET.encode())) == 1
    assert SECRET not in repr(head)
    assert b64encode(SECRET.encode()).decode() not in repr(head)


def test_no_credential(make_provider: MakeProvider, secrets: EnvAndFiles) -> None:
    """Under `none` there is no credential header, and no key is asked for."""
    head = head_of(make_provider(auth=Auth(scheme=Scheme.NONE)), secrets, key_label="")
    assert b"authorization" not in head.data


def test_callers_cannot_replace_what_is_ours(
    make_provider: MakeProvider, make_call: MakeCall, secrets: EnvAndFiles
) -> None:
    """Of forwarded headers, those that decide framing or identity, and malformed ones, do not go along."""
    forwarded = (
        (b"authorization", b"Bearer theirs"),
        (b"host", b"evil"),
        (b"content-length", b"0"),
        (b"transfer-encoding", b"chunked"),
        (b"accept-encoding", b"gzip"),
        (b"x-line", b"a\r\nx-evil: 1"),
        (b"x-bytes", b"\xff"),
        (b"x bad", b"1"),
        (b"x-good", b"1"),
    )
    provider = make_provider()
    plain = head_of(provider, secrets).request(make_call(provider))
    sent = head_of(provider, secrets).request(make_call(provider, headers=forwarded))
    assert sent == plain.replace(b"content-length: ", b"x-good: 1\r\ncontent-length: ")


@given(path=st.text(max_size=40), value=st.text(max_size=40).filter(lambda text: "${" not in text))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # both fixtures hold no state
def test_a_head_is_one_request(path: str, value: str, make_provider: MakeProvider, secrets: EnvAndFiles) -> None:
    """Whatever a path or query holds, there is one request line, of three words, below the base URL's path."""
    provider = make_provider(query=((value, value),))
    data = head_of(provider, secrets, path="/x" + path).data.decode("ascii")
    lines = data.split("\r\n")
    assert re.fullmatch(r"POST /v1/x[!-~]* HTTP/1\.1", lines[0])
    assert [line.partition(":")[0] for line in lines[1:-1]] == [
        "host",
        "accept-encoding",
        "content-type",
        "accept",
        "user-agent",
        "authorization",
    ]
    assert re.fullmatch(r"([!-~]| )*", "".join(lines))


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": (("x-a", "a\r\nb: c"),)},
        {"headers": (("x-a", "é"),)},
        {"headers": (("x a", "1"),)},
        {"headers": (("Content-Length", "1"),)},
        {"headers": (("x-a", "${env:NOPE}"),)},
        {"query": (("a", "${env:NOPE}"),)},
        {"base_url": "https://${env:NOPE}/v1"},
        {"base_url": "not a url"},
        {"auth": Auth(scheme=Scheme.BEARER, keys=(Key(label="main", secret=SecretRef("env", "NOPE")),))},
        {"auth": Auth(scheme=Scheme.BEARER, keys=(Key(label="main", secret=SecretRef("env", "EVIL")),))},
        {"auth": Auth(scheme=Scheme.HEADER, name="x y", keys=KEYS)},
        {"auth": Auth(scheme=Scheme.HEADER, name="Host", keys=KEYS)},
        {"auth": Auth(scheme=Scheme.BEARER, prefix="a\n", keys=KEYS)},
        {"auth": Auth(scheme=Scheme.BEARER, keys=(Key(label="other", secret=SecretRef("env", "KEY")),))},
    ],
)
def test_what_cannot_be_sent(changes: dict[str, object], make_provider: MakeProvider) -> None:
    """What would not be one clean head is unreachable; no value, which may be a secret, is in the message."""
    secrets = EnvAndFiles({"KEY": SECRET, "EVIL": "sk-canary\r\nx: y"})
    with pytest.raises(UpstreamUnreachable) as caught:
        head_of(make_provider(**changes), secrets)
    assert "canary" not in caught.value.detail
    assert "not a url" not in caught.value.detail


def test_heads_are_kept_until_a_secret_changes(make_provider: MakeProvider, tmp_path: Path) -> None:
    """The same head is given until its secret, or a reference in its headers, reads differently."""
    now = 0.0
    path = tmp_path / "key"
    path.write_text("one")
    heads = heads_over(EnvAndFiles({"KEY": SECRET}, now=lambda: now))
    provider = make_provider(headers=(("x-key", f"${{file:{path}}}"),))
    first = heads.head(provider, PATH, "main")
    assert heads.head(provider, PATH, "main") is first
    path.write_text("second")
    now = RECHECK_S
    second = heads.head(provider, PATH, "main")
    assert (b"x-key: one" in first.data, b"x-key: second" in second.data) == (True, True)
    path.unlink()
    now = 2 * RECHECK_S
    with pytest.raises(UpstreamUnreachable):
        heads.head(provider, PATH, "main")


def test_heads_of_providers_that_are_gone_are_forgotten(make_provider: MakeProvider, secrets: EnvAndFiles) -> None:
    """After `retain` only the heads of the named providers are left."""
    heads = heads_over(secrets)
    kept, gone = make_provider(), make_provider()
    first, other = heads.head(kept, PATH, "main"), heads.head(gone, PATH, "main")
    heads.retain({id(kept)})
    assert heads.head(kept, PATH, "main") is first
    assert heads.head(gone, PATH, "main") is not other


def test_missing(make_provider: MakeProvider, secrets: EnvAndFiles) -> None:
    """Every reference without a value is named once: keys, base URL, headers, query."""
    keys = (*KEYS, Key(label="b", secret=SecretRef("env", "B")), Key(label="c", secret=SecretRef("env", "B")))
    provider = make_provider(
        "https://${env:HOST}",
        auth=Auth(scheme=Scheme.BEARER, keys=keys),
        headers=(("x", "${env:KEY} ${env:X}"),),
        query=(("q", "${file:/nope}"),),
    )
    assert missing(provider, secrets) == (
        SecretRef("env", "B"),
        SecretRef("env", "HOST"),
        SecretRef("env", "X"),
        SecretRef("file", "/nope"),
    )
    assert missing(make_provider(), secrets) == ()
    signed = Key(label="a", id=SecretRef("env", "ID"), secret=SecretRef("env", "KEY"), session=SecretRef("env", "S"))
    provider = make_provider(auth=Auth(scheme=Scheme.AZURE_AD, tenant="${env:T}", keys=(signed,)))
    assert [ref.name for ref in missing(provider, secrets)] == ["ID", "S", "T"]
