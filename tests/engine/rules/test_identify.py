from datetime import UTC, date, datetime
from hashlib import sha256
from ipaddress import ip_network

import pytest

from engine.errors import Forbidden, Unauthorized
from engine.rules.identify import identify
from engine.rules.program import Caller

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KEY = b"eng_live_0123456789"
BOT = Caller(id="support-bot")
ANYONE = Caller(id="anonymous", anonymous=True)


def identified(
    *headers: tuple[bytes, bytes], caller: Caller = BOT, anonymous: Caller | None = ANYONE, ip: str = "192.0.2.7"
) -> Caller:
    return identify({sha256(KEY).digest(): caller}, anonymous, dict(headers), ip, AT)


@pytest.mark.parametrize(
    "header",
    [
        (b"authorization", b"Bearer " + KEY),
        (b"authorization", b"bearer  " + KEY + b" "),
        (b"x-api-key", KEY),
        (b"x-goog-api-key", KEY),
    ],
)
def test_a_key_is_found_in_each_of_its_headers(header: tuple[bytes, bytes]) -> None:
    """SDKs of three vendors present the same key in their own way."""
    assert identified(header) is BOT


@pytest.mark.parametrize(
    "header",
    [
        (b"x-api-key", KEY[:-1]),
        (b"x-api-key", b""),
        (b"authorization", b"Bearer "),
        (b"authorization", b"Basic " + KEY),
        (b"authorization", KEY),
        (b"x-api-key", b"' or 1=1 -- \xff"),
    ],
)
def test_a_bad_key_is_never_anonymous(header: tuple[bytes, bytes]) -> None:
    """Whoever presents something is judged by it, even where nothing would have been enough."""
    with pytest.raises(Unauthorized):
        identified(header)


def test_the_authorization_header_counts_before_the_others() -> None:
    """A wrong bearer key is not saved by a right one beside it."""
    with pytest.raises(Unauthorized):
        identified((b"x-api-key", KEY), (b"authorization", b"Bearer other"))


def test_nothing_presented_is_anonymous_where_that_is_allowed() -> None:
    """`access.anonymous: deny` asks everyone for a key."""
    assert identified() is ANYONE
    with pytest.raises(Unauthorized) as caught:
        identified(anonymous=None)
    assert caught.value.reason == "missing_api_key"


def test_a_key_works_until_the_day_it_expires() -> None:
    """`expires` is the first day on which it no longer works, and says no more than an unknown key does."""
    header = (b"x-api-key", KEY)
    assert identified(header, caller=Caller(id="b", expires=date(2026, 11, 24))).id == "b"
    with pytest.raises(Unauthorized) as expired:
        identified(header, caller=Caller(id="b", expires=date(2026, 11, 23)))
    with pytest.raises(Unauthorized) as unknown:
        identified((b"x-api-key", b"unknown"))
    assert expired.value.message == unknown.value.message


@pytest.mark.parametrize(
    ("ip", "allowed"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("2001:db8::1", True), ("192.0.2.1", False), ("", False)],
)
def test_networks_bound_where_a_key_works(ip: str, allowed: bool) -> None:
    """IPv4, mapped IPv4 and IPv6 are told by the same list; no address is no network."""
    caller = Caller(id="b", networks=(ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")))
    if allowed:
        assert identified((b"x-api-key", KEY), caller=caller, ip=ip) is caller
    else:
        with pytest.raises(Forbidden):
            identified((b"x-api-key", KEY), caller=caller, ip=ip)


@pytest.mark.parametrize(
    ("header", "allowed"),
    [
        ((b"origin", b"https://Help.example.com"), True),
        ((b"referer", b"https://help.example.com/page?q=1"), True),
        ((b"origin", b"https://help.example.com.evil.test"), False),
        ((b"referer", b"https://[bad"), False),
        ((b"accept", b"*/*"), False),
    ],
)
def test_origins_bound_the_pages_that_may_use_a_key(header: tuple[bytes, bytes], allowed: bool) -> None:
    """Origin counts, else the Referer's origin; a request without either has no origin."""
    caller = Caller(id="b", origins=frozenset({"https://help.example.com"}))
    if allowed:
        assert identified((b"x-api-key", KEY), header, caller=caller) is caller
    else:
        with pytest.raises(Forbidden):
            identified((b"x-api-key", KEY), header, caller=caller)
