"""One suite over every file in `providers.d`: each provider is asked as its file says, for every caller's protocol.

The provider answers in its own protocol by script, on a virtual clock; the request head is built with made-up secrets.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from msgspec import structs

from engine.config.build import build
from engine.config.bundle import read
from engine.gateway import Cork, Gateway, Inbound, PathSays
from engine.gateway.attempt import how
from engine.planning.scenario import Scripted
from engine.planning.stage import Collected, FixedEntropy, Remembered, ScriptedUpstream, VirtualClock
from engine.planning.world import PlannedLive
from engine.rules.program import Caller, Offer, Provider, Scheme
from engine.snapshot import assemble
from engine.upstream.credentials import MINTED, Heads
from engine.values import SecretRef, Surface

ROOT = Path(__file__).parents[2]
BUILT = build(read(ROOT))
assert BUILT.parts is not None
SNAPSHOT = structs.replace(
    assemble(BUILT.parts),
    callers=MappingProxyType({sha256(b"k").digest(): Caller(id="anyone")}),
)
PROGRAM = SNAPSHOT.program
FILES: Mapping[str, Provider] = {str(name): provider for name, provider in PROGRAM.providers.items()}
PROVIDERS = sorted(FILES)
SERVED = [name for name in PROVIDERS if not FILES[name].disabled]
MADE = {
    str(name): [
        made for pattern in patterns if (made := pattern.offer(pattern.glob.replace("*", "a-model"))) is not None
    ]
    for name, patterns in PROGRAM.patterns.items()
}
OFFERS: Mapping[str, list[Offer]] = {
    name: [*(offer for (_, provider), offer in PROGRAM.pinned.items() if provider == name), *MADE.get(name, ())]
    for name in PROVIDERS
}
"""Listed models first, then one of each pattern."""

HELLO = [{"role": "user", "content": "hi"}]
ASKED: Mapping[Surface, dict[str, Any]] = {
    Surface.CHAT: {"messages": HELLO},
    Surface.MESSAGES: {"messages": HELLO, "max_tokens": 64},
    Surface.RESPONSES: {"input": "hi"},
    Surface.GENERATE: {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
}


class MadeUp:
    """Secrets that are all there: `k-NAME`, and an address where a base URL is nothing but a reference."""

    def __init__(self, provider: Provider) -> None:
        self._is_address = provider.base_url.startswith("${")
        self._base_url = provider.base_url

    def read(self, ref: SecretRef) -> str | None:
        return "https://example.test" if self._is_address and str(ref) in self._base_url else f"k-{ref.name}"


def offer_for(provider: str, surface: Surface, *, stream: bool) -> Offer | None:
    """A model there that serves the surface; None without one."""
    fits = (o for o in OFFERS[provider] if surface in o.surfaces and (not stream or "streaming" in o.features))
    return next(fits, None)


def asked(offer: Offer, surface: Surface, *, stream: bool, status: int = 200) -> tuple[Collected, Remembered]:
    """What comes of a request for *offer* whose provider answers with *status*, however often it is asked."""
    clock, journal, sink = VirtualClock(SNAPSHOT_AT), Remembered(), Collected()
    script = {str(offer.provider.id): (Scripted(status=status),) * 5 if status != 200 else ()}
    gateway = Gateway(
        upstream=ScriptedUpstream(script, clock),
        live=PlannedLive(),
        journal=journal,
        metrics=journal,
        clock=clock,
        entropy=FixedEntropy(0.5),
        cork=Cork(),
        node="n",
    )
    body = dict(ASKED[surface])
    if surface is not Surface.GENERATE:
        body |= {"model": offer.id, "stream": stream}
    inbound = Inbound(
        surface=surface,
        request_id="r",
        headers=[(b"authorization", b"Bearer k")],
        body=msgspec.json.encode(body),
        ip="127.0.0.1",
        path=PathSays(model=offer.id, stream=stream) if surface is Surface.GENERATE else PathSays(),
    )
    running = gateway.handle(SNAPSHOT, inbound, sink)
    with pytest.raises(StopIteration):
        running.send(None)
    return sink, journal


SNAPSHOT_AT = max(price.from_at for offers in OFFERS.values() for offer in offers for price in offer.prices)
"""An instant at which every price is in force."""


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("surface", ASKED, ids=str)
@pytest.mark.parametrize("provider", SERVED)
def test_an_answer_reaches_every_caller(provider: str, surface: Surface, *, stream: bool) -> None:
    """Text and reported usage come through, whatever the caller and the provider speak."""
    offer = offer_for(provider, surface, stream=stream)
    if offer is None:
        assert not any(o.surfaces >= set(ASKED) and (not stream or "streaming" in o.features) for o in OFFERS[provider])
        return
    sink, journal = asked(offer, surface, stream=stream)

    assert sink.status == 200, sink.body
    assert b"hello" in sink.body
    usage = journal.records[-1].usage
    assert usage is not None
    assert (usage.total_input, usage.total_output) == (10, 5)


@pytest.mark.parametrize(("status", "told"), [(401, 503), (402, 503), (429, 429), (500, 502), (503, 503)])
@pytest.mark.parametrize("provider", SERVED)
def test_an_error_is_told_as_the_outcome_table_says(provider: str, status: int, told: int) -> None:
    """Of any provider: never its own 401, and 429 only for a limit."""
    offer = offer_for(provider, Surface.CHAT, stream=False)
    if offer is None:
        assert not any(Surface.CHAT in o.surfaces for o in OFFERS[provider])
        return
    sink, journal = asked(offer, Surface.CHAT, stream=False, status=status)

    assert sink.status == told, sink.body
    assert journal.records[-1].attempts


@pytest.mark.parametrize("provider", [name for name in SERVED if FILES[name].protocol != "sandbox"])
def test_its_request_can_be_built(provider: str) -> None:
    """Address, path, headers and credential make one well-formed head; only our own machines are asked without TLS."""
    for offer in OFFERS[provider]:
        found = offer.provider
        if found.auth.scheme in MINTED:  # made for each request: `tests/engine/upstream` has them
            continue
        surface = next(iter(sorted(offer.surfaces)))
        spoken = how(offer, surface, stream=False)
        assert spoken is not None, f"{offer.id} is offered on {surface}, which {found.protocol} does not have"
        label = found.auth.keys[0].label if found.auth.keys else ""
        head = Heads(MadeUp(found), None).head(found, spoken.path, label)  # type: ignore[arg-type] # nothing is minted

        assert head.data.startswith(b"POST /")
        assert head.origin.scheme == "https" or found.allow_private
        assert (b"k-" in head.data) == (found.auth.scheme is not Scheme.NONE) or found.auth.scheme is Scheme.BASIC


@pytest.mark.parametrize("provider", [name for name in PROVIDERS if FILES[name].disabled])
def test_what_is_disabled_says_why(provider: str) -> None:
    """The reason is for people: a sentence, not a word."""
    assert len(FILES[provider].disabled.split()) >= 4
