from typing import Any

import msgspec
import pytest

from engine.errors import OutcomeKind, Place, UpstreamMalformed, UpstreamReset, UpstreamTimeout
from engine.gateway.ports import Call, Clock
from engine.health import BreakerSettings
from engine.rules.program import Auth, Connections, Offer, Provider, ProviderLimits, Scheme, Timeouts, WhenFull
from engine.sandbox.provider import Sandbox
from engine.values import ModelId, ProviderId, Surface

HERE = Place("providers.d/sandbox.yaml", 1)
PROVIDER = Provider(
    id=ProviderId("sandbox"),
    name="Sandbox",
    protocol="sandbox",
    base_url="",
    auth=Auth(scheme=Scheme.NONE),
    place=HERE,
    paths={},
    timeouts=Timeouts(connect_s=1, first_token_s=5, between_tokens_s=5, total_s=60),
    connections=Connections(max=1, keepalive_s=1),
    limits=ProviderLimits(),
    when_full=WhenFull(wait_s=0, then="next"),
    breaker=BreakerSettings(),
    data={},
)
OFFER = Offer(provider=PROVIDER, model=ModelId("sandbox/echo"), upstream_model="echo", place=HERE)


def call(fault: str = "", *, stream: bool = True, model: str = "echo", head_s: float = 5, total_s: float = 60) -> Call:
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "hello"}], "stream": stream}
    headers = ((b"x-sandbox-fault", fault.encode()),) if fault else ()
    return Call(
        offer=OFFER,
        key_label="",
        surface=Surface.CHAT,
        path="/chat/completions",
        body=msgspec.json.encode(body),
        headers=headers,
        head_timeout_s=head_s,
        total_timeout_s=total_s,
    )


async def test_an_answer_is_read_to_its_end(clock: Clock) -> None:
    """Reads bring the stream piece by piece, then b"" as often as asked; time passes at the model's pace."""
    answer = await Sandbox(clock).send(call())
    parts = []
    while data := await answer.read(1.0):
        parts.append(data)
    assert answer.status == 200
    assert len(parts) > 3
    assert parts[-1] == b"data: [DONE]\n\n"
    assert await answer.read(1.0) == b""
    assert 1_000.15 < clock.monotonic() < 1_001


async def test_a_whole_answer(clock: Clock) -> None:
    """`read_all` brings the rest, bounded."""
    sandbox = Sandbox(clock)
    assert b"You said: hello" in await (await sandbox.send(call(stream=False))).read_all(10_000)
    with pytest.raises(UpstreamMalformed):
        await (await sandbox.send(call(stream=False))).read_all(10)


async def test_breaking_off(clock: Clock) -> None:
    """A reset after some chunks comes after them; one before any comes before the head."""
    sandbox = Sandbox(clock)
    answer = await sandbox.send(call("reset after 2 chunks"))
    assert await answer.read(1)
    assert await answer.read(1)
    with pytest.raises(UpstreamReset) as raised:
        await answer.read(1)
    assert raised.value.received
    with pytest.raises(UpstreamReset) as raised:
        await sandbox.send(call("reset"))
    assert not raised.value.received


async def test_silence_is_a_timeout_between_tokens(clock: Clock) -> None:
    """A stall ends when the reader's patience does, not before."""
    answer = await Sandbox(clock).send(call("stall"))
    began_s = clock.monotonic()
    with pytest.raises(UpstreamTimeout) as raised:
        await answer.read(7.0)
    assert raised.value.kind is OutcomeKind.TIMEOUT_BETWEEN_TOKENS
    assert clock.monotonic() - began_s == pytest.approx(7.0)


async def test_the_total_is_kept(clock: Clock) -> None:
    """An attempt that may take no longer ends as `timeout_total`, whatever the pause may take."""
    answer = await Sandbox(clock).send(call("stall", total_s=3))
    with pytest.raises(UpstreamTimeout) as raised:
        await answer.read(7.0)
    assert raised.value.kind is OutcomeKind.TIMEOUT_TOTAL


@pytest.mark.parametrize(
    ("stream", "kind"), [(True, OutcomeKind.TIMEOUT_FIRST_TOKEN), (False, OutcomeKind.TIMEOUT_TOTAL)]
)
async def test_a_late_head_is_a_timeout(clock: Clock, stream: bool, kind: OutcomeKind) -> None:
    """A head that comes too late is the first token's timeout for streams, the total's for whole answers."""
    with pytest.raises(UpstreamTimeout) as raised:
        await Sandbox(clock).send(call("slow first byte 30s", stream=stream))
    assert raised.value.kind is kind
    assert clock.monotonic() == pytest.approx(1_005)


async def test_faults_are_counted_over_requests(clock: Clock) -> None:
    """`429 x2` fails twice, then answers; a fault that cannot be read is a clear 400."""
    sandbox = Sandbox(clock)
    assert [(await sandbox.send(call("429 x2"))).status for _ in range(3)] == [429, 429, 200]
    answer = await sandbox.send(call("explode"))
    assert answer.status == 400
    assert b"write faults like these" in await answer.read_all(10_000)


async def test_an_aborted_answer_says_nothing_more(clock: Clock) -> None:
    """After `abort` there is nothing to read, and aborting again does no harm."""
    answer = await Sandbox(clock).send(call("stall after 1 chunk"))
    answer.abort()
    answer.abort()
    assert await answer.read(1) == b""
