"""How errors are classed, whatever the protocol: by what they say, or else by their status.

Each protocol's `error` module reads its own body into `Said` and brings its own words (`by_code`). Nothing here knows a
provider or a protocol by name.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from engine.errors import OutcomeKind
from engine.values import Headers, Outcome
from engine.wire.json_read import UNREADABLE
from engine.wire.redact import clean

__all__ = [
    "Said",
    "first_text",
    "kind_of",
    "outcome_inside",
    "outcome_of_status",
    "plain",
    "read_json",
    "retry_after_s",
    "status_in",
    "word",
]


"""Names in lower case."""

_BY_STATUS = {
    401: OutcomeKind.PROVIDER_AUTH,
    402: OutcomeKind.PAYMENT_REQUIRED,
    403: OutcomeKind.PROVIDER_AUTH,
    404: OutcomeKind.MODEL_NOT_FOUND,
    408: OutcomeKind.SERVER_ERROR,  # the provider gave up waiting; OpenAI's own SDK tries 408 and 409 again
    409: OutcomeKind.SERVER_ERROR,
    413: OutcomeKind.CONTEXT_LENGTH,
    429: OutcomeKind.RATE_LIMITED,
    498: OutcomeKind.OVERLOADED,  # Groq: flex capacity exceeded
    503: OutcomeKind.OVERLOADED,
    529: OutcomeKind.OVERLOADED,
}

_BY_MESSAGE = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        ("context (?:length|window|size)|maximum context|prompt (?:is )?too long", OutcomeKind.CONTEXT_LENGTH),
        ("(?:incorrect|invalid) api key|api key (?:is )?(?:not valid|invalid)", OutcomeKind.PROVIDER_AUTH),
        ("content (?:management )?policy|content filter|flagged by moderation", OutcomeKind.CONTENT_FILTER),
        (
            r"model\b.{0,200}(?:does not exist|not found)|not a valid model|invalid model",
            OutcomeKind.MODEL_NOT_FOUND,
        ),
    )
)
"""What the message of a 400, 413 or 422 tells where the code does not."""

LONGEST_RETRY_AFTER_S = 86_400.0
"""A day. If a provider asks for longer, that is a quota and not a pause."""


@dataclass(frozen=True, slots=True)
class Said:
    """What an error body says, whatever its shape."""

    message: str = ""
    """Cleaned, so fit to show to the caller."""
    code: str = ""
    type: str = ""
    status: int | None = None
    """The HTTP status that the body itself names."""


def outcome_of_status(status: int, headers: Headers, said: Said, by_code: Mapping[str, OutcomeKind]) -> Outcome:
    """How an answer with an error status is classed. *by_code*: codes and types that say more, in lower case."""
    return Outcome(
        kind=kind_of(status, said, by_code),
        status=status,
        message=said.message or f"the provider answered with status {status}",
        code=said.code or said.type,
        retry_after_s=retry_after_s(headers),
        received=True,
    )


def outcome_inside(said: Said, by_code: Mapping[str, OutcomeKind]) -> Outcome:
    """How an error that arrived inside an answer with status 200 is classed."""
    return Outcome(
        kind=kind_of(said.status or 500, said, by_code),
        status=200,
        message=said.message or "the provider answered with an error inside status 200",
        code=said.code or said.type,
        received=True,
    )


def kind_of(status: int, said: Said, by_code: Mapping[str, OutcomeKind]) -> OutcomeKind:
    """The kind by code or type; else by the message, where the status is vague; else by the status."""
    coded = by_code.get(said.code.lower()) or by_code.get(said.type.lower())
    if coded is not None:
        return coded
    if status in {400, 403, 413, 422}:
        for pattern, kind in _BY_MESSAGE:
            if pattern.search(said.message):
                return kind
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return OutcomeKind.SERVER_ERROR
    return OutcomeKind.BAD_REQUEST if status >= 400 else OutcomeKind.MALFORMED


def read_json(body: bytes) -> Any:
    """*body* read as JSON; None for null and for what is no JSON. Never raises."""
    try:
        return msgspec.json.decode(body)
    except UNREADABLE:
        return None


def plain(body: bytes) -> str:
    """The text of a body that is no JSON, fit to show."""
    return clean(body[:65_536].decode(errors="replace"))


def first_text(error: Mapping[str, Any], *names: str) -> str:
    """The first field of *names* that is not empty, as text; as JSON where it is no string."""
    for name in names:
        value = error.get(name)
        if isinstance(value, str):
            return value
        if value:
            return msgspec.json.encode(value).decode()
    return ""


def word(value: object) -> str:
    """A code or type, fit to show; empty where *value* is none."""
    return clean(str(value))[:100] if isinstance(value, str | int) and not isinstance(value, bool) else ""


def status_in(code: object) -> int | None:
    """*code* as an HTTP error status, if it is one, as a number or in digits; else None."""
    status = int(code) if isinstance(code, str) and re.fullmatch(r"[45]\d\d", code) else code
    return status if isinstance(status, int) and 400 <= status <= 599 else None


def retry_after_s(headers: Headers) -> float | None:
    """Seconds from `retry-after-ms`, else from `retry-after` in seconds or as a date; None where neither can be read.

    A date is reckoned from the answer's own `date`, so neither clock has to be right. Azure sends `retry-after-ms: 0`
    beside a true `retry-after`: zero says nothing.
    """
    named = {
        name: value.decode("latin-1") for name, value in headers if name in {b"retry-after", b"retry-after-ms", b"date"}
    }
    told = (
        _seconds(named.get(b"retry-after-ms", ""), unit_s=0.001),
        _seconds(named.get(b"retry-after", "")),
        _until(named.get(b"retry-after", ""), named.get(b"date", "")),
    )
    known = [min(seconds, LONGEST_RETRY_AFTER_S) for seconds in told if seconds is not None]
    return next((seconds for seconds in known if seconds > 0), 0.0) if known else None


def _seconds(text: str, unit_s: float = 1.0) -> float | None:
    try:
        seconds = float(text) * unit_s
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _until(text: str, now: str) -> float | None:
    try:
        return max(0.0, (parsedate_to_datetime(text) - parsedate_to_datetime(now)).total_seconds())
    except (ValueError, TypeError):  # TypeError: one of the two has no time zone
        return None
