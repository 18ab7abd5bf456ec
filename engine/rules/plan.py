"""The attempt plan: told what happened, it answers what to do. No I/O, no clock, no randomness of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, assert_never

import msgspec

from engine.errors import OutcomeKind
from engine.rules.decision import Candidate, Decision, Reason
from engine.rules.order import by_weight, hashed
from engine.rules.outcomes import KEY_FAULTS, TELL_FIRST
from engine.rules.world import Live
from engine.values import Outcome, Role

__all__ = [
    "AttemptPlan",
    "Begin",
    "Cancelled",
    "Command",
    "Ended",
    "Event",
    "Finish",
    "Full",
    "Start",
    "Wait",
    "Woke",
]


class Begin(msgspec.Struct, frozen=True):
    """The request has been decided; nothing was tried yet."""


class Ended(msgspec.Struct, frozen=True):
    """The attempt that `Start` asked for has ended; *committed* when content has already gone to the caller."""

    outcome: Outcome
    committed: bool = False


class Full(msgspec.Struct, frozen=True):
    """The attempt could not start: our own limit at that provider has no room until then (monotonic seconds)."""

    until_s: float


class Woke(msgspec.Struct, frozen=True):
    """The time that `Wait` asked for has passed."""


class Cancelled(msgspec.Struct, frozen=True):
    """The caller hung up."""


Event = Begin | Ended | Full | Woke | Cancelled


class Start(msgspec.Struct, frozen=True):
    """Make this attempt with this key; *left_s* seconds are left until the request's deadline."""

    n: int
    candidate: Candidate
    key_label: str
    role: Role
    reason: str
    left_s: float


class Wait(msgspec.Struct, frozen=True):
    """Do nothing for this long, then say `Woke`."""

    seconds: float
    reason: str


class Finish(msgspec.Struct, frozen=True):
    """Stop: the outcome that the caller is told, and when trying again could help."""

    outcome: Outcome
    retry_after_s: float | None = None


Command = Start | Wait | Finish

