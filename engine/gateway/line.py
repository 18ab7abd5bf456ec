"""The straight line: a request is understood, decided, pursued, written down and answered, in that order."""

from asyncio import CancelledError
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.errors import CallerFault, OutcomeKind, Refused
from engine.gateway.attempt import Attempt, asked_how, how
from engine.gateway.cork import Cork
from engine.gateway.decider import Decider
from engine.gateway.exchange import Exchange, Inbound, Understood, milliseconds
from engine.gateway.ports import Clock, Entropy, Journal, LiveState, Metrics, Sink, Upstream
from engine.gateway.reply import cost_comment, error_reply, failed_event, plain_head, stream_head
from engine.rules.decision import Decision, Refusal
from engine.rules.identify import identify
from engine.rules.outcomes import caller_error
from engine.rules.plan import AttemptPlan, Begin, Event, Finish, Start, Woke
from engine.rules.program import Strategy
from engine.snapshot import Snapshot
from engine.values import NOTHING, Facts, RequestRecord, Wishes
from engine.wire.codecs import Beside, caller_codec
from engine.wire.envelope import Envelope

__all__ = ["Gateway"]

WISHES = b"x-engine-provider"
_BEGIN, _WOKE = Begin(), Woke()
_OK, _ROUND_ROBIN = OutcomeKind.OK, Strategy.ROUND_ROBIN
"""Bound to names of their own: looking a member up in its enum costs four times as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The request path over its ports. One per worker."""

    upstream: Upstream
    live: LiveState
    journal: Journal
    metrics: Metrics
    clock: Clock
    entropy: Entropy
    cork: Cork
    node: str
    region: str = ""
    decider: Decider = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "decider", Decider(self.live))

    async def handle(self, snapshot: Snapshot, inbound: Inbound, sink: Sink) -> None:
        """Answer one request through *sink*, under the configuration it began with.

        Its record is in the journal before the last byte leaves. Cancelling the coroutine means that the caller hung
        up: the attempt in flight is closed, what was used is settled and written down.
        """
        exchange = self._begin(snapshot, inbound)
        try:
            asked = self._understood(exchange)
            await self.cork.turn()
            await self._pursue(exchange, asked, sink)
            await self.cork.turn()
        except (CallerFault, Refused) as fault:
            exchange.fault = fault
        except CancelledError:
            exchange.error = OutcomeKind.CANCELLED
            self.metrics.observe(self._write_down(exchange))
            raise
        record = self._write_down(exchange)
        try:
            await self.cork.turn()
            await self._answer(exchange, sink)
            await self.cork.turn()
        finally:  # counted after the answer, which need not wait for it
            self.metrics.observe(record)

    def _begin(self, snapshot: Snapshot, inbound: Inbound) -> Exchange:
        return Exchange(
            snapshot=snapshot,
            inbound=inbound,
            codec=caller_codec(inbound.surface, array=inbound.path.array),
            headers=dict(inbound.headers),
            at=self.clock.now(),
            started_s=self.clock.monotonic(),
        )

    def _understood(self, exchange: Exchange) -> Understood:
        """Who asks, for what, and what follows from it. Raises CallerFault."""
        snapshot, inbound = exchange.snapshot, exchange.inbound
        caller = exchange.caller = identify(
            snapshot.callers, snapshot.anonymous, exchange.headers, inbound.ip, exchange.at
        )
        body, codec = inbound.body, exchange.codec
        envelope = codec.read(body, _beside(exchange)) if isinstance(body, bytes) else codec.read_form(body)
        facts = exchange.facts = self._facts(exchange, envelope)
        decided = self.decider.decide(
            snapshot.program, caller, facts, envelope.fields, now_s=exchange.started_s, draw=self.entropy.draw()
        )
        decision = exchange.decision = decided.decision
        exchange.traced = decided.traced
        if decision.strategy is _ROUND_ROBIN:
            self.live.advance(decision.pool)
        return Understood(caller=caller, envelope=envelope, facts=facts, decision=decision)

    def _facts(self, exchange: Exchange, envelope: Envelope) -> Facts:
        """What the rules may know of the request."""
        recording, headers = exchange.snapshot.recording, exchange.headers
        kept = recording.metadata | recording.tags if envelope.metadata else frozenset()
        return Facts(  # by position: `Facts` says why
            envelope.model,
            exchange.at,
            exchange.inbound.surface,
            envelope.stream,
            envelope.input_tokens_low,
            envelope.input_tokens,
            envelope.input_tokens_high,
            envelope.max_tokens,
            envelope.has_tools,
            envelope.has_images,
            envelope.has_audio,
            envelope.has_files,
            envelope.wants_json,
            envelope.reasoning,
            envelope.user,
            envelope.session,
            exchange.inbound.ip,
            _recorded(recording.headers, headers) if recording.headers else NOTHING,
            {k: v for k, v in envelope.metadata.items() if k in kept} if envelope.metadata else NOTHING,
            self.region,
            _wishes(headers[WISHES], envelope.wishes) if WISHES in headers else envelope.wishes,
        )

    async def _pursue(self, exchange: Exchange, asked: Understood, sink: Sink) -> None:
        """Do what the plan says until it says that all is done. Raises Refused when nothing answered."""
        if asked.decision.refusal is not None:
            raise _refused(asked.decision.refusal)
        if (estimate := exchange.codec.estimate) is not None and not _is_answered(exchange, asked.decision):
            exchange.tail, exchange.estimated = estimate(asked.envelope), True
            return
        plan = AttemptPlan(asked.decision, exchange.started_s)
        event: Event = _BEGIN
        while not isinstance(command := plan.step(event, self.clock.monotonic(), self.live), Finish):
            if isinstance(command, Start):
                event = await self._attempt(command, exchange, asked, sink).perform()
            else:
                await self.clock.sleep(command.seconds)
                event = _WOKE
        if command.outcome.kind is not _OK:
            exchange.error = command.outcome.kind
            raise caller_error(command.outcome, command.retry_after_s)

    def _attempt(self, start: Start, exchange: Exchange, asked: Understood, sink: Sink) -> Attempt:
        """The attempt that *start* asks for. Raises BadRequest where its offer cannot be asked on this surface."""
        offer = start.candidate.offer
        return Attempt(
            exchange=exchange,
            asked=asked,
            start=start,
            offer=offer,
            spoken=asked_how(offer, exchange.inbound.surface, stream=asked.envelope.stream),
            sink=sink,
            upstream=self.upstream,
            live=self.live,
            clock=self.clock,
        )

    def _write_down(self, exchange: Exchange) -> RequestRecord:
        """The request's record, which is journalled unless the caller could not be identified."""
        record = exchange.record(self.node, milliseconds(self.clock.monotonic() - exchange.started_s))
        if exchange.caller is not None:
            self.journal.append(record)
        return record

    async def _answer(self, exchange: Exchange, sink: Sink) -> None:
        """Send what is still to be sent: a whole answer, the end of a stream, or what went wrong."""
        fault = exchange.fault
        if fault is not None and exchange.committed:
            await sink.end(exchange.held + failed_event(exchange, fault))
        elif fault is not None:
            head, body = error_reply(exchange, fault)
            await sink.whole(fault.status, head, body)
        elif exchange.committed or (exchange.facts is not None and exchange.facts.stream):
            if not exchange.committed:
                await sink.start(200, stream_head(exchange, len(exchange.attempts)))
            await sink.end(exchange.held + cost_comment(exchange) + exchange.tail)
        else:
            await sink.whole(200, plain_head(exchange), exchange.tail)


