"""Scalars with units, exact."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import date
from fractions import Fraction
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import scalars
from engine.upstream.origin import split_base_url
from engine.values import SecretRef


@pytest.mark.parametrize(
    ("read", "written", "meant"),
    [
        (scalars.duration_s, "250ms", 0.25),
        (scalars.duration_s, "1.5h", 5400.0),
        (scalars.duration_s, "7d", 604800.0),
        (scalars.days, "none", 0),
        (scalars.days, "400d", 400),
        (scalars.days, "25h", 2),
        (scalars.range_s, "100ms..2s", (0.1, 2.0)),
        (scalars.count, "200k", 200_000),
        (scalars.rate, "60/min", (60, 60.0)),
        (scalars.rate, "1M/day", (1_000_000, 86400.0)),
        (scalars.percent, "12.5%", Fraction(1, 8)),
        (scalars.day, "2026-02-28", date(2026, 2, 28)),
        (scalars.network, "10.0.0.0/8", ip_network("10.0.0.0/8")),
        (scalars.reference, "${env:A_B}", SecretRef("env", "A_B")),
        (scalars.references, "https://${env:A}/${file:/b}", (SecretRef("env", "A"), SecretRef("file", "/b"))),
    ],
)
def test_a_scalar_is_read(read: Callable[[str], object], written: str, meant: object) -> None:
    """Number and unit become the number that the program works with."""
    assert read(written) == meant


@pytest.mark.parametrize(
    "url",
    [
        *("https://[/v1", "https:///v1", "https://:443/v1", "https://a.example:65536/v1"),
        *("https://a.example:x/v1", "https://ü.example/v1", "https://me@a.example/v1", "https://a.example/v1?x=1"),
        "https://a.example/v1#x",
    ],
)
def test_an_address_that_nothing_can_be_sent_to(url: str) -> None:
    """What would fail for every request is refused before the first."""
    assert [_takes(read, url) for read in (scalars.base_url, split_base_url)] == [False, False]


@pytest.mark.parametrize("url", ["https://a.example", "http://[::1]:8080/v1", "http://10.0.0.1:65535/v1/"])
def test_an_address_that_requests_can_be_sent_to(url: str) -> None:
    """What connections take is allowed."""
    assert [_takes(read, url) for read in (scalars.base_url, split_base_url)] == [True, True]


def _takes(read: Callable[[str], object], url: str) -> bool:
    try:
        read(url)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("url", ["${env:URL}", "https://${env:HOST}:${env:PORT}/v1", "http://[${env:IP}]"])
def test_an_address_with_references_is_not_known_yet(url: str) -> None:
    """It is judged when the references are read."""
    assert scalars.base_url(url) == url


@pytest.mark.parametrize(
    ("value", "is_right"),
    [("", True), ("a b~", True), ("v ${file:/ä}", True), ("a\n", False), ("ä", False), ("${vault:ä}", False)],
)
def test_a_value_of_a_header_can_be_sent(value: str, is_right: bool) -> None:
    """Beside references, which are judged when they are read, it is printable ASCII."""
    with nullcontext() if is_right else pytest.raises(ValueError, match="is not the value of a header"):
        assert scalars.header_value(value) == value


@pytest.mark.parametrize(
    ("read", "written"),
    [
        (scalars.range_s, "2s..100ms"),
        (scalars.day, "2026-02-31"),
        (scalars.network, "10.0.0.1/8"),
        (scalars.reference, "${env:A}x"),
        (scalars.references, "${env:A} ${nope"),
    ],
)
def test_what_means_nothing_is_refused(read: Callable[[str], object], written: str) -> None:
    """The right form is not enough: ends in order, days that exist, networks without host bits."""
    with pytest.raises(ValueError, match=r"is not|has no|holds|has host bits|out of range"):
        read(written)


@given(st.integers(0, 10**6), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_units_agree(number: int, unit: str) -> None:
    """A duration is its number times its unit, however it is written."""
    assert scalars.duration_s(f"{number}{unit}") == pytest.approx(number * scalars.duration_s(f"1{unit}"))
