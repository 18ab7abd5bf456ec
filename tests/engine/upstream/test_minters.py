"""Credentials that are made, as a provider sees them: over both transports, against real servers on loopback."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from engine.errors import UpstreamUnreachable
from engine.gateway import Call, Cork
from engine.rules.program import Auth, Connections, Key, Provider, Scheme
from engine.upstream import EnvAndFiles, Upstreams
from engine.upstream.broker import Hear
from engine.upstream.dial import Dialer
from engine.upstream.egress import Guard
from engine.upstream.log import Silent
from engine.upstream.minters import Minters
from engine.upstream.pool import Pools
from engine.upstream.tls import TlsContexts
from engine.upstream.transport import client
from engine.values import AccessToken, SecretRef

MakeProvider = Callable[..., Provider]
MakeCall = Callable[..., Call]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Loopback = Callable[[Handler], Awaitable[int]]

LOOPBACK = (ip_network("127.0.0.0/8"),)
KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/canary"


def env(name: str) -> SecretRef:
    return SecretRef("env", name)


AWS = Auth(
    scheme=Scheme.AWS_SIGV4,
    region="us-east-1",
    service="bedrock",
    keys=(
        Key(label="main", id=env("ID"), secret=env("SECRET")),
        Key(label="short", id=env("ID"), secret=env("SECRET"), session=env("SESSION")),
        Key(label="gone", id=env("ID"), secret=env("NOPE")),
        Key(label="evil", id=env("EVIL"), secret=env("SECRET")),
    ),
)
ENVIRONMENT = {"ID": KEY_ID, "SECRET": SECRET, "SESSION": "FQoG/canary==", "EVIL": "canary\r\nx: y"}


class Received:
    """A server that keeps what it is sent, and answers with *body*."""

    def __init__(self, body: bytes = b"hello", status: int = 200) -> None:
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.body = body
        self.status = status

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            self.bodies.append(await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b"")
            self.heads.append(head)
            length = len(self.body)
            writer.write(b"HTTP/1.1 %d x\r\ncontent-length: %d\r\n\r\n" % (self.status, length) + self.body)

    def headers(self, n: int = -1) -> list[tuple[str, str]]:
        lines = self.heads[n].decode("ascii").split("\r\n")[1:-2]
        return [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]


@pytest.fixture(params=["own", "httpx"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def upstreams() -> AsyncIterator[Upstreams]:
    made = Upstreams(EnvAndFiles(ENVIRONMENT), {}, cork=Cork())
    yield made
    await made.close()


async def answer(upstreams: Upstreams, call: Call) -> bytes:
    return await (await upstreams.send(call)).read_all(100)


def verified(received: Received, port: int) -> str:
    """The signed headers, once botocore has made the same signature of the bytes that arrived."""
    headers = dict(received.headers())
    scheme, _, fields = headers["authorization"].partition(" ")
    named = dict(field.split("=", 1) for field in fields.split(", "))
    assert scheme == "AWS4-HMAC-SHA256"
    target = received.heads[-1].split(b" ")[1].decode("ascii")
    signed = {name: headers[name] for name in named["SignedHeaders"].split(";")}
    request = AWSRequest(
        method="POST", url=f"http://127.0.0.1:{port}{target}", headers=signed, data=received.bodies[-1]
    )
    request.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(Credentials(KEY_ID, SECRET), "bedrock", "us-east-1")
    assert auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request) == named["Signature"]
    return named["SignedHeaders"]


async def test_a_signature_holds_for_what_arrives(
    transport: str, upstreams: Upstreams, loopback: Loopback, make_provider: MakeProvider, make_call: MakeCall
) -> None:
    """Whatever the client adds on the way, the server can make the same signature of the bytes that it was sent."""
    received = Received()
    port = await loopback(received)
    provider = make_provider(
        f"http://127.0.0.1:{port}", auth=AWS, transport=transport,
        headers=(("X-Amz-Tag", "a  b"), ("Authorization", "static")), query=(("tag", "a b/~é"), ("also", "")),
    )  # fmt: skip
    forwarded = ((b"x-trace", b"7"), (b"x-amz-more", b"1"), (b"x-amz-date", b"theirs"), (b"authorization", b"theirs"))
    call = make_call(
        provider, path="/model/anthropic.claude-v1:0/invoke", headers=forwarded, body=b'{"a":1}', key_label="main"
    )
    for _ in range(2):
        assert await answer(upstreams, call) == b"hello"
        assert verified(received, port) == "content-type;host;x-amz-date;x-amz-more;x-amz-tag"
    assert received.heads[0].startswith(
        b"POST /model/anthropic.claude-v1%3A0/invoke?tag=a%20b%2F~%C3%A9&also= HTTP/1.1\r\n"
    )
    names = [name for name, _ in received.headers()]
    assert (names.count("authorization"), names.count("x-amz-date"), names.count("x-trace")) == (1, 1, 1)


async def test_temporary_credentials(
    transport: str, upstreams: Upstreams, loopback: Loopback, make_provider: MakeProvider, make_call: MakeCall
) -> None:
    """A key with a session sends its token, signed."""
    received = Received()
    port = await loopback(received)
    provider = make_provider(f"http://127.0.0.1:{port}", auth=AWS, transport=transport)
    await answer(upstreams, make_call(provider, key_label="short"))
    assert "x-amz-security-token" in verified(received, port)
    assert ("x-amz-security-token", "FQoG/canary==") in received.headers()


@pytest.mark.parametrize(("label", "detail"), [("gone", "missing"), ("evil", "cannot be sent"), ("other", "no key")])
async def test_keys_that_cannot_sign(
    label: str, detail: str, upstreams: Upstreams, make_provider: MakeProvider, make_call: MakeCall
) -> None:
    """A missing part of a key, or one that would break a header, is unreachable and not repeated."""
    with pytest.raises(UpstreamUnreachable, match=detail) as caught:
        await upstreams.send(make_call(make_provider(auth=AWS), key_label=label))
    assert "canary" not in caught.value.detail


def azure(port: int, **changes: object) -> Auth:
    fields: dict[str, object] = {
        "scheme": Scheme.AZURE_AD,
        "authority": f"http://127.0.0.1:{port}",
        "tenant": "${env:TENANT}",
        "scope": "https://cognitiveservices.azure.com/.default",
        "keys": (Key(label="main", id=env("CLIENT"), secret=env("SECRET")),),
    }
    return Auth(**(fields | changes))  # type: ignore[arg-type]


async def test_a_token_of_azure(
    transport: str, loopback: Loopback, make_provider: MakeProvider, make_call: MakeCall
) -> None:
    """The token is fetched once, with the client's id and secret, and sent with every request."""
    endpoint, received = Received(b'{"access_token": "tok", "expires_in": 3599}'), Received()
    auth = azure(await loopback(endpoint))
    provider = make_provider(f"http://127.0.0.1:{await loopback(received)}", auth=auth, transport=transport)
    upstreams = Upstreams(EnvAndFiles({"TENANT": "contoso.com", "CLIENT": "c1", "SECRET": "s1"}), {}, cork=Cork())
    for _ in range(2):
        await answer(upstreams, make_call(provider, headers=((b"authorization", b"theirs"),)))
    await upstreams.close()
    assert [value for name, value in received.headers() if name == "authorization"] == ["Bearer tok"]
    assert len(received.heads) == 2
    assert [head.split(b" ")[1] for head in endpoint.heads] == [b"/contoso.com/oauth2/v2.0/token"]
    form = {name: values[0] for name, values in parse_qs(endpoint.bodies[0].decode()).items()}
    assert (form["client_id"], form["client_secret"], form["grant_type"]) == ("c1", "s1", "client_credentials")


