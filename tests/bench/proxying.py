"""What a request costs on its way through: CPU, latency, memory; the gateway, a bare relay and nginx in turns.

CPU is taken in many short rounds. Whoever else uses the processor and its caches adds to a round and never takes from
it, for seconds at a time and to a large program more than to a small one; so beside the middle of the rounds stands the
least of them, which is what the work itself costs. The projector works every few seconds, on the rows of many requests:
what it takes for each is measured by itself, under load without a pause, and added to what every request takes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from engine.store.layout import Layout
from engine.store.projection import PUBLISH_S
from engine.store.refresh import refresh
from tests.bench import harness
from tests.bench.harness import ALL_CORES, Silent
from tests.bench.peers import EVENTS, Gateway, Peer, Sample, field, gateway, measured, mock
from tests.bench.roots import write_small
from tests.bench.table import Figure

ROUNDS = 3
SECONDS = 1.5
SHORT_ROUNDS = 16
SHORT_S = 0.4
WARM_S = 1.0
STRETCHES = 5
STRETCH_S = 4.0
PER_S = 1_000.0
"""A rate that nobody here is busy at."""
Taken = dict[str, list[Sample]]
"""Samples by the name of their peer, one a round."""

WHOLE = "CPU of every process of the gateway; `without projector` leaves out what the projector takes for the row"
PROJECTED = f"of {STRETCH_S:.0f} s at 64 connections, with its share in a publication a minute"
EVENT_BY_NGINX = "5 is 4 µs where nginx takes 0.8, as it does on a processor that nobody else uses"
LEAST = "of all rounds: what the work costs while nobody else uses the processor"


def figures(rig: Path, directory: Path) -> Iterator[Figure]:
    """Requests, streams, latency and memory of one worker."""
    with field(rig, directory) as (provider, engine, relay, nginx):
        yield from idle_memory(engine)
        peers = [engine, relay] + ([nginx] if nginx else [])
        for peer in peers:
            measured(rig, peer, peer.load(connections=64, seconds=WARM_S))
        row_us = projected_us(rig, engine)
        yield Figure(name="projector: CPU", unit="µs/row", values=row_us, note=PROJECTED)
        yield from non_streaming(_many(rig, peers, 16), 16, row_us)
        plain = _many(rig, peers, 64)
        yield from non_streaming(plain, 64, row_us)
        yield from at_one_rate(_many(rig, peers, 64, per_s=PER_S), row_us)
        yield from streaming(_many(rig, peers, 64, stream=True), plain, row_us)
        yield from latency(rig, provider, peers)


def in_turns(peers: Sequence[Peer], sample: Callable[[Peer], Sample], rounds: int = ROUNDS) -> Taken:
    """The samples of each peer, by its name: one of each, and again, so that noise falls on all alike."""
    taken: dict[str, list[Sample]] = {peer.name: [] for peer in peers}
    for _ in range(rounds):
        for peer in peers:
            taken[peer.name].append(sample(peer))
    return taken


def _many(rig: Path, peers: Sequence[Peer], connections: int, *, per_s: float = 0.0, stream: bool = False) -> Taken:
    """Samples of each peer under so many connections, in a closed loop or at a rate."""

    def sample(peer: Peer) -> Sample:
        load = peer.load(connections=connections, seconds=SHORT_S, per_s=per_s, stream=stream)
        return measured(rig, peer, load)

    return in_turns(peers, sample, SHORT_ROUNDS)


def projected_us(rig: Path, engine: Gateway) -> list[float]:
    """CPU microseconds that the projector takes for a request's row, from the journal into a part; one a stretch."""
    layout = Layout(engine.data)
    values = []
    for _ in range(STRETCHES):
        refresh(layout, log=Silent())
        marks_us = [harness.cpu_us(engine.projectors)]
        refresh(layout, log=Silent())
        marks_us.append(harness.cpu_us(engine.projectors))
        seen = measured(rig, engine, engine.load(connections=64, seconds=STRETCH_S)).burst
        refresh(layout, log=Silent())
        marks_us.append(harness.cpu_us(engine.projectors))
        published_us, both_us = marks_us[1] - marks_us[0], marks_us[2] - marks_us[1]
        values.append((both_us - published_us) / seen.requests + published_us / (seen.per_s * PUBLISH_S))
    return values


