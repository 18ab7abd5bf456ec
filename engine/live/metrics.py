"""Folds finished requests into counters. Label values come from the configuration; other names become `other`.

`FAMILIES` is the one list of the counters; `live.exposition` prints them for all workers together.
"""

from bisect import bisect_left
from collections.abc import Container
from dataclasses import dataclass, field
from enum import Enum
from itertools import compress
from operator import attrgetter
from pathlib import Path
from typing import Final

import msgspec

from engine.live.metric_file import MetricFile
from engine.pricing import PUSD_PER_USD
from engine.values import AttemptRecord, Measures, RequestRecord, Usage

__all__ = ["BUCKETS_S", "FAMILIES", "SUM", "Family", "Kind", "Metrics"]

BUCKETS_S: Final = tuple(0.01 * 2**n for n in range(14))
"""Upper bounds, 10 ms to 82 s: those of OpenTelemetry's GenAI semantic conventions."""
SUM: Final = "sum"
"""The bucket label under which a histogram's sum is counted."""
OTHER: Final = "other"
TOKEN_KINDS: Final = tuple(kind for kind in Usage.__struct_fields__ if kind != "source")


class Kind(Enum):
    """How a family is printed."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric: its name as Prometheus shows it, what it counts, and by what."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: Kind = Kind.COUNTER


REQUESTS: Final = Family(name="engine_requests_total", help="Finished requests.", labels=("surface", "status", "team"))
DURATION: Final = Family(
    name="engine_request_duration_seconds",
    help="From a request's start to its last byte.",
    labels=("surface",),
    kind=Kind.HISTOGRAM,
)
TTFT: Final = Family(
    name="engine_time_to_first_token_seconds",
    help="From a request's start to the first content byte that went out.",
    labels=("provider",),
    kind=Kind.HISTOGRAM,
)
ATTEMPTS: Final = Family(
    name="engine_attempts_total",
    help="Attempts at providers, by how they ended.",
    labels=("provider", "model", "outcome"),
)
TOKENS: Final = Family(
    name="engine_tokens_total", help="Tokens of all attempts, kinds disjoint.", labels=("provider", "model", "kind")
)
IMAGES: Final = Family(
    name="engine_images_total", help="Pictures that all attempts made.", labels=("provider", "model")
)
AUDIO: Final = Family(
    name="engine_audio_seconds_total",
    help="Sound that all attempts heard, as far as answers tell.",
    labels=("provider", "model"),
)
CHARACTERS: Final = Family(
    name="engine_characters_total", help="Characters that all attempts spoke.", labels=("provider", "model")
)
SEARCHES: Final = Family(
    name="engine_search_units_total", help="Units of reranking of all attempts.", labels=("provider", "model")
)
COST: Final = Family(
    name="engine_cost_usd_total", help="What providers charge us for all attempts.", labels=("provider", "model")
)
UNPRICED: Final = Family(
    name="engine_unpriced_attempts_total",
    help="Attempts whose cost cannot be known; anything but 0 is a gap in the prices.",
    labels=("provider", "model"),
)
DROPPED: Final = Family(
    name="engine_journal_dropped_total", help="Usage records lost because the disk took none and memory was full."
)
FAMILIES: Final = (
    REQUESTS,
    DURATION,
    TTFT,
    ATTEMPTS,
    TOKENS,
    IMAGES,
    AUDIO,
    CHARACTERS,
    SEARCHES,
    COST,
    UNPRICED,
    DROPPED,
)

_token_counts: Final = attrgetter(*TOKEN_KINDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfferCounters:
    """Indexes of the counters of one model at one provider."""

    model: str
    """The label: the model's name, or `other`."""
    cost: int
    unpriced: int
    tokens: tuple[int, ...]
    """By `TOKEN_KINDS`."""
    outcomes: dict[str | None, int] = field(default_factory=dict)
    """By `AttemptRecord.error_kind`."""


