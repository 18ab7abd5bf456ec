"""Providers that fail in every way of the outcome table, many times: callers are handed over, storms are not fed."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.bench import harness
from tests.bench.roots import write
from tests.drill.callers import Callers
from tests.drill.report import Line, none, told
from tests.drill.roots import KEY, provider
from tests.drill.scene import Scene, scene

PLAIN = ("reset", "status-500", "status-503", "malformed", "status-429", "status-401", "status-402", "status-403")
PLAIN_TOO = ("status-404",)
STREAMED = ("reset", "status-429", "error-in-200", "status-503")
HEALTHY_SHARE = 14
"""Healthy requests for each that meets a fault: so that two extra attempts stay within the budget of 20 %."""
TIMES = 10
"""Each row, by each of the threads."""
THREADS = 4
STORMS = ("status-429", "status-503", "status-500", "reset")
STORM_REQUESTS = 250
"""Of each thread, in one storm."""
MOST_AMPLIFIED = 1.2
ALLOWANCE = 14
"""Extra attempts beyond the share: three always, a fifth of up to 32 attempts told late, and one under way a thread."""
WINDOW_S = 21.0
"""After this the retry budget has forgotten that most requests were healthy."""
SEEN_BY_CALLERS = frozenset({"200", "429", "502", "503", "504"})


def drill(directory: Path, _rounds: int, _random: Random) -> Iterator[Line]:
    """Rows one by one, then storms in which nothing answers."""
    with scene(directory) as at:
        _write_rows(at)
        yield from _handed_over(at, PLAIN + PLAIN_TOO, stream=False)
        yield from _handed_over(at, STREAMED, stream=True)
        time.sleep(WINDOW_S)
        for kind in STORMS:
            yield from _storm(at, kind)


def _write_rows(at: Scene) -> None:
    """For each row a provider of its own, so that its breaker and its keys do not stand in for another's."""
    shapes = [("plain", PLAIN + PLAIN_TOO), ("stream", STREAMED), ("storm", STORMS)]
    names = [(shape, kind) for shape, kinds in shapes for kind in kinds]
    lines = ["models:"]
    for shape, kind in names:
        id_ = f"{shape}-{kind}"
        write(at.root / f"providers.d/{id_}.yaml", provider(id_, at.provider_port))
        if shape == "storm":
            write(at.root / f"providers.d/{id_}-next.yaml", provider(f"{id_}-next", at.provider_port))
        fallback = f"t/{kind}:{id_}@{id_}-next" if shape == "storm" else "t/ok@b"
        lines.append(f"  {id_}: {{targets: ['t/{kind}:{id_}@{id_}'], fallback: ['{fallback}']}}")
    write(at.root / "routes.d/rows.yaml", "\n".join(lines) + "\n")
    status, _ = harness.fetched(f"{at.engine.url}/-/reload", KEY, body=b"")
    last = f"{names[-1][0]}-{names[-1][1]}"
    harness.wait_until(lambda: last in _models(at), f"the rows are served (reload answered {status})")


def _models(at: Scene) -> str:
    return harness.fetched(f"{at.engine.url}/v1/models", KEY)[1].decode()


def _handed_over(at: Scene, kinds: tuple[str, ...], *, stream: bool) -> Iterator[Line]:
    """Every request is answered by the next target, whatever the first one does."""
    shape = "stream" if stream else "plain"
    names = [name for kind in kinds for name in (*["t/ok"] * HEALTHY_SHARE, f"{shape}-{kind}")]
    with Callers(at.engine.port, KEY, *names, threads=THREADS, stream=stream, requests=len(names) * TIMES) as callers:
        pass
    yield told("faults", f"{shape}: requests, over {len(kinds)} kinds of fault", callers.outcomes.total())
    yield none("faults", f"{shape}: requests that were not handed over", callers.failed)
    if callers.failed:
        yield told("faults", f"{shape}: outcomes", dict(callers.outcomes))


def _storm(at: Scene, kind: str) -> Iterator[Line]:
    """Every target fails: how many attempts are made of a request."""
    name, before = f"storm-{kind}", _asked(at)
    with Callers(at.engine.port, KEY, name, threads=THREADS, requests=STORM_REQUESTS) as callers:
        pass
    attempts, asked = (_asked(at) - before).total(), callers.outcomes.total()
    most = MOST_AMPLIFIED * asked + ALLOWANCE
    foreign = sorted(callers.outcomes.keys() - SEEN_BY_CALLERS)
    found = f"{attempts / asked:.3f} ({attempts:,} of {asked:,})"
    must = f"≤ {MOST_AMPLIFIED} (+{ALLOWANCE})"
    yield Line("faults", f"storm of {kind}: attempts a request", must, found, attempts <= most)
    yield Line("faults", f"storm of {kind}: answers outside the table", "none", foreign or "none", not foreign)


def _asked(at: Scene) -> Counter[str]:
    """How often the provider was asked for each model."""
    _, body = harness.fetched(f"http://127.0.0.1:{at.provider_port}/seen")
    return Counter(json.loads(body)["requests"])