def non_streaming(taken: Taken, connections: int, row_us: Sequence[float]) -> Iterator[Figure]:
    """CPU a request in a closed loop, against nginx's and a relay's in the same turns."""
    taken, alone = _with_rows(taken, row_us), taken["engine"]
    at_least = [least(alone)[0] + min(row_us)]
    engine, relay, nginx = taken["engine"], taken["relay"], taken.get("nginx", [])
    name = f"non-streaming, {connections} connections"
    yield Figure(
        name=f"{name}: CPU",
        unit="µs/request",
        values=cpu(engine),
        must=150,
        aim=60,
        relay=cpu(relay),
        nginx=cpu(nginx),
        note=WHOLE,
    )
    yield Figure(
        name=f"{name}: least CPU",
        unit="µs/request",
        values=at_least,
        must=150,
        aim=60,
        relay=least(relay),
        nginx=least(nginx),
        note=LEAST,
    )
    yield Figure(name=f"{name}: CPU without projector", unit="µs/request", values=cpu(alone))
    if nginx:
        least_ratio = at_least[0] / least(nginx)[0]
        yield Figure(name=f"{name}: CPU / nginx", unit="x", values=ratios(engine, nginx), must=7, aim=2.5)
        yield Figure(name=f"{name}: CPU without projector / nginx", unit="x", values=ratios(alone, nginx))
        yield Figure(name=f"{name}: least CPU / nginx's", unit="x", values=[least_ratio], must=7, aim=2.5, note=LEAST)
    yield Figure(name=f"{name}: CPU / relay", unit="x", values=ratios(engine, relay))
    yield Figure(name=f"{name}: rate", unit="requests/s", values=rate(engine), relay=rate(relay), nginx=rate(nginx))


def at_one_rate(taken: Taken, row_us: Sequence[float]) -> Iterator[Figure]:
    """CPU a request when all get the same number of them a second."""
    taken = _with_rows(taken, row_us)
    engine, relay, nginx = taken["engine"], taken["relay"], taken.get("nginx", [])
    name = f"non-streaming, {PER_S:,.0f} requests/s"
    yield Figure(
        name=f"{name}: CPU",
        unit="µs/request",
        values=cpu(engine),
        relay=cpu(relay),
        nginx=cpu(nginx),
        note="in a closed loop whoever is fast is woken once for many requests, and wakes its peers as seldom",
    )
    if nginx:
        yield Figure(name=f"{name}: CPU / nginx", unit="x", values=ratios(engine, nginx))


def streaming(taken: Taken, plain: Taken, row_us: Sequence[float]) -> Iterator[Figure]:
    """CPU of an event of a burst: the request's own share included, and beyond that of a *plain* one."""
    name = f"stream of {EVENTS} events in a burst: CPU"
    whole = _with_rows(taken, row_us)
    each = {peer: [sample.cpu_us / EVENTS for sample in samples] for peer, samples in whole.items()}
    more = {
        peer: [(sample.cpu_us - median(cpu(plain[peer]))) / EVENTS for sample in samples]
        for peer, samples in taken.items()
    }
    yield Figure(
        name=name,
        unit="µs/event",
        values=each["engine"],
        must=4,
        aim=1.5,
        relay=each["relay"],
        nginx=each.get("nginx", ()),
        note="the whole request divided by its events",
    )
    yield Figure(
        name=f"{name}, least",
        unit="µs/event",
        values=[(least(taken["engine"])[0] + min(row_us)) / EVENTS],
        must=4,
        aim=1.5,
        relay=[min(each["relay"])],
        nginx=[min(each["nginx"])] if "nginx" in each else (),
        note=LEAST,
    )
    if "nginx" in whole:
        by_nginx = ratios(whole["engine"], whole["nginx"])
        yield Figure(name=f"{name} / nginx", unit="x", values=by_nginx, note=EVENT_BY_NGINX)
    yield Figure(name=f"{name} without projector", unit="µs/event", values=[us / EVENTS for us in cpu(taken["engine"])])
    yield Figure(
        name=f"{name} beyond a plain request's",
        unit="µs/event",
        values=more["engine"],
        relay=more["relay"],
        nginx=more.get("nginx", ()),
    )


