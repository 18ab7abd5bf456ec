"""Eligibility: whether an offer may and can serve a request, and if not, why, in one sentence with its place.

Sentences are built only for what is left out: most offers are eligible, and cost no text.
"""

from collections.abc import Iterable
from datetime import date
from typing import Final, NamedTuple

from engine.errors import Place
from engine.rules.decision import Dropped, Reason
from engine.rules.program import Bounds, Modality, Offer
from engine.rules.world import Live
from engine.values import Facts, Surface, Wishes

__all__ = ["Needs", "forbidden", "needs", "obstacle", "pause"]

_NO_FEATURES: Final[frozenset[str]] = frozenset()
_TEXT: Final = frozenset({Modality.TEXT})
_NEVER_S: Final = float("inf")


class Needs(NamedTuple):
    """What a request asks of the model that serves it."""

    surface: Surface
    features: frozenset[str]
    modalities: frozenset[Modality]
    tokens: int
    """The least context it takes: the low estimate of the input, and the output's cap where there is one."""
    today: date
    """UTC day of the request."""
    facts: Facts


def needs(facts: Facts) -> Needs:
    """What *facts* ask of a model."""
    features = _NO_FEATURES
    if facts.has_tools or facts.wants_json or facts.reasoning or facts.stream:
        asked = (
            ("tools", facts.has_tools),
            ("json_schema", facts.wants_json),
            ("reasoning", facts.reasoning),
            ("streaming", facts.stream),
        )
        features = frozenset(name for name, is_asked in asked if is_asked)
    modalities = _TEXT
    if facts.has_images or facts.has_audio or facts.has_files:
        carried = (
            (Modality.IMAGE, facts.has_images),
            (Modality.AUDIO, facts.has_audio),
            (Modality.FILE, facts.has_files),
        )
        modalities = frozenset(kind for kind, is_carried in carried if is_carried)
    return Needs(
        facts.surface,
        features,
        modalities,
        facts.input_tokens_low + (facts.max_tokens or 0),
        facts.at.date(),
        facts,
    )


def obstacle(offer: Offer, bounds: Iterable[Bounds], needed: Needs, live: Live) -> Dropped | None:
    """What keeps *offer* from serving the request, now or later: the first in the order of `Reason`."""
    for bound in bounds:
        dropped = forbidden(offer, bound)
        if dropped is not None:
            return dropped
    provider = offer.provider
    if not live.configured(provider):
        return _dropped(offer, Reason.UNCONFIGURED, f"{provider.id} has no credentials here", provider.place)
    if provider.disabled:
        return _dropped(offer, Reason.DISABLED, f"{provider.id} is disabled: {provider.disabled}", provider.place)
    retired = offer.lifecycle.retired
    if retired is not None and needed.today >= retired:
        return _dropped(offer, Reason.RETIRED, _retired(offer, retired))
    # Periods have no gaps: a price is in force from the first one's start on.
    is_priced = bool(offer.prices) and offer.prices[0].from_at <= needed.facts.at
    if not is_priced and offer.on_unpriced.deny:
        return _dropped(offer, Reason.UNPRICED, f"{offer.id} has no price today")
    wishes = needed.facts.wishes
    return _incapable(offer, needed) or (None if wishes is None else _unwished(offer, wishes))


def pause(offer: Offer, live: Live, now_s: float) -> Dropped | None:
    """What keeps *offer* from serving a request just now: keys that rest, a limit of ours, a breaker."""
    until_s = _keys_rest_until_s(offer, live, now_s)
    if until_s > now_s:
        return _dropped(offer, Reason.KEYS_RESTING, f"every key of {offer.provider.id} rests", until_s=until_s)
    until_s = live.full_until_s(offer, now_s)
    full = offer.provider.when_full
    # Left to the plan: a limit that frees in time is waited for, and one that rejects must not hand over.
    if until_s > now_s + full.wait_s and full.then != "reject":
        return _dropped(offer, Reason.FULL, f"our limit at {offer.provider.id} is reached", until_s=until_s)
    until_s = live.blocked_until_s(offer, now_s)
    if until_s > now_s:
        return _dropped(offer, Reason.BREAKER, f"the breaker of {offer.id} is open", until_s=until_s)
    return None