async def test_a_token_of_a_service_account(
    loopback: Loopback, make_provider: MakeProvider, make_call: MakeCall, account_json: Callable[..., str],
    tmp_path: Path,
) -> None:  # fmt: skip
    """The JSON's own endpoint is asked for a token, for the key file that is configured."""
    endpoint, received = Received(b'{"access_token": "ya29.c", "expires_in": 3599}'), Received()
    file = tmp_path / "sa.json"
    file.write_text(account_json(token_uri=f"http://127.0.0.1:{await loopback(endpoint)}/token"))
    keys = (Key(label="main", secret=SecretRef("file", str(file))),)
    provider = make_provider(
        f"http://127.0.0.1:{await loopback(received)}", auth=Auth(scheme=Scheme.GCP, scope="s", keys=keys)
    )
    upstreams = Upstreams(EnvAndFiles({}), {}, cork=Cork())
    await answer(upstreams, make_call(provider))
    await upstreams.close()
    assert ("authorization", "Bearer ya29.c") in received.headers()
    assert b"assertion=" in endpoint.bodies[0]


async def test_tokens_are_fetched_before_requests(loopback: Loopback, make_provider: MakeProvider) -> None:
    """A snapshot's providers have their tokens fetched when it is served, but not those that lack a secret."""
    endpoint = Received(b'{"access_token": "tok", "expires_in": 3599}')
    port = await loopback(endpoint)
    secrets = EnvAndFiles({"TENANT": "contoso.com", "CLIENT": "c1", "SECRET": "s1"})
    upstreams = Upstreams(secrets, {}, cork=Cork())
    provider = make_provider(auth=azure(port))
    copy = make_provider(auth=azure(port), headers=(("x-model", "1"),))
    poor = make_provider(auth=azure(port, tenant="${env:NOPE}"))
    off = make_provider(auth=azure(port, tenant="off.com"), disabled="not now")
    await upstreams.retain([provider, copy, poor, off])
    for _ in range(200):
        if endpoint.heads:
            break
        await asyncio.sleep(0.01)
    await upstreams.retain([provider])
    await asyncio.sleep(0.05)
    await upstreams.close()
    assert len(endpoint.heads) == 1


