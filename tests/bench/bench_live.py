"""CPU per request of the living state and of the metrics, on one worker, nobody else at the board.

Run: python -m tests.bench.bench_live
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

from engine.errors import OutcomeKind, Place
from engine.gateway import Admission
from engine.health import BreakerSettings
from engine.live.board import Board, Directory
from engine.live.metrics import Metrics
from engine.live.slots import RETRY_BUDGET, names
from engine.live.state import BoardState
from engine.rules.program import Auth, Connections, Offer, Provider, ProviderLimits, Scheme, Timeouts, WhenFull
from engine.snapshot import ProviderPart
from engine.values import ModelId, Outcome, ProviderId, Surface, Usage
from tests.bench.rows import row

ROUNDS = 100_000
PLACE = Place("providers.d/p.yaml", 1)


def part() -> ProviderPart:
    provider = Provider(
        id=ProviderId("p"),
        name="p",
        protocol="openai",
        base_url="https://api.example.com/v1",
        auth=Auth(scheme=Scheme.NONE),
        place=PLACE,
        paths=MappingProxyType({Surface.CHAT: "/chat/completions"}),
        timeouts=Timeouts(connect_s=3.0, first_token_s=30.0, between_tokens_s=30.0, total_s=300.0),
        connections=Connections(max=10, keepalive_s=60.0),
        limits=ProviderLimits(),
        when_full=WhenFull(wait_s=0.2, then="next"),
        breaker=BreakerSettings(),
        data=MappingProxyType({}),
    )
    offer = Offer(provider=provider, model=ModelId("m"), upstream_model="m", place=PLACE)
    return ProviderPart(provider=provider, offers=(offer,), aliases=MappingProxyType({}), source_hash="")


def timed(what: str, work: Callable[[], object]) -> None:
    start = time.process_time()
    for _ in range(ROUNDS):
        work()
    print(f"{what:<40} {(time.process_time() - start) / ROUNDS * 1e6:6.2f} µs")  # noqa: T201 - a benchmark prints


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        board = Board.create(Path(folder) / "board")
        directory, made = Directory(board), part()
        state = BoardState(board, column=0, configured=lambda _: True, emit=lambda *_: None)
        state.adopt_root(directory.assign([RETRY_BUDGET]))
        state.adopt(made, directory.assign(names(made)))
        metrics = Metrics(Path(folder) / "0.metrics")
        metrics.know(frozenset({("bench/mock", "mock")}))
        offer, ok, usage, counted = made.offers[0], Outcome(kind=OutcomeKind.OK), Usage(output=20), row(0)

        def attempt() -> None:
            admission = state.admit(offer, "", 10, now_s := time.monotonic())
            assert isinstance(admission, Admission)
            state.settle(admission, ok, usage, now_s)

        def decide() -> None:
            state.blocked_until_s(offer, 1.0)
            state.rests_until_s(offer, "")
            state.full_until_s(offer, 1.0)

        timed("admit and settle, healthy", attempt)
        timed("what a decision reads of one offer", decide)
        timed("metrics of one request", lambda: metrics.observe(counted))


if __name__ == "__main__":
    main()
