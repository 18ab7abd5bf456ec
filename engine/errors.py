"""Places, problems and the exception family: every way in which something can be wrong, by whose fault it is.

    EngineError
    ├── ConfigInvalid                 the configuration; carries every Problem, each with its place
    ├── ConfigUnreadable              the configuration cannot even be read: no such directory, no such overlay
    ├── TextInvalid                   one text of the configuration; carries the Flaws that become Problems
    │   ├── ExpressionInvalid         a condition
    │   ├── PatternInvalid            a glob or a regular expression
    │   └── PriceInvalid              a figure of money
    ├── CallerFault                   the caller can mend it; status and code stand on the class
    │   ├── BadRequest                400  the body cannot be read, or asks for what does not exist in the protocol
    │   ├── Unauthorized              401  no key, or one that nobody has
    │   ├── Forbidden                 403  a good key without the grant, role, network or origin
    │   ├── NotFound                  404  a name or path that does not exist
    │   └── TooLarge                  413  more bytes than the gateway takes
    ├── Refused                       the gateway decided not to, or nothing was left to try; status is the decision's
    ├── UpstreamFault                 an attempt failed below the protocol; `kind` says how
    │   ├── UpstreamUnreachable       connect: refused, DNS, TLS, an address the egress guard forbids
    │   ├── UpstreamReset             reset: the connection ended before the answer did
    │   ├── UpstreamTimeout           the phase that took too long
    │   ├── UpstreamFull              overloaded: our own bound on connections; nothing was asked of the provider
    │   └── UpstreamMalformed         malformed: bytes that are not the protocol
    └── Bug                           500  ours

`except Exception` stands in two places only: the server's last line (`server/inference.py`) and the journal
writer's (`store/journal.py`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import ClassVar

__all__ = [
    "BadRequest",
    "Bug",
    "CallerFault",
    "ConfigInvalid",
    "ConfigUnreadable",
    "EngineError",
    "ExpressionInvalid",
    "Flaw",
    "Forbidden",
    "NotFound",
    "OutcomeKind",
    "PatternInvalid",
    "Place",
    "PriceInvalid",
    "Problem",
    "Refused",
    "Severity",
    "TextInvalid",
    "TooLarge",
    "Unauthorized",
    "UpstreamFault",
    "UpstreamFull",
    "UpstreamMalformed",
    "UpstreamReset",
    "UpstreamTimeout",
    "UpstreamUnreachable",
    "did_you_mean",
]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something is written: a file relative to the configuration root, line and column counted from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Severity(StrEnum):
    """How bad a problem is: an error stops a configuration from being used, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a configuration, said so that a person can mend it without reading the manual."""

    slug: str
    """Stable name of the kind of problem; CI filters and `engine explain SLUG` depend on it."""
    place: Place
    key: str
    """Dotted key path, `models.openai/gpt-4o.price.0.from`; empty for a whole file."""
    message: str
    """One sentence, lower case, no full stop, quoting the user's value."""
    hint: str = ""
    """What would be right, such as `did you mean 'cerebras'?`; empty when nothing is known."""
    related: tuple[tuple[str, Place], ...] = ()
    """Other places that take part, each with its role: `("first", Place(...))`."""
    severity: Severity = Severity.ERROR

    @property
    def order(self) -> tuple[Place, str, str, str]:
        """By what problems are sorted: the same ones always come in the same order."""
        return self.place, self.slug, self.key, self.message


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The hint that names the one of *known* that looks most like *word*; empty when none does."""
    near = get_close_matches(word, known, n=1)
    return f"did you mean '{near[0]}'?" if near else ""


class OutcomeKind(StrEnum):
    """How an attempt ended: `OK` or one row of the outcome table. The values are the words used in YAML."""

    OK = "ok"
    CONNECT = "connect"
    TIMEOUT_FIRST_TOKEN = "timeout_first_token"
    TIMEOUT_BETWEEN_TOKENS = "timeout_between_tokens"
    TIMEOUT_TOTAL = "timeout_total"
    RESET = "reset"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    PROVIDER_AUTH = "provider_auth"
    PAYMENT_REQUIRED = "payment_required"
    MODEL_NOT_FOUND = "model_not_found"
    CONTEXT_LENGTH = "context_length"
    CONTENT_FILTER = "content_filter"
    BAD_REQUEST = "bad_request"
    MALFORMED = "malformed"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"


class EngineError(Exception):
    """The root of the family."""


class ConfigInvalid(EngineError):
    """A configuration with at least one error; `problems` holds all that were found, sorted by place."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: p.order))
        super().__init__(f"{len(self.problems)} problems in the configuration")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing wrong within a text; whoever knows where the text stands makes a `Problem` of it."""

    slug: str
    message: str
    """As `Problem.message`."""
    offset: int = 0
    """Characters between the start of the text and what is wrong."""
    hint: str = ""
    """As `Problem.hint`."""


class TextInvalid(EngineError):
    """A text that does not compile; `flaws` holds at least one, in the order of the text."""

    def __init__(self, *flaws: Flaw) -> None:
        self.flaws = tuple(sorted(flaws, key=lambda flaw: flaw.offset))
        super().__init__("; ".join(flaw.message for flaw in self.flaws))


class ExpressionInvalid(TextInvalid):
    """A condition outside the grammar, with an unknown name, or of types that do not fit."""


class PatternInvalid(TextInvalid):
    """A glob or regular expression that cannot be compiled."""


class PriceInvalid(TextInvalid):
    """A figure of money that is negative, endless or finer than a pico-dollar."""


class ConfigUnreadable(EngineError):
    """No configuration could be read at all: the directory, a file or the overlay asked for is not there."""


class CallerFault(EngineError):
    """A request that the caller has to change. *message* says what is wrong and what to do next."""

    status: ClassVar[int] = 400
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "bad_request"

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        self.message = message
        self.reason = code or self.code
        """The stable `code` of the error body; the class's own unless a sharper one was given."""
        self.param = param
        super().__init__(message)


