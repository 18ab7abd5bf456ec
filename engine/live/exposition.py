"""Prints the counters of all workers of a host, and what is true right now. The home of prometheus-client."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.health import Phase
from engine.live.current import Current
from engine.live.metric_file import read
from engine.live.metrics import FAMILIES, SUM, Family, Kind
from engine.live.state import BoardState

__all__ = ["Exposition", "Gauge", "gauges"]

SUFFIX = ".metrics"
Counted = dict[tuple[str, ...], float]
"""Label values → count, all workers together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """A figure that is looked up when it is asked for."""

    name: str
    help: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


class Exposition(Collector):
    """Everything that `/metrics` shows. *present* is asked for the gauges each time."""

    def __init__(self, directory: Path, present: Callable[[], Iterable[Gauge]]) -> None:
        self._directory = directory
        self._present = present

    def render(self) -> tuple[str, bytes]:
        """Content type and body."""
        return CONTENT_TYPE_LATEST, generate_latest(self)

    def collect(self) -> Iterator[Metric]:
        """Every family, for prometheus-client."""
        counted = _merged(self._directory)
        yield from (_METRICS[family.kind](family, counted[family.name]) for family in FAMILIES)
        yield from _gauge_families(self._present())


def gauges(current: Current, state: BoardState, workers: int) -> Iterator[Gauge]:
    """What every worker knows of the present: the configuration, breakers, attempts in flight."""
    status = current.status
    yield Gauge(
        name="engine_config_last_reload_successful",
        help="1 when what is served is what the files say.",
        value=float(status.healthy),
    )
    if status.loaded_at is not None:
        yield Gauge(
            name="engine_config_last_reload_success_timestamp_seconds",
            help="When what is served was loaded.",
            value=status.loaded_at.timestamp(),
        )
    yield Gauge(
        name="engine_config_info",
        help="The configuration that is served.",
        value=1.0,
        labels=(("config_hash", status.config_hash), ("git_rev", status.git_rev)),
    )
    yield Gauge(name="engine_workers", help="Worker processes that should run.", value=float(workers))
    for provider, count in state.inflight():
        yield Gauge(
            name="engine_inflight_attempts",
            help="Attempts at a provider that have not ended.",
            value=float(count),
            labels=(("provider", provider),),
        )
    for provider, model, phase in state.phases():
        if phase is not Phase.CLOSED:
            yield Gauge(
                name="engine_breaker_open",
                help="1 for an open breaker, 0.5 half-open, absent when closed. Without model: the provider's.",
                value=1.0 if phase is Phase.OPEN else 0.5,
                labels=(("provider", provider), ("model", model)),
            )


def _merged(directory: Path) -> defaultdict[str, Counted]:
    """Family → counts, summed over the files of all workers."""
    merged: defaultdict[str, Counted] = defaultdict(lambda: defaultdict(float))
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        for key, value in read(path):
            name, *labels = msgspec.json.decode(key, type=list[str])
            merged[name][tuple(labels)] += value
    return merged


def _counter(family: Family, counted: Counted) -> Metric:
    metric = CounterMetricFamily(family.name, family.help, labels=family.labels)
    for labels, value in sorted(counted.items()):
        metric.add_metric(labels, value)
    return metric


def _histogram(family: Family, counted: Counted) -> Metric:
    """Buckets are counted separately and printed cumulatively, as Prometheus wants them."""
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    by_labels: defaultdict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    for (*labels, bucket), value in counted.items():
        by_labels[tuple(labels)][bucket] = value
    for values, buckets in sorted(by_labels.items()):
        total = buckets.pop(SUM, 0.0)
        metric.add_metric(values, _cumulative(buckets), sum_value=total)
    return metric


def _cumulative(buckets: dict[str, float]) -> list[tuple[str, float]]:
    so_far, result = 0.0, []
    for bound in sorted(buckets, key=float):
        so_far += buckets[bound]
        result.append((bound, so_far))
    return result


def _gauge_families(present: Iterable[Gauge]) -> Iterable[Metric]:
    """One family for each name, with all its labels."""
    families: dict[str, GaugeMetricFamily] = {}
    for gauge in present:
        names = [name for name, _ in gauge.labels]
        family = families.setdefault(gauge.name, GaugeMetricFamily(gauge.name, gauge.help, labels=names))
        family.add_metric([value for _, value in gauge.labels], gauge.value)
    return families.values()


_METRICS: dict[Kind, Callable[[Family, Counted], Metric]] = {Kind.COUNTER: _counter, Kind.HISTOGRAM: _histogram}
