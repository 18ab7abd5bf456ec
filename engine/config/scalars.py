"""Scalars with units, as they are written in YAML → the numbers the program works with.

The grammar of each is a `$defs` pattern in `schemas/*.json` as well, so that editors know it; `tests/test_schemas.py`
holds the two together. A text that does not follow its grammar raises ValueError: `shape` has refused it before.
"""

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

from engine.values import SecretRef

__all__ = [
    "base_url",
    "count",
    "day",
    "days",
    "duration_s",
    "header_value",
    "network",
    "percent",
    "range_s",
    "rate",
    "reference",
    "references",
]

SECONDS = {
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86400),
}
THOUSANDS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
PERIODS_S = {"s": 1.0, "min": 60.0, "h": 3600.0, "day": 86400.0}

NUMBER = r"(0|[1-9][0-9]*)(?:\.[0-9]+)?"
DURATION = re.compile(rf"(?P<n>{NUMBER})(?P<unit>ms|s|m|h|d)")
COUNT = re.compile(r"(?P<n>[1-9][0-9]*)(?P<unit>[kMG]?)")
RATE = re.compile(r"(?P<count>[1-9][0-9]*[kMG]?)/(?P<per>s|min|h|day)")
PERCENT = re.compile(r"(?P<n>100(\.0+)?|[1-9]?[0-9](\.[0-9]+)?)%")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
REFERENCE = re.compile(r"\$\{(?P<scheme>env|file):(?P<name>[^{}]+)\}")
HEADER_VALUE = re.compile(r"[ -~]*")
NAME = {"env": re.compile(r"[A-Za-z_][A-Za-z0-9_]*"), "file": re.compile(r"/.+")}


def _match(pattern: re.Pattern[str], text: str, what: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' is not {what}")
    return found


def _duration(text: str) -> Fraction:
    found = _match(DURATION, text, "a duration")
    return Fraction(found["n"]) * SECONDS[found["unit"]]


def duration_s(text: str) -> float:
    """Seconds of `250ms`, `30s`, `5m`, `2h`, `7d`."""
    return float(_duration(text))


def days(text: str) -> int:
    """Whole days of a duration; a part of a day counts as one, and `none` is 0."""
    return 0 if text == "none" else -(-_duration(text) // SECONDS["d"])


def range_s(text: str) -> tuple[float, float]:
    """Seconds of both ends of `100ms..2s`, the lower first."""
    low, dots, high = text.partition("..")
    if not dots or _duration(low) > _duration(high):
        raise ValueError(f"'{text}' is not a range of durations")
    return duration_s(low), duration_s(high)


def count(value: int | str) -> int:
    """A whole number, written as one or as `200k`, `1M`."""
    found = _match(COUNT, str(value), "a count")
    return int(found["n"]) * THOUSANDS[found["unit"]]


def rate(text: str) -> tuple[int, float]:
    """How many, and in how many seconds, of `60/min`, `10/s`, `1M/day`."""
    found = _match(RATE, text, "a rate")
    return count(found["count"]), PERIODS_S[found["per"]]


def percent(text: str) -> Fraction:
    """The share that `12.5%` is of one, exact."""
    return Fraction(Decimal(_match(PERCENT, text, "a percentage")["n"])) / 100


def day(text: str) -> date:
    """The calendar day of `2026-06-01`."""
    return date.fromisoformat(_match(DATE, text, "a date")[0])


def network(text: str) -> IPv4Network | IPv6Network:
    """The network of `10.0.0.0/8`; bits below the mask must be zero."""
    if "/" not in text:
        raise ValueError(f"'{text}' has no '/' and length of prefix")
    return ip_network(text)


def base_url(text: str) -> str:
    """*text*, an address of scheme, host, port and path: `upstream` sends requests below no other.

    What a reference in it stands for is not known here, so that such a text is taken as it is.
    """
    if "${" in text:
        return text
    parts = urlsplit(text)
    if not parts.hostname or not parts.hostname.isascii():
        raise ValueError(f"'{text}' has no host")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"'{text}' has a user, query or fragment")
    _ = parts.port  # one that is no number up to 65535 raises ValueError
    return text


def header_value(text: str) -> str:
    """*text*, which is printable ASCII beside its references: `upstream` sends no other value of a header."""
    _match(HEADER_VALUE, REFERENCE.sub("", text), "the value of a header")
    return text


def reference(text: str) -> SecretRef:
    """The reference that *text* is, whole: `${env:NAME}` or `${file:/path}`."""
    found = _match(REFERENCE, text, "a reference")
    _match(NAME[found["scheme"]], found["name"], f"a name for ${{{found['scheme']}:…}}")
    return SecretRef(found["scheme"], found["name"])


def references(text: str) -> tuple[SecretRef, ...]:
    """All references inside *text*, in order. A `${` that begins none raises ValueError."""
    found = tuple(reference(match[0]) for match in REFERENCE.finditer(text))
    if len(found) != text.count("${"):
        raise ValueError(f"'{text}' holds a '${{' that is no reference")
    return found