def _dropped(offer: Offer, reason: Reason, detail: str, place: Place | None = None, until_s: float = 0.0) -> Dropped:
    return Dropped(offer=offer.id, reason=reason, detail=detail, place=place or offer.place, until_s=until_s)


def forbidden(offer: Offer, bound: Bounds) -> Dropped | None:
    """What `deny` or `require` of one subject has against *offer*; None when they let it pass."""
    deny = bound.deny
    if deny is not None and (deny.matches(offer.model) or deny.matches(offer.id)):
        return _dropped(offer, Reason.DENIED, f"{bound.subject} denies {offer.id}", bound.place)
    for fact, allowed in bound.require.items():
        has = offer.provider.data.get(fact)
        if not _satisfies(fact, has, allowed):
            detail = f"{bound.subject} requires {fact} {_choice(allowed)}, {offer.provider.id} declares {_said(has)}"
            return _dropped(offer, Reason.REQUIRE, detail, bound.place)
    return None


def _satisfies(fact: str, has: str | bool | int | None, allowed: tuple[str | bool | int, ...]) -> bool:
    """Whether a declared fact is what is required; a missing one never is, and `retention` is met by less."""
    if fact == "retention" and isinstance(has, int):
        return any(has <= most for most in allowed if isinstance(most, int))
    # True == 1 in Python, but not in a configuration.
    return any(type(has) is type(value) and has == value for value in allowed)


def _choice(allowed: tuple[str | bool | int, ...]) -> str:
    return " or ".join(_said(value) for value in allowed)


def _said(value: str | bool | int | None) -> str:
    if value is None:
        return "nothing"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _retired(offer: Offer, retired: date) -> str:
    successor = f"; its successor is {offer.lifecycle.successor}" if offer.lifecycle.successor else ""
    return f"{offer.id} was retired on {retired}{successor}"


def _incapable(offer: Offer, needed: Needs) -> Dropped | None:
    if needed.surface not in offer.surfaces:
        return _dropped(offer, Reason.SURFACE, f"{offer.id} does not serve {needed.surface}")
    # A pattern that declares no features does not know what its models can: the provider judges.
    is_known = bool(offer.features) or not offer.unlisted
    if is_known and not needed.features <= offer.features:
        lacking = ", ".join(sorted(needed.features - offer.features))
        return _dropped(offer, Reason.FEATURE, f"the request needs {lacking}, which {offer.id} does not have")
    if is_known and not needed.modalities <= offer.input:
        lacking = ", ".join(sorted(needed.modalities - offer.input))
        return _dropped(offer, Reason.MODALITY, f"the request carries {lacking}, which {offer.id} does not take")
    if offer.context is not None and needed.tokens > offer.context:
        detail = f"the request takes at least {needed.tokens} tokens, the context of {offer.id} is {offer.context}"
        return _dropped(offer, Reason.CONTEXT, detail)
    return None


def _unwished(offer: Offer, wishes: Wishes) -> Dropped | None:
    provider = offer.provider.id
    if (
        (wishes.only and provider not in wishes.only)
        or provider in wishes.ignore
        or (wishes.order and not wishes.allow_fallbacks and provider not in wishes.order)
    ):
        return _dropped(offer, Reason.WISH, f"the request does not want {provider}")
    return None


def _keys_rest_until_s(offer: Offer, live: Live, now_s: float) -> float:
    """When the first key of the offer's pool is awake; 0.0 when one is, or when none is needed."""
    keys = offer.provider.auth.keys
    soonest_s = _NEVER_S
    for key in keys:
        until_s = live.rests_until_s(offer, key.label)
        if until_s <= now_s:
            return 0.0
        soonest_s = min(soonest_s, until_s)
    return soonest_s if keys else 0.0