def _beside(exchange: Exchange) -> Beside:
    """What the request says beside its body."""
    path, kind = exchange.inbound.path, exchange.headers.get(b"content-type", b"")
    return Beside(path.model, path.stream, kind.decode("latin-1"))


def _is_answered(exchange: Exchange, decision: Decision) -> bool:
    """Whether the first provider of the chain can itself answer on this surface."""
    return how(decision.chain[0].offer, exchange.inbound.surface, stream=False) is not None


def _recorded(names: frozenset[str], headers: Mapping[bytes, bytes]) -> Mapping[str, str]:
    """Those of the caller's headers that rules and rows may see."""
    return {name: v.decode("latin-1") for name in names if (v := headers.get(name.encode())) is not None}


def _wishes(header: bytes, body: Wishes | None) -> Wishes | None:
    """`x-engine-provider: groq, cerebras` asks for these providers only, in this order; the body may narrow it."""
    names = tuple(name for part in header.decode("latin-1").split(",") if (name := part.strip()))
    if not names or body is None:
        return Wishes(order=names, only=names) if names else body
    unasked = tuple(name for name in names if body.only and name not in body.only)
    return Wishes(order=names, only=names, ignore=(*body.ignore, *unasked), allow_fallbacks=body.allow_fallbacks)


def _refused(refusal: Refusal) -> Refused:
    """The decision's refusal as the error that the caller gets."""
    place = refusal.place
    return Refused(
        refusal.message,
        status=refusal.status,
        code=refusal.code,
        type=refusal.type,
        retry_after_s=refusal.retry_after_s,
        retryable=refusal.retry_after_s is not None,
        rule=f"{place.file}:{place.line}" if place else None,
    )