class Listening:
    """A broker that lets nobody fetch, and keeps the accounts that it is asked about."""

    def __init__(self) -> None:
        self.accounts: list[str] = []

    def ask(self, account: str, seen: int, hear: Hear) -> None:
        self.accounts.append(account)

    def fetched(self, account: str, token: AccessToken) -> None:
        pass

    def failed(self, account: str, detail: str) -> None:
        pass

    def leave(self, account: str) -> None:
        pass


async def test_an_account_is_known_by_a_digest(make_provider: MakeProvider) -> None:
    """Workers that read the same mean the same account; another secret or scope is another; none of it is told."""
    broker = Listening()
    for secret, changes in (("canary", {}), ("canary", {}), ("canary2", {}), ("canary", {"scope": "other"})):
        secrets = EnvAndFiles({"TENANT": "contoso.com", "CLIENT": "c1", "SECRET": secret})
        upstreams = Upstreams(secrets, {}, cork=Cork(), broker=broker)
        await upstreams.retain([make_provider(auth=azure(1, **changes), allow_private=LOOPBACK)])
        await asyncio.sleep(0)
        await upstreams.close()
    first, same, *others = broker.accounts
    assert first == same
    assert len({first, *others}) == 3
    assert all(re.fullmatch("[0-9a-f]{64}", account) for account in broker.accounts)


async def test_an_endpoint_that_refuses(loopback: Loopback, make_provider: MakeProvider, make_call: MakeCall) -> None:
    """Without a token the attempt fails as one without a connection, with the reason and no secret."""
    endpoint = Received(json.dumps({"error": "invalid_client", "error_description": "canary"}).encode(), status=401)
    secrets = EnvAndFiles({"TENANT": "contoso.com", "CLIENT": "c1", "SECRET": "canary"})
    upstreams = Upstreams(secrets, {}, cork=Cork())
    with pytest.raises(UpstreamUnreachable) as caught:
        await upstreams.send(make_call(make_provider(auth=azure(await loopback(endpoint)))))
    await upstreams.close()
    assert caught.value.detail == "no valid token: the token endpoint answered 401 (invalid_client)"
    assert caught.value.kind == "connect"


async def test_the_machines_own_token(loopback: Loopback, make_provider: MakeProvider) -> None:
    """With `metadata` the metadata server is asked, without any key."""
    server = Received(b'{"access_token": "ya29.m", "expires_in": 3599, "token_type": "Bearer"}')
    pools = Pools(Dialer(Guard(), TlsContexts()), Cork())
    to_tokens = partial(client, pools, timeout_s=1.0, connections=Connections(max=1, keepalive_s=1.0))
    minters = Minters(EnvAndFiles({}), to_tokens, Silent(), metadata_url=f"http://127.0.0.1:{await loopback(server)}")
    provider = make_provider(auth=Auth(scheme=Scheme.GCP, scope="s", metadata=True))
    minter = minters.minter(provider, None)
    await minter.ready(1.0)
    assert minter.headers("", (), b"") == (("authorization", "Bearer ya29.m"),)
    assert ("metadata-flavor", "Google") in server.headers()
    minters.close()
    pools.close()


async def test_the_metadata_server_is_not_reached_otherwise(upstreams: Upstreams, make_provider: MakeProvider,
    make_call: MakeCall) -> None:  # fmt: skip
    """No provider's own address may be the metadata server's, whatever its scheme."""
    provider = make_provider("http://169.254.169.254", auth=Auth(scheme=Scheme.NONE), allow_private=LOOPBACK)
    with pytest.raises(UpstreamUnreachable, match="egress guard"):
        await upstreams.send(make_call(provider, key_label=""))


EXTRAS = {"bedrock": ("botocore.auth", "engine.upstream.sigv4"), "vertex": ("google.auth.jwt", "engine.upstream.gcp")}


@pytest.mark.parametrize(("auth", "extra"), [(AWS, "bedrock"), (Auth(scheme=Scheme.GCP, metadata=True), "vertex")])
async def test_an_extra_that_is_not_installed(
    auth: Auth, extra: str, make_provider: MakeProvider, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scheme whose library is not there is unreachable, and says what to install."""
    library, module = EXTRAS[extra]
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, module, raising=False)
    upstreams = Upstreams(EnvAndFiles(ENVIRONMENT), {}, cork=Cork())
    provider = make_provider(auth=auth)
    await upstreams.retain([provider])
    with pytest.raises(UpstreamUnreachable, match=rf"pip install 'engine\[{extra}\]'"):
        await upstreams.send(make_call(provider, key_label="main" if auth.keys else ""))
    await upstreams.close()
