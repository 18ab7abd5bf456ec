"""What finished requests leave in `/metrics`, over workers and restarts."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.live.exposition import SUFFIX, Exposition, Gauge
from engine.live.metric_file import MetricFile, read
from engine.live.metrics import Metrics
from engine.values import AttemptRecord, Measures, RequestRecord, Role, Usage

KNOWN = frozenset({("openai/gpt-4o", "openai")})


def attempt(**words: Any) -> AttemptRecord:
    empty: dict[str, Any] = dict.fromkeys(AttemptRecord.__struct_fields__)
    return AttemptRecord(
        **{**empty, "role": Role.FIRST, "provider": "openai", "model": "openai/gpt-4o", **words},
    )


def record(*attempts: AttemptRecord, **words: Any) -> RequestRecord:
    empty: dict[str, Any] = dict.fromkeys(RequestRecord.__struct_fields__)
    named = {"surface": "chat", "status": 200, "team": "support", "total_ms": 25.0, "provider": "openai"}
    return RequestRecord(**{**empty, **named, "attempts": attempts, **words})


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[int], Metrics]]:
    """`start(0)`: the metrics of a worker slot."""
    with ExitStack() as stack:

        def make(slot: int) -> Metrics:
            made = stack.enter_context(closing(Metrics(tmp_path / f"{slot}{SUFFIX}")))
            made.know(KNOWN)
            return made

        yield make


def samples(directory: Path, *gauges: Gauge) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What a Prometheus server would read."""
    _, body = Exposition(directory, lambda: gauges).render()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_all_workers_are_one(start: Callable[[int], Metrics], tmp_path: Path) -> None:
    """Two workers' counts are added up, whoever prints them."""
    usage = Usage(input=10, output=5)
    start(0).observe(record(attempt(usage=usage, cost_pusd=2_000_000)))
    start(1).observe(record(attempt(usage=usage, cost_pusd=3_000_000)))
    found = samples(tmp_path)
    offer = (("model", "openai/gpt-4o"), ("provider", "openai"))

    assert found["engine_requests_total", (("status", "200"), ("surface", "chat"), ("team", "support"))] == 2
    assert found["engine_attempts_total", (offer[0], ("outcome", "ok"), offer[1])] == 2
    assert found["engine_tokens_total", (("kind", "input"), *offer)] == 20
    assert found["engine_cost_usd_total", offer] == pytest.approx(5e-6)


def test_measures_are_counted_by_their_unit(start: Callable[[int], Metrics], tmp_path: Path) -> None:
    """Pictures, seconds, characters and searches are counters of their own, there once something is counted."""
    metrics = start(0)
    metrics.observe(record(attempt(measures=Measures(images=2, audio_ms=1500), cost_pusd=1)))
    metrics.observe(record(attempt(measures=Measures(audio_ms=None, characters=7), cost_problem="no price")))
    found = samples(tmp_path)
    offer = (("model", "openai/gpt-4o"), ("provider", "openai"))

    assert found["engine_images_total", offer] == 2
    assert found["engine_audio_seconds_total", offer] == 1.5
    assert found["engine_characters_total", offer] == 7
    assert "engine_search_units_total" not in {name for name, _ in found}
    assert found["engine_unpriced_attempts_total", offer] == 1


def test_durations_fall_into_buckets(start: Callable[[int], Metrics], tmp_path: Path) -> None:
    """Buckets are cumulative and their bounds inclusive; what is longer than all of them is counted too."""
    metrics = start(0)
    for total_ms in (10.0, 11.0, 1e6):
        metrics.observe(record(total_ms=total_ms, ttft_ms=5.0))
    found = samples(tmp_path)
    name = "engine_request_duration_seconds"

    assert found[f"{name}_bucket", (("le", "0.01"), ("surface", "chat"))] == 1
    assert found[f"{name}_bucket", (("le", "0.02"), ("surface", "chat"))] == 2
    assert found[f"{name}_bucket", (("le", "+Inf"), ("surface", "chat"))] == 3
    assert found[f"{name}_sum", (("surface", "chat"),)] == pytest.approx(1000.021)
    assert found["engine_time_to_first_token_seconds_count", (("provider", "openai"),)] == 3


def test_names_nobody_declared_are_other(start: Callable[[int], Metrics], tmp_path: Path) -> None:
    """Callers cannot make new series: a thousand invented models are one."""
    metrics = start(0)
    for n in range(1000):
        metrics.observe(record(attempt(model=f"invented/{n}", error_kind="model_not_found")))
    labels = {labels for name, labels in samples(tmp_path) if name == "engine_attempts_total"}

    assert labels == {(("model", "other"), ("outcome", "model_not_found"), ("provider", "openai"))}


def test_an_unknown_cost_is_counted_and_not_priced(start: Callable[[int], Metrics], tmp_path: Path) -> None:
    """An attempt without a price is a gap that can be alerted on, never a cost of zero that looks right."""
    start(0).observe(record(attempt(usage=Usage(input=10), cost_pusd=None, cost_problem="no price")))
    offer = (("model", "openai/gpt-4o"), ("provider", "openai"))

    assert samples(tmp_path)["engine_unpriced_attempts_total", offer] == 1


def test_an_attempt_that_used_nothing_is_no_gap(start: Callable[[int], Metrics], tmp_path: Path) -> None:
    """What failed before anything was used has no cost to know: it is not counted as unpriced."""
    start(0).observe(record(attempt(usage=None, cost_pusd=None, cost_problem="no usage", error_kind="server_error")))

    assert {value for (name, _), value in samples(tmp_path).items() if name == "engine_unpriced_attempts_total"} == {
        0.0
    }


def test_counters_go_on_after_a_restart(start: Callable[[int], Metrics], tmp_path: Path) -> None:
    """A worker that takes over a slot continues its counters: they never fall."""
    start(0).observe(record())
    start(0).observe(record())
    team = (("status", "200"), ("surface", "chat"), ("team", "support"))

    assert samples(tmp_path)["engine_requests_total", team] == 2


def test_gauges_of_one_name_are_one_family(tmp_path: Path) -> None:
    """Figures that are looked up appear beside the counters, labels and all."""
    gauges = [Gauge(name="engine_x", help="x", value=float(n), labels=(("a", str(n)),)) for n in range(2)]
    found = samples(tmp_path, *gauges)

    assert found["engine_x", (("a", "0"),)] == 0.0
    assert found["engine_x", (("a", "1"),)] == 1.0


def test_a_file_grows(tmp_path: Path) -> None:
    """More counters than a file was made for make it longer; those from before keep their values."""
    with closing(MetricFile(tmp_path / "m")) as file:
        keys = [f"{n}".encode() * 20 for n in range(20_000)]
        for n, key in enumerate(keys):
            index = file.index(key)
            file.values[index] += n

    assert dict(read(tmp_path / "m")) == {key: float(n) for n, key in enumerate(keys)}


def test_a_damaged_file_begins_anew(tmp_path: Path) -> None:
    """A file that is not ours is no reason to fail a start."""
    (tmp_path / "m").write_bytes(b"nonsense")
    with closing(MetricFile(tmp_path / "m")) as file:
        index = file.index(b"key")
        file.values[index] += 1

    assert dict(read(tmp_path / "m")) == {b"key": 1.0}
