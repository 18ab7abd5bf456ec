"""The outcome table: for every way an attempt can end, what follows and what the caller is told.

Knows: which kinds are tried again, hand over, count for breakers and rest keys, as data. Does not know requests,
chains or time; `plan` walks the table. Source: the specification's page on routing, "Outcomes and what follows".
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

import msgspec

from engine.errors import OutcomeKind, Refused
from engine.rules.program import Provider
from engine.values import Outcome

__all__ = [
    "BREAKER_COUNTS",
    "FAILOVER_ON",
    "KEY_FAULTS",
    "RETRY_ON",
    "TABLE",
    "TELL_FIRST",
    "TIMEOUTS",
    "Rest",
    "Row",
    "Told",
    "caller_error",
    "rest",
    "rest_bounds_s",
    "sharpen",
]

_K = OutcomeKind

TIMEOUTS: Final = frozenset({_K.TIMEOUT_FIRST_TOKEN, _K.TIMEOUT_BETWEEN_TOKENS, _K.TIMEOUT_TOTAL})
"""What the word `timeout` stands for in YAML."""

KEY_FAULTS: Final = frozenset({_K.PROVIDER_AUTH, _K.PAYMENT_REQUIRED})
"""Tried again at the same target only with another key."""


class Rest(Enum):
    """What an outcome lays to rest."""

    NOTHING = "nothing"
    KEY_FOR_MODEL = "key for model"
    KEY = "key"


class Told(msgspec.Struct, frozen=True):
    """What a caller sees of an outcome when nothing is left to try."""

    status: int
    code: str
    message: str
    type: str = "api_error"
    retryable: bool = True


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table."""

    told: Told
    retry: bool = False
    """Same target again; for rate limits and key faults under the conditions that `plan` knows."""
    failover: bool = False
    """Next target; after `context_length` only one with a larger context."""
    breaker: bool = False
    rest: Rest = Rest.NOTHING


_UNAVAILABLE = Told(503, "provider_unavailable", "the model's provider is not available to this gateway at the moment")
_TIMEOUT = Told(504, "provider_timeout", "the provider did not answer in time")
_TIMED_OUT = Row(told=_TIMEOUT, failover=True, breaker=True)
_REJECTED = "invalid_request_error"


def _broken(status: int, code: str, message: str) -> Row:
    return Row(told=Told(status, code, message), retry=True, failover=True, breaker=True)


TABLE: Final[Mapping[OutcomeKind, Row]] = MappingProxyType(
    {
        _K.BAD_REQUEST: Row(told=Told(400, "bad_request", "the provider refused the request", _REJECTED, False)),
        _K.CONTENT_FILTER: Row(
            told=Told(400, "content_filter", "the provider's content filter stopped the request", _REJECTED, False)
        ),
        _K.CONTEXT_LENGTH: Row(
            told=Told(
                400, "context_length_exceeded", "the request is longer than the model's context", _REJECTED, False
            ),
            failover=True,
        ),
        _K.RATE_LIMITED: Row(
            told=Told(429, "rate_limited", "the provider's rate limit is reached", "rate_limit_error"),
            retry=True,
            failover=True,
            rest=Rest.KEY_FOR_MODEL,
        ),
        _K.OVERLOADED: _broken(503, "provider_overloaded", "the provider is overloaded"),
        _K.SERVER_ERROR: _broken(502, "provider_error", "the provider failed"),
        _K.MALFORMED: _broken(502, "provider_malformed", "the provider's answer could not be read"),
        _K.RESET: _broken(502, "provider_reset", "the provider broke the connection off"),
        _K.CONNECT: _broken(502, "provider_unreachable", "the provider could not be reached"),
        _K.TIMEOUT_FIRST_TOKEN: _TIMED_OUT,
        _K.TIMEOUT_BETWEEN_TOKENS: _TIMED_OUT,
        _K.TIMEOUT_TOTAL: _TIMED_OUT,
        _K.PROVIDER_AUTH: Row(told=_UNAVAILABLE, retry=True, failover=True, rest=Rest.KEY),
        _K.PAYMENT_REQUIRED: Row(told=_UNAVAILABLE, retry=True, failover=True, rest=Rest.KEY),
        _K.MODEL_NOT_FOUND: Row(
            told=Told(404, "model_not_found", "the provider does not know the model", _REJECTED, False), failover=True
        ),
        _K.DEADLINE: Row(told=Told(504, "deadline_exceeded", "the request's deadline passed", "api_error")),
        _K.CANCELLED: Row(told=Told(499, "cancelled", "the caller hung up", _REJECTED, False)),
    }
)
"""Every kind but `OK`. Of several failures, the caller is told the one whose kind comes first here: what the caller can
mend, then what time mends, then what operators must mend."""

RETRY_ON: Final = frozenset(kind for kind, row in TABLE.items() if row.retry)
FAILOVER_ON: Final = frozenset(kind for kind, row in TABLE.items() if row.failover)
BREAKER_COUNTS: Final = frozenset(kind for kind, row in TABLE.items() if row.breaker)
TELL_FIRST: Final[Mapping[OutcomeKind, int]] = MappingProxyType({kind: at for at, kind in enumerate(TABLE)})
"""Kind → rank; of several failures the one with the lowest rank is told."""


def rest(outcome: Outcome) -> Rest:
    """What *outcome* lays to rest: a 403 speaks of this model, a 401 or 402 of the key."""
    if outcome.kind is _K.PROVIDER_AUTH and outcome.status == 403:
        return Rest.KEY_FOR_MODEL
    row = TABLE.get(outcome.kind)
    return row.rest if row else Rest.NOTHING


def rest_bounds_s(kind: OutcomeKind) -> tuple[float, float]:
    """A key's first and longest rest after *kind* where the provider names no time; each rest doubles the last.

    A rate limit passes by itself; a key that is refused or not paid for waits for a person.
    """
    return (5.0, 60.0) if kind is _K.RATE_LIMITED else (600.0, 3600.0)


def sharpen(provider: Provider, outcome: Outcome, body: bytes) -> Outcome:
    """*outcome* with the kind that the first matching one of the provider's `errors` gives it.

    *body* is the answer's, decoded; rules look at answers only, so an outcome without a status stays as it is.
    """
    if outcome.status is None:
        return outcome
    for rule in provider.errors:
        if rule.status is not None and rule.status != outcome.status:
            continue
        if rule.body is None or rule.body.search(body):
            return msgspec.structs.replace(outcome, kind=rule.kind)
    return outcome


def caller_error(outcome: Outcome, retry_after_s: float | None = None) -> Refused:
    """What the caller is told of a request that ended in *outcome*, which is not `OK`.

    The provider's own words are passed on only where they help the caller mend the request; those of a 401 never are.
    An outcome of the gateway's own (no status, but a code such as `at_capacity`) is told as it is.
    """
    told = TABLE[outcome.kind].told
    ours = outcome.status is None and outcome.code != ""
    return Refused(
        outcome.message if outcome.message and (ours or not told.retryable) else told.message,
        status=told.status,
        code=outcome.code if ours else told.code,
        type=told.type,
        retry_after_s=retry_after_s,
        retryable=told.retryable,
    )