class BadRequest(CallerFault):
    """The body cannot be read or does not say what the protocol demands."""


class Unauthorized(CallerFault):
    """No key was presented, or one that is unknown, expired or retired."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class Forbidden(CallerFault):
    """A good key that may not do this."""

    status = 403
    type = "permission_error"
    code = "not_granted"


class NotFound(CallerFault):
    """A model name, or a path, that does not exist."""

    status = 404
    type = "invalid_request_error"
    code = "model_not_found"


class TooLarge(CallerFault):
    """A body or head over the configured bound."""

    status = 413
    type = "invalid_request_error"
    code = "request_too_large"


class Refused(EngineError):
    """A request that was understood and is not served: nothing eligible, or every attempt failed.

    *status*, *code* and *retry_after_s* follow `spec: what a caller gets when nothing is left`; *retryable* is False
    where the same request cannot succeed by being sent again.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        type: str = "api_error",  # noqa: A002 - the word of the error body
        retry_after_s: float | None = None,
        retryable: bool = True,
        rule: str | None = None,
    ) -> None:
        self.message = message
        self.status = status
        self.reason = code
        self.type = type
        self.retry_after_s = retry_after_s
        self.retryable = retryable
        self.rule = rule
        """`file:line` of the rule that refused, for callers who may see it."""
        super().__init__(message)


class UpstreamFault(EngineError):
    """An attempt that failed before the provider's own protocol could say anything."""

    kind: OutcomeKind = OutcomeKind.RESET

    def __init__(self, detail: str, *, received: bool = False) -> None:
        self.detail = detail
        """What happened, for operators: no secret, no address that the configuration does not name."""
        self.received = received
        """Whether any byte of the answer had arrived."""
        super().__init__(detail)


class UpstreamUnreachable(UpstreamFault):
    """No connection: refused, unresolvable, TLS failed, or an address that the egress guard forbids."""

    kind = OutcomeKind.CONNECT


class UpstreamReset(UpstreamFault):
    """The connection ended before the answer was complete."""

    kind = OutcomeKind.RESET


class UpstreamTimeout(UpstreamFault):
    """A phase took too long; *kind* is one of the three timeouts, `CONNECT`, or `DEADLINE`."""

    def __init__(self, detail: str, *, kind: OutcomeKind, received: bool = False) -> None:
        super().__init__(detail, received=received)
        self.kind = kind


class UpstreamFull(UpstreamFault):
    """Every connection that we allow ourselves there is taken, and none came free in time: no fault of the provider."""

    kind = OutcomeKind.OVERLOADED


class UpstreamMalformed(UpstreamFault):
    """Bytes that are not the protocol: bad framing, a bomb, an answer that cannot be read."""

    kind = OutcomeKind.MALFORMED


class Bug(EngineError):
    """A state that should be impossible; answered with 500 and logged with the request id."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "api_error"
    code: ClassVar[str] = "internal_error"
