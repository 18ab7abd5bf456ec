from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UpstreamUnreachable
from engine.upstream.sigv4 import Signer
from engine.wire.content import Pieces

Headers = Sequence[tuple[str, str]]

KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
HOST = ("host", "example.amazonaws.com")


def signer(*, session: str | None = None, service: str = "service") -> Signer:
    return Signer(key_id=KEY_ID, secret=SECRET, session=session, region="us-east-1", service=service, now=lambda: AT)


def theirs(url: str, headers: Headers, body: bytes) -> str:
    """The Authorization header that botocore makes itself for exactly these headers."""
    auth = SigV4Auth(Credentials(KEY_ID, SECRET), "service", "us-east-1")
    request = AWSRequest(method="POST", url=url, headers=dict(headers), data=body)
    request.context["timestamp"] = AT.strftime("%Y%m%dT%H%M%SZ")
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    signed = auth.signed_headers(auth.headers_to_sign(request))
    return f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, SignedHeaders={signed}, Signature={signature}"


def test_the_published_vector() -> None:
    """`post-vanilla` of AWS's Signature Version 4 test suite, to the letter."""
    assert signer().headers("https://example.amazonaws.com/", [HOST], b"") == (
        ("x-amz-date", "20150830T123600Z"),
        (
            "authorization",
            (
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                "SignedHeaders=host;x-amz-date, "
                "Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
            ),
        ),
    )


def test_a_form_is_not_signed() -> None:
    """A form is refused, whatever its size, in words that say why."""
    with pytest.raises(UpstreamUnreachable, match="a form cannot be sent under the scheme aws-sigv4"):
        signer().headers("https://example.amazonaws.com/", [HOST], Pieces((b"--b--\r\n",)))


def test_the_published_vector_with_a_query() -> None:
    """`post-vanilla-query` of the same suite."""
    made = dict(signer().headers("https://example.amazonaws.com/?Param1=value1", [HOST], b""))
    assert made["authorization"].endswith("28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11")


@given(
    path=st.text("abz09-._~/:% é", max_size=30),
    query=st.lists(st.tuples(st.sampled_from("abc"), st.text("az09%", max_size=5)), max_size=4),
    value=st.text("ab ", max_size=8),
    body=st.binary(max_size=64),
)
def test_signatures_are_botocores(path: str, query: Headers, value: str, body: bytes) -> None:
    """Over any path, query, header and body the signature is the one that botocore makes of its own request."""
    url = f"https://example.amazonaws.com/{path}" + ("?" + "&".join(f"{k}={v}" for k, v in query) if query else "")
    sent = [HOST, ("content-type", "application/json"), ("x-amz-tag", value)]
    made = signer().headers(url, [*sent, ("user-agent", "engine"), ("x-trace", "7")], body)
    assert dict(made)["authorization"] == theirs(url, [*sent, made[0]], body)


@pytest.mark.parametrize(
    ("url", "sent", "body"),
    [
        ("https://example.amazonaws.com/a", [HOST], b"b"),
        ("https://example.amazonaws.com/?q=1", [HOST], b"b"),
        ("https://example.amazonaws.com/", [("host", "other.amazonaws.com")], b"b"),
        ("https://example.amazonaws.com/", [HOST, ("x-amz-tag", "1")], b"b"),
        ("https://example.amazonaws.com/", [HOST, ("content-type", "text/plain")], b"b"),
        ("https://example.amazonaws.com/", [HOST], b"c"),
    ],
)
def test_what_is_covered(url: str, sent: Headers, body: bytes) -> None:
    """A change of path, query, host, signed header or body changes the signature."""
    plain = dict(signer().headers("https://example.amazonaws.com/", [HOST], b"b"))
    assert dict(signer().headers(url, sent, body))["authorization"] != plain["authorization"]


def test_what_is_not_covered() -> None:
    """Headers of the client's own, or of a caller, do not take part: a proxy may change them."""
    plain = signer().headers("https://example.amazonaws.com/", [HOST], b"b")
    more = [HOST, ("user-agent", "x"), ("accept-encoding", "identity"), ("content-length", "1"), ("x-trace", "7")]
    assert signer().headers("https://example.amazonaws.com/", more, b"b") == plain


def test_a_session_is_sent_and_signed() -> None:
    """The token of temporary credentials goes along, and is one of the signed headers."""
    made = dict(signer(session="FQoG").headers("https://example.amazonaws.com/", [HOST], b""))
    assert made["x-amz-security-token"] == "FQoG"
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token," in made["authorization"]


def test_a_header_sent_twice_is_one_list() -> None:
    """AWS signs the values of a repeated header as one, joined by commas."""
    twice = signer().headers("https://example.amazonaws.com/", [HOST, ("x-amz-tag", "1"), ("x-amz-tag", "2")], b"")
    once = signer().headers("https://example.amazonaws.com/", [HOST, ("x-amz-tag", "1,2")], b"")
    assert twice == once


def test_by_hand() -> None:
    """The signature of a Bedrock request, its canonical form written out: a colon in the path is encoded twice."""
    body = b'{"a":1}'
    canonical = "\n".join(
        (
            "POST",
            "/model/anthropic.claude-v1%253A0/invoke",
            "",
            "content-type:application/json",
            "host:bedrock-runtime.us-east-1.amazonaws.com",
            "x-amz-date:20150830T123600Z",
            "",
            "content-type;host;x-amz-date",
            sha256(body).hexdigest(),
        )
    )
    to_sign = "\n".join(
        (
            "AWS4-HMAC-SHA256",
            "20150830T123600Z",
            "20150830/us-east-1/bedrock/aws4_request",
            sha256(canonical.encode()).hexdigest(),
        )
    )
    made = signer(service="bedrock").headers(
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-v1%3A0/invoke",
        [("host", "bedrock-runtime.us-east-1.amazonaws.com"), ("content-type", "application/json")],
        body,
    )
    assert dict(made)["authorization"].endswith(f"Signature={_hmac_chain(to_sign)}")


def _hmac_chain(to_sign: str) -> str:
    key = f"AWS4{SECRET}".encode()
    for step in ("20150830", "us-east-1", "bedrock", "aws4_request"):
        key = _hmac(key, step)
    return _hmac(key, to_sign).hex()


def _hmac(key: bytes, text: str) -> bytes:
    """HMAC-SHA256 by its definition (RFC 2104), for keys up to the block size of 64 bytes."""
    block = key.ljust(64, b"\0")
    inner = sha256(bytes(b ^ 0x36 for b in block) + text.encode()).digest()
    return sha256(bytes(b ^ 0x5C for b in block) + inner).digest()