def latency(rig: Path, provider: Peer, peers: Sequence[Peer]) -> Iterator[Figure]:
    """What is added at one connection to what the provider takes without anything in between."""
    taken = in_turns([provider, *peers], lambda peer: measured(rig, peer, peer.load(connections=1, seconds=SECONDS)))
    for quantile, must, aim in (("p50_us", 500, 250), ("p99_us", 1500, 700)):
        seen = {name: [getattr(sample.burst, quantile) for sample in samples] for name, samples in taken.items()}
        bare = median(seen.pop(provider.name))
        added = {name: [value - bare for value in values] for name, values in seen.items()}
        yield Figure(
            name=f"added {quantile.removesuffix('_us')}, 1 connection",
            unit="µs",
            values=added["engine"],
            must=must,
            aim=aim,
            relay=added["relay"],
            nginx=added.get("nginx", ()),
        )


def idle_memory(engine: Gateway) -> Iterator[Figure]:
    """Memory of a worker that has answered nothing yet."""
    rss, pss = harness.memory_mib(engine.workers[0])
    yield Figure(name="idle worker: RSS", unit="MiB", values=[rss], must=120, aim=70)
    yield Figure(name="idle worker: PSS", unit="MiB", values=[pss], note="pages shared with n processes count 1/n")


def two_workers(rig: Path, directory: Path) -> Iterator[Figure]:
    """Throughput of two workers against one. Needs four processors to be true: two for them, two for the rig."""
    with mock(rig, ALL_CORES) as provider:
        root = directory / "workers"
        write_small(root, provider.port)
        rates: dict[int, list[Sample]] = {}
        for workers in (1, 2):
            with gateway(root, workers=workers, cores=ALL_CORES) as engine:
                load = engine.load(connections=64, seconds=SECONDS)
                measured(rig, engine, load, ALL_CORES)
                rates[workers] = [measured(rig, engine, load, ALL_CORES) for _ in range(ROUNDS)]
    one, two = rates[1], rates[2]
    cores = len(ALL_CORES)
    caveat = f"on {cores} processors that rig, mock provider and projector share" if cores < 6 else ""
    yield Figure(
        name="two workers / one: rate",
        unit="x",
        values=[b / a for a, b in zip(rate(one), rate(two), strict=True)],
        must=1.8,
        most=False,
        note=caveat,
    )
    yield Figure(name="two workers / one: CPU a request", unit="x", values=ratios(two, one))


def _with_rows(taken: Taken, row_us: Sequence[float]) -> Taken:
    """The samples with what the projector takes for the gateway's."""
    each_us = median(row_us)
    return taken | {"engine": [replace(sample, cpu_us=sample.cpu_us + each_us) for sample in taken["engine"]]}


def cpu(samples: Sequence[Sample]) -> list[float]:
    """CPU microseconds a request, one a round."""
    return [sample.cpu_us for sample in samples]


def least(samples: Sequence[Sample]) -> list[float]:
    """The least CPU microseconds a request, alone in a list; empty without samples."""
    return [min(cpu(samples))] if samples else []


def rate(samples: Sequence[Sample]) -> list[float]:
    """Requests a second, one a round."""
    return [sample.burst.per_s for sample in samples]


def ratios(ours: Sequence[Sample], theirs: Sequence[Sample]) -> list[float]:
    """How many times the other's CPU a request of ours takes, round by round."""
    return [a.cpu_us / b.cpu_us for a, b in zip(ours, theirs, strict=True)]
