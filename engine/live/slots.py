"""What is kept on the board, by name: which slots a part of a configuration needs, and what their words mean.

The compile subprocess says the names (`names`), the supervisor gives them numbers, a worker finds its words by those
(`Slots`). Each subject has one state, so a provider that two rules use has one breaker.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from engine.live.board import WORD_BYTES, first_column, state_word
from engine.rules.program import Offer, Provider, ProviderLimits
from engine.snapshot import ProviderPart

__all__ = [
    "BREAKER",
    "DOUBLINGS",
    "HINT",
    "MEAN_OUTPUT",
    "RETRY_BUDGET",
    "TAT_REQUESTS",
    "TAT_TOKENS",
    "UNTIL",
    "KeySlot",
    "OfferSlots",
    "ProviderSlots",
    "Slots",
    "inflight_slots",
    "key_slots",
    "names",
]

# Words of a provider's and an offer's slot.
HINT: Final = 0
"""What `live.breakers` needs to know of the packed breaker without reading it."""
TAT_REQUESTS: Final = 1
"""Of a provider: where its request rate stands (`limits.bucket`)."""
TAT_TOKENS: Final = 2
BREAKER: Final = 3
"""The packed breaker begins here."""

MEAN_OUTPUT: Final = 0
"""The word of a model's slot, whoever offers it: the decayed mean of output tokens; 0.0 before the first answer."""

# Words of a key's slot, for all models of its provider or for one.
UNTIL: Final = 0
DOUBLINGS: Final = 1

RETRY_BUDGET: Final = "retry-budget"
"""The one slot that belongs to the root part."""
UNLISTED: Final = "*"
"""Stands for every model that a pattern offers: they share one slot at their provider."""
ANY_MODEL: Final = ""


def names(part: ProviderPart) -> tuple[str, ...]:
    """Every slot that the provider of *part* needs."""
    return tuple(_names(part))


def key_slots(provider: str, label: str, slots: Mapping[str, int]) -> Iterator[int]:
    """The slots that say whether this key rests, for all models and for each."""
    prefix = _key(provider, label, ANY_MODEL)
    return (slot for name, slot in slots.items() if name.startswith(prefix))


def inflight_slots(slots: Mapping[str, int]) -> Iterator[int]:
    """The slots whose columns count requests in flight."""
    return (slot for name, slot in slots.items() if name.startswith("inflight/"))


def _names(part: ProviderPart) -> Iterator[str]:
    provider = part.provider
    yield f"provider/{provider.id}"
    yield f"inflight/{provider.id}"
    for label in _labels(provider):
        yield _key(provider.id, label, ANY_MODEL)
    for model in _models(part):
        yield f"offer/{provider.id}/{model}"
        yield _model(model)
        for label in _labels(provider):
            yield _key(provider.id, label, model)


def _models(part: ProviderPart) -> Iterator[str]:
    """The models that have a slot of their own, and the one that stands for all others."""
    yield from (str(offer.model) for offer in part.offers)
    if part.patterns:
        yield UNLISTED


def _labels(provider: Provider) -> tuple[str, ...]:
    """Labels of the keys that can rest; for a provider without keys the one empty label of its attempts."""
    return tuple(key.label for key in provider.auth.keys) or ("",)


def _model(model: str) -> str:
    return f"model/{model}"


def _key(provider: str, label: str, model: str) -> str:
    # Labels hold no slash, so one key's names are no prefix of another's.
    return f"key/{provider}/{label}/{model}"


@dataclass(frozen=True, slots=True)
class KeySlot:
    """Indexes of the first words for one key: for all models, and for one model."""

    all_models: int
    this_model: int


@dataclass(frozen=True, slots=True)
class ProviderSlots:
    """Where a provider's state is."""

    id: str
    word: int
    """First word of its slot."""
    breaker: int
    """Offset of its packed breaker in bytes."""
    columns: int
    """First column of its requests in flight."""
    limited: bool
    """We bound what we send there."""


@dataclass(slots=True, eq=False)
class OfferSlots:
    """Where the state of one model at one provider is, and what this worker has not reported there yet."""

    id: str
    """`provider/model`, as in names of events and metrics."""
    provider: ProviderSlots
    word: int
    breaker: int
    model_word: int
    """First word of the slot that the model has at all its providers together."""
    keys: Mapping[str, KeySlot]
    """By label."""
    unreported: int = 0
    """Successes of this worker that the breakers have not been told of."""
    reported_at_s: float = 0.0


class Slots:
    """Where a worker finds its words: every offer of the configuration in force."""

    def __init__(self) -> None:
        self.retry_word: int | None = None
        """First word of the retry budget; None before the root part came."""
        self.providers: dict[str, tuple[OfferSlots, ...]] = {}
        self._offers: dict[tuple[str, str], OfferSlots] = {}
        self._found: dict[int, tuple[Offer, OfferSlots | None]] = {}
        """By the offer's `id`, a third as costly as its name. The offer is kept, so that no other gets that `id`."""

    def of(self, offer: Offer) -> OfferSlots | None:
        """The slots of *offer*; None for one that this worker has not been told of."""
        found = self._found.get(id(offer))
        if found is not None:
            return found[1]
        offers, provider = self._offers, str(offer.provider.id)
        slots = offers.get((provider, offer.model)) or offers.get((provider, UNLISTED))
        if not offer.unlisted:  # made anew for each request
            self._found[id(offer)] = (offer, slots)
        return slots

    def put(self, part: ProviderPart, slots: Mapping[str, int]) -> None:
        """Take over what the supervisor says of one provider's slots, in place of what it said before."""
        provider = str(part.provider.id)
        self.drop(provider)
        at = _provider_slots(part.provider, slots)
        models = tuple(_models(part))
        found = tuple(_offer_slots(at, model, _labels(part.provider), slots) for model in models)
        self.providers[provider] = found
        self._offers.update(zip(((provider, model) for model in models), found, strict=True))

    def drop(self, provider: str) -> None:
        """Forget a provider. Attempts that are still running there find nothing and change nothing."""
        self._found.clear()
        for offer in self.providers.pop(provider, ()):
            self._offers.pop((provider, offer.id.removeprefix(f"{provider}/")), None)


def _provider_slots(provider: Provider, slots: Mapping[str, int]) -> ProviderSlots:
    word = state_word(slots[f"provider/{provider.id}"])
    columns = first_column(slots[f"inflight/{provider.id}"])
    limited = provider.limits != ProviderLimits()
    return ProviderSlots(str(provider.id), word, (word + BREAKER) * WORD_BYTES, columns, limited)


def _offer_slots(provider: ProviderSlots, model: str, labels: tuple[str, ...], slots: Mapping[str, int]) -> OfferSlots:
    word = state_word(slots[f"offer/{provider.id}/{model}"])
    keys = {label: _key_slot(provider.id, label, model, slots) for label in labels}
    model_word = state_word(slots[_model(model)])
    return OfferSlots(f"{provider.id}/{model}", provider, word, (word + BREAKER) * WORD_BYTES, model_word, keys)


def _key_slot(provider: str, label: str, model: str, slots: Mapping[str, int]) -> KeySlot:
    return KeySlot(
        state_word(slots[_key(provider, label, ANY_MODEL)]),
        state_word(slots[_key(provider, label, model)]),
    )
