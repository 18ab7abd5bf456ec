"""Small configurations by hand, and a board to keep their state on."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType

import pytest

from engine.errors import Place
from engine.health import BreakerSettings
from engine.live.board import Board, Directory
from engine.live.slots import RETRY_BUDGET, names
from engine.live.state import BoardState
from engine.rules.program import (
    Auth,
    Connections,
    Key,
    Offer,
    Provider,
    ProviderLimits,
    Scheme,
    Timeouts,
    WhenFull,
)
from engine.snapshot import ProviderPart
from engine.values import ModelId, ProviderId, SecretRef, Surface

PLACE = Place("providers.d/p.yaml", 1)


@pytest.fixture
def make_part() -> Callable[..., ProviderPart]:
    """`make_part("groq", models=("m",), keys=("main",), limits=…, breaker=…)`."""

    def make(
        provider: str = "p",
        *,
        models: tuple[str, ...] = ("m",),
        keys: tuple[str, ...] = ("main",),
        limits: ProviderLimits | None = None,
        breaker: BreakerSettings | None = None,
    ) -> ProviderPart:
        made = Provider(
            id=ProviderId(provider),
            name=provider,
            protocol="openai",
            base_url="https://api.example.com/v1",
            auth=Auth(scheme=Scheme.BEARER, keys=tuple(Key(label=k, secret=SecretRef("env", "KEY")) for k in keys)),
            place=PLACE,
            paths=MappingProxyType({Surface.CHAT: "/chat/completions"}),
            timeouts=Timeouts(connect_s=3.0, first_token_s=30.0, between_tokens_s=30.0, total_s=300.0),
            connections=Connections(max=10, keepalive_s=60.0),
            limits=limits or ProviderLimits(),
            when_full=WhenFull(wait_s=0.2, then="next"),
            breaker=breaker or BreakerSettings(),
            data=MappingProxyType({}),
        )
        offers = tuple(Offer(provider=made, model=ModelId(m), upstream_model=m, place=PLACE) for m in models)
        return ProviderPart(provider=made, offers=offers, aliases=MappingProxyType({}), source_hash="0" * 64)

    return make


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    """An empty board."""
    made = Board.create(tmp_path / "board")
    yield made
    made.close()


@pytest.fixture
def events() -> list[tuple[str, str]]:
    """(event, subject) of what the states of a test have told."""
    return []


@pytest.fixture
def make_state(board: Board, events: list[tuple[str, str]]) -> Callable[..., BoardState]:
    """`make_state(part, …, column=0)`: a worker's state that knows these parts."""
    directory = Directory(board)

    def make(*parts: ProviderPart, column: int = 0) -> BoardState:
        state = BoardState(
            board,
            column=column,
            configured=lambda _: True,
            emit=lambda event, subject, _: events.append((event, subject)),
        )
        state.adopt_root(directory.assign([RETRY_BUDGET]))
        for part in parts:
            state.adopt(part, directory.assign(names(part)))
        return state

    return make