class Metrics:
    """The counters of one worker; the port `gateway.Metrics`."""

    def __init__(self, path: Path) -> None:
        self._file = MetricFile(path)
        self._offers: Container[tuple[str, str]] = frozenset()
        self._requests: dict[tuple[str, int, str], int] = {}
        self._durations: dict[str, tuple[int, ...]] = {}
        self._ttfts: dict[str, tuple[int, ...]] = {}
        """Indexes of histograms, by their label: of each bucket, and of the sum."""
        self._at_offers: dict[tuple[str, str], _OfferCounters] = {}

    def know(self, offers: Container[tuple[str, str]]) -> None:
        """From now on, models of the (model, provider) pairs in *offers* are counted by name, others as `other`."""
        self._offers = offers

    def observe(self, record: RequestRecord) -> None:
        """Count one finished request and its attempts."""
        surface, status, team = record.surface, record.status, record.team
        at = self._requests.get((surface, status, team))
        if at is None:
            at = self._requests[surface, status, team] = self._index(REQUESTS, surface, str(status), team)
        self._file.values[at] += 1
        self._time(self._durations, DURATION, surface, record.total_ms)
        if record.ttft_ms is not None:
            self._time(self._ttfts, TTFT, record.provider or "", record.ttft_ms)
        for attempt in record.attempts:
            self._observe_attempt(attempt)

    def dropped(self, records: int) -> None:
        """Add *records* to the count of records that this worker's journal has lost."""
        index = self._index(DROPPED)
        self._file.values[index] += records

    def close(self) -> None:
        """Let the file go; what was counted stays in it."""
        self._file.close()

    def _observe_attempt(self, attempt: AttemptRecord) -> None:
        provider, kind = attempt.provider, attempt.error_kind
        counters = self._at_offers.get((provider, attempt.model)) or self._counters(provider, attempt.model)
        at = counters.outcomes.get(kind)
        if at is None:
            at = counters.outcomes[kind] = self._index(ATTEMPTS, provider, counters.model, kind or "ok")
        values, usage, measures = self._file.values, attempt.usage, attempt.measures
        values[at] += 1
        if attempt.cost_pusd is not None:
            values[counters.cost] += attempt.cost_pusd / PUSD_PER_USD
        elif usage is not None or measures is not None:
            values[counters.unpriced] += 1
        if usage is not None:
            counts = _token_counts(usage)
            for count, index in compress(zip(counts, counters.tokens, strict=True), counts):
                values[index] += count
        if measures is not None:
            self._count_measures(provider, counters.model, measures)

    def _count_measures(self, provider: str, model: str, measures: Measures) -> None:
        """Count what there was beside tokens. Its counters are made when first needed: most offers need none."""
        counts = (
            (IMAGES, measures.images),
            (AUDIO, (measures.audio_ms or 0) / 1e3),
            (CHARACTERS, measures.characters),
            (SEARCHES, measures.search_units),
        )
        for family, count in counts:
            if count:
                index = self._index(family, provider, model)
                self._file.values[index] += count

    def _time(self, known: dict[str, tuple[int, ...]], family: Family, label: str, ms: float) -> None:
        """Put a duration into its bucket."""
        indexes, seconds = known.get(label), ms / 1e3
        if indexes is None:
            buckets = (*(str(bound) for bound in BUCKETS_S), "+Inf", SUM)
            indexes = known[label] = tuple(self._index(family, label, bucket) for bucket in buckets)
        values = self._file.values
        values[indexes[bisect_left(BUCKETS_S, seconds)]] += 1
        values[indexes[-1]] += seconds

    def _counters(self, provider: str, model: str) -> "_OfferCounters":
        """The counters of an offer, made when it is first seen; undeclared models share those of `other`."""
        if (model, provider) not in self._offers:
            model = OTHER
        known = self._at_offers.get((provider, model))
        if known is None:
            known = self._at_offers[provider, model] = _OfferCounters(
                model=model,
                cost=self._index(COST, provider, model),
                unpriced=self._index(UNPRICED, provider, model),
                tokens=tuple(self._index(TOKENS, provider, model, kind) for kind in TOKEN_KINDS),
            )
        return known

    def _index(self, family: Family, *labels: str) -> int:
        return self._file.index(msgspec.json.encode((family.name, *labels)))