_FIRST: Final = Role.FIRST
"""Bound to a name of its own: looking a member up in its enum costs four times as much."""
_FINAL: Final = frozenset({OutcomeKind.OK, OutcomeKind.CANCELLED, OutcomeKind.DEADLINE})
_TIME_MENDS: Final = frozenset({OutcomeKind.RATE_LIMITED, OutcomeKind.OVERLOADED})
_PASSING: Final = frozenset({Reason.KEYS_RESTING, Reason.FULL})
_SKIPPED: Final[Mapping[Reason, tuple[OutcomeKind, str, str]]] = MappingProxyType(
    {
        Reason.BREAKER: (OutcomeKind.OVERLOADED, "provider_unavailable", "is not asked while its provider recovers"),
        Reason.KEYS_RESTING: (OutcomeKind.RATE_LIMITED, "rate_limited", "has reached its provider's rate limit"),
        Reason.FULL: (OutcomeKind.OVERLOADED, "at_capacity", "has no room at the moment"),
    }
)
"""Why an offer may turn out not to be tried → what the caller is told: kind, code, and what is said of the model."""
_NEVER_S: Final = float("inf")
_LEAST_WAIT_S: Final = 0.01
"""Between two looks at a full provider: nobody knows when an attempt in flight will end."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """An attempt that failed or could not start, and when the same could succeed."""

    candidate: Candidate
    outcome: Outcome
    again_at_s: float


@dataclass(slots=True)
class _Tries:
    """What this request has tried of one offer."""

    made: int = 0
    keys_until_s: dict[str, float] = field(default_factory=dict)
    """Key label → the instant before which this request does not use it again."""
    waited_s: float = 0.0
    """For room at the provider, since the last attempt."""


class AttemptPlan:
    """The chain of one request while it is worked through; `step` says what to do after what happened.

    One thing at a time: a `Start` is followed by `Ended` or `Full`, a `Wait` by `Woke`, a `Finish` by nothing;
    `Cancelled` may come at any time. It always ends: every attempt uses up one of `retry.attempts` of an offer of the
    chains, every wait some of an offer's patience. The retry budget bounds repeated attempts at the same offer; that
    failover does not make an outage worse is left to breakers and resting keys.
    """

    def __init__(self, decision: Decision, started_s: float) -> None:
        self._decision = decision
        self._retry = decision.retry
        self._deadline_s = started_s + decision.retry.deadline_s
        self._left = list(reversed(decision.chain))
        """What has not had its turn, the next one last."""
        self._tries: dict[tuple[str, str], _Tries] = {}
        self._failures: list[_Failure] = []
        self._n = 0
        """Attempts that have ended."""
        self._is_allowed = False
        """Whether the retry budget has allowed the next attempt."""
        self._start: Start | None = None
        """What was asked for last, or is to be asked for after a wait."""

    def step(self, event: Event, now_s: float, live: Live) -> Command:
        """What to do now that *event* has happened. *now_s* is monotonic, on the clock of `started_s`."""
        match event:
            case Begin():
                return self._first(now_s, live)
            case Ended():
                return self._ended(event.outcome, event.committed, now_s, live)
            case Woke():
                return self._again(now_s, live)
            case Full():
                return self._full(event.until_s, now_s, live)
            case Cancelled():
                return Finish(Outcome(kind=OutcomeKind.CANCELLED))
            case _:
                assert_never(event)

    def _first(self, now_s: float, live: Live) -> Command:
        """The first offer of the chain. If it has one key, that is not looked at again: the decision has just done so.

        Its breakers are looked at again: requests that were decided together must not all become trials.
        """
        candidate, left_s = self._left[-1], self._deadline_s - now_s
        keys = candidate.offer.provider.auth.keys
        if len(keys) != 1 or left_s <= 0 or self._is_blocked(candidate, now_s, live):
            return self._next("", now_s, live)
        self._left.pop()
        self._start = Start(1, candidate, keys[0].label, _FIRST, candidate.why, left_s)
        return self._start

    def _ended(self, outcome: Outcome, committed: bool, now_s: float, live: Live) -> Command:
        """The outcome table, row by row."""
        kind, failed = outcome.kind, self._asked()
        if committed or kind in _FINAL:
            return Finish(outcome, outcome.retry_after_s)
        self._note(failed, outcome, now_s, live)
        if kind in self._decision.chains_for:
            self._left = list(reversed(self._decision.chains_for[kind]))
            return self._next(kind, now_s, live)
        if kind in self._retry.retry_on and kind is not OutcomeKind.RATE_LIMITED:
            repeated = self._repeated(failed, kind, now_s, live)
            if repeated is not None:
                return repeated
        if kind not in self._retry.failover_on:
            self._left = []
            return self._last_resort(now_s, live)
        if kind is OutcomeKind.CONTEXT_LENGTH:
            self._left = [candidate for candidate in self._left if _is_larger(candidate, failed.candidate)]
        return self._next(kind, now_s, live)

    def _note(self, failed: Start, outcome: Outcome, now_s: float, live: Live) -> None:
        """Remember a failure, and what it means for the key that was used."""
        kind, label, candidate = outcome.kind, failed.key_label, failed.candidate
        again_at_s = _NEVER_S if outcome.retry_after_s is None else now_s + outcome.retry_after_s
        if kind is OutcomeKind.RATE_LIMITED and outcome.retry_after_s is None and label:
            again_at_s = live.rests_until_s(candidate.offer, label)
        self._failures.append(_Failure(candidate, outcome, again_at_s))
        self._n += 1
        self._is_allowed = False
        tries = self._tries_of(candidate)
        tries.made += 1
        tries.waited_s = 0.0
        if kind in KEY_FAULTS:
            tries.keys_until_s[label] = _NEVER_S
        elif kind is OutcomeKind.RATE_LIMITED:
            tries.keys_until_s[label] = again_at_s

    def _repeated(self, failed: Start, kind: OutcomeKind, now_s: float, live: Live) -> Command | None:
        """The same offer again, after a pause or with another key; None when it has had its chances."""
        candidate = failed.candidate
        if not self._has_chances(candidate) or self._is_blocked(candidate, now_s, live):
            return None
        again = self._started(candidate, Role.RETRY, f"retry after {kind}", now_s, live)
        if not isinstance(again, Start):
            return again
        pause_s = 0.0 if kind in KEY_FAULTS else self._backoff_s(self._tries_of(candidate).made)
        if now_s + pause_s >= self._deadline_s:
            return None
        if not self._may_retry(now_s, live):
            return None
        return Wait(pause_s, again.reason) if pause_s else again

    def _backoff_s(self, made: int) -> float:
        """Exponential, with jitter over its upper half, taken from the recorded draw."""
        retry = self._retry
        longest_s: float = min(retry.backoff_max_s, retry.backoff_min_s * 2.0 ** (made - 1))
        return longest_s * (1 + hashed(self._decision.draw, f"backoff {self._n}")) / 2

    def _next(self, after: str, now_s: float, live: Live) -> Command:
        """The next offer of the chain that may start; with none left, the last resort."""
        while self._left:
            candidate = self._left.pop()
            if _key(candidate) in self._tries:
                continue
            role, why = (Role.FALLBACK, f"fallback after {after}") if after else (_FIRST, candidate.why)
            if self._is_blocked(candidate, now_s, live):
                self._skip(candidate, Reason.BREAKER, live.blocked_until_s(candidate.offer, now_s))
                continue
            started = self._started(candidate, role, why, now_s, live)
            if started is None:
                self._skip(candidate, Reason.KEYS_RESTING, self._awake_at_s(candidate, live))
            else:
                return started
        return self._last_resort(now_s, live)

    def _started(self, candidate: Candidate, role: Role, reason: str, now_s: float, live: Live) -> Command | None:
        """A start of *candidate* with the key that the draw chooses; None when every key of it rests."""
        left_s = self._deadline_s - now_s
        if left_s <= 0:
            return Finish(Outcome(kind=OutcomeKind.DEADLINE))
        label = self._key_label(candidate, now_s, live)
        if label is None:
            return None
        self._start = Start(self._n + 1, candidate, label, role, reason, left_s)
        return self._start

    def _again(self, now_s: float, live: Live) -> Command:
        """After a wait: the start that was waited for, or the next offer if its keys now rest."""
        asked = self._asked()
        started = self._started(asked.candidate, asked.role, asked.reason, now_s, live)
        return started or self._next(OutcomeKind.RATE_LIMITED, now_s, live)

    def _full(self, until_s: float, now_s: float, live: Live) -> Command:
        """Our own limit at the provider has no room: a short wait, then what its `when_full` says."""
        candidate = self._asked().candidate
        provider, tries = candidate.offer.provider, self._tries_of(candidate)
        wait_s = max(until_s - now_s, _LEAST_WAIT_S)
        if tries.waited_s + wait_s <= provider.when_full.wait_s and now_s + wait_s < self._deadline_s:
            tries.waited_s += wait_s
            return Wait(wait_s, f"room at {provider.id}")
        self._skip(candidate, Reason.FULL, until_s)
        if provider.when_full.then == "reject":
            return self._finish(now_s)
        return self._next("full", now_s, live)

    def _skip(self, candidate: Candidate, reason: Reason, until_s: float) -> None:
        """Remember an offer that could not even start, in the words that the caller would be told."""
        kind, code, message = _SKIPPED[reason]
        self._tries_of(candidate)  # it has had its turn
        outcome = Outcome(kind=kind, code=code, message=f"{candidate.offer.model} {message}")
        self._failures.append(_Failure(candidate, outcome, until_s))

    def _last_resort(self, now_s: float, live: Live) -> Command:
        """Nothing else is left: a rate-limited offer with another key, or once its Retry-After has passed."""
        last = self._failures[-1].outcome.kind
        if last is OutcomeKind.RATE_LIMITED or (
            last in self._retry.failover_on and last is not OutcomeKind.CONTEXT_LENGTH
        ):
            for failure in sorted(self._failures, key=lambda failure: failure.again_at_s):
                resumed = self._resumed(failure, now_s, live)
                if resumed is not None:
                    return resumed
        return self._finish(now_s)

    def _resumed(self, failure: _Failure, now_s: float, live: Live) -> Command | None:
        """A rate-limited offer again: at once when another key is awake, else after a Retry-After that is honoured."""
        candidate, outcome = failure.candidate, failure.outcome
        limited = outcome.kind is OutcomeKind.RATE_LIMITED and OutcomeKind.RATE_LIMITED in self._retry.retry_on
        if not limited or not self._has_chances(candidate):
            return None
        reason = f"retry after {outcome.kind}"
        started = self._started(candidate, Role.RETRY, reason, now_s, live)
        awake_at_s = self._awake_at_s(candidate, live)
        if started is None and not self._is_worth_waiting(outcome, awake_at_s, now_s):
            return None
        if not self._may_retry(now_s, live):
            return None
        if started is None:
            self._start = Start(self._n + 1, candidate, "", Role.RETRY, reason, self._deadline_s - now_s)
        return started or Wait(awake_at_s - now_s, reason)

    def _is_worth_waiting(self, outcome: Outcome, awake_at_s: float, now_s: float) -> bool:
        """Whether the provider set a time, and a key is awake soon enough: other requests may make keys rest longer."""
        said = outcome.retry_after_s is not None and awake_at_s < self._deadline_s
        return said and awake_at_s - now_s <= self._retry.honor_retry_after_s

    def _may_retry(self, now_s: float, live: Live) -> bool:
        """Whether the retry budget allows one more attempt; it is asked once for each, however often that one waits."""
        self._is_allowed = self._is_allowed or live.may_retry(now_s)
        return self._is_allowed

    def _finish(self, now_s: float) -> Finish:
        """The end without an answer: the failure that tells the caller most, and the earliest time to come again."""
        if now_s >= self._deadline_s:
            return Finish(Outcome(kind=OutcomeKind.DEADLINE))
        told = min((failure.outcome for failure in self._failures), key=lambda outcome: TELL_FIRST[outcome.kind])
        instants = [
            failure.again_at_s
            for failure in self._failures
            if failure.outcome.kind in _TIME_MENDS and failure.again_at_s > now_s
        ]
        instants += [dropped.until_s for dropped in self._decision.dropped if dropped.reason in _PASSING]
        earliest_s = min(instants, default=_NEVER_S)
        if told.kind not in _TIME_MENDS or earliest_s == _NEVER_S:
            return Finish(told)
        return Finish(told, max(0.0, earliest_s - now_s))

    def _key_label(self, candidate: Candidate, now_s: float, live: Live) -> str | None:
        """The key that the draw chooses among those that are awake; "" where none is needed, None when all rest."""
        keys = candidate.offer.provider.auth.keys
        if not keys:
            return "" if self._rests_until_s(candidate, "", live) <= now_s else None
        awake = [key for key in keys if self._rests_until_s(candidate, key.label, live) <= now_s]
        if len(awake) > 1:
            awake = by_weight(self._decision.draw, awake, lambda key: key.label, lambda key: key.weight)
        return awake[0].label if awake else None

    def _awake_at_s(self, candidate: Candidate, live: Live) -> float:
        """When the first of its keys is awake, or the offer itself where it needs none."""
        keys = candidate.offer.provider.auth.keys
        labels = [key.label for key in keys] or [""]
        return min(self._rests_until_s(candidate, label, live) for label in labels)

    def _rests_until_s(self, candidate: Candidate, label: str, live: Live) -> float:
        """Until when this request does not use the key: by its own failures, and by those of all requests."""
        own_s = self._tries_of(candidate).keys_until_s.get(label, 0.0)
        return max(own_s, live.rests_until_s(candidate.offer, label)) if label else own_s

    def _is_blocked(self, candidate: Candidate, now_s: float, live: Live) -> bool:
        """Whether a breaker has opened since the decision; a forced one is tried all the same."""
        return not self._decision.forced and live.blocked_until_s(candidate.offer, now_s) > now_s

    def _has_chances(self, candidate: Candidate) -> bool:
        return self._tries_of(candidate).made < self._retry.attempts

    def _tries_of(self, candidate: Candidate) -> _Tries:
        return self._tries.setdefault(_key(candidate), _Tries())

    def _asked(self) -> Start:
        assert self._start is not None, "an event without a command before it"
        return self._start


def _key(candidate: Candidate) -> tuple[str, str]:
    """What makes two candidates the same to try."""
    return candidate.offer.provider.id, candidate.offer.upstream_model


def _is_larger(candidate: Candidate, than: Candidate) -> bool:
    """Whether the candidate's context is known to be larger than the one that was too small."""
    context = candidate.offer.context
    return context is not None and context > (than.offer.context or 0)
