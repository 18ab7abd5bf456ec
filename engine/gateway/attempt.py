"""One attempt: sent, received, classed, paid for and written down. Relays a stream as it comes."""

from contextlib import suppress

import msgspec
from msgspec import structs

from engine import hub
from engine.errors import BadRequest, OutcomeKind, UpstreamFault, UpstreamFull, UpstreamTimeout
from engine.gateway.exchange import Exchange, Understood, milliseconds
from engine.gateway.ports import Admission, Answer, Call, Clock, LiveState, NoRoom, Sink, Upstream
from engine.gateway.reply import stream_head
from engine.pricing import Cost, cost, price_at
from engine.rules.edits import edited
from engine.rules.outcomes import sharpen
from engine.rules.plan import Ended, Full, Start
from engine.rules.program import Offer
from engine.values import NO_MEASURES, AttemptRecord, Headers, Measures, Outcome, Surface, Usage, UsageSource
from engine.wire.codecs import Answered, Spoken, content_type, spoken
from engine.wire.envelope import Encoded, estimated
from engine.wire.estimate import answer_tokens
from engine.wire.json_edit import Fields
from engine.wire.stream import AnswerStream

__all__ = ["Attempt", "asked_how", "how"]

ERROR_LIMIT_BYTES = 1 << 20
"""An error body is for people and a few codes; a mebibyte is a hundred times the largest recorded one."""
ERROR_PATIENCE_S = 2.0
"""For the whole body of an error. It comes with its head as a rule; the status alone says what to do next, and whoever
waits for the next target should not wait for a text."""
REPLY_LIMIT_BYTES = 64 << 20
"""A plain answer is held in memory to be read for usage; images in base64 are the largest that occur."""

DONE_PATIENCE_S = 0.25
"""After `[DONE]` only the end of the HTTP body is awaited, so that the connection can be used again."""

_OK = OutcomeKind.OK
"""Bound to a name of its own: looking a member up in its enum costs four times as much."""
OK = Outcome(kind=_OK, status=200, received=True)
HUNG_UP = Outcome(kind=OutcomeKind.CANCELLED)
NO_COST = Cost(pusd=None, list_pusd=None, price_id=None, problem="no usage: nothing was answered")


class Attempt(msgspec.Struct, kw_only=True):
    """What is known of one attempt while it runs. `perform` is its whole life."""

    exchange: Exchange
    asked: Understood
    start: Start
    offer: Offer
    """The candidate's, at hand because everything here needs it."""
    spoken: Spoken
    """How its provider is asked."""
    sink: Sink
    upstream: Upstream
    live: LiveState
    clock: Clock
    started_s: float = 0.0
    answer: Answer | None = None
    stream: AnswerStream | None = None
    usage: Usage | None = None
    measures: Measures = NO_MEASURES
    headers: Headers = ()
    """What the provider's protocol says beside the body."""
    detail: str = ""
    ttfb_ms: float | None = None
    sent_bytes: int = 0
    received_bytes: int = 0

    async def perform(self) -> Ended | Full:
        """How it ended, or that there was no room to begin. A caller who hangs up cancels it; it is settled first."""
        offer, exchange, call = self.offer, self.exchange, self._call()
        self.started_s = self.clock.monotonic()
        room = self.live.admit(offer, self.start.key_label, self.asked.facts.input_tokens, self.started_s)
        if isinstance(room, NoRoom):
            return Full(room.until_s)
        outcome: Outcome | None = HUNG_UP
        try:
            outcome = await self._exchange_bytes(call)
        except UpstreamFull:
            outcome = None
        except UpstreamFault as fault:
            self.detail = fault.detail
            outcome = Outcome(kind=self._kind(fault), received=fault.received)
        finally:
            if outcome is not None:
                self._settle(room, outcome)
        return self._withdrawn(room) if outcome is None else Ended(outcome, committed=exchange.committed)

    async def _exchange_bytes(self, call: Call) -> Outcome:
        """Send the request and receive the answer, whatever shape it has."""
        answer = self.answer = await self.upstream.send(call)
        self.ttfb_ms = milliseconds(self.clock.monotonic() - self.started_s)
        is_success = 200 <= answer.status < 300
        if is_success and (self.asked.envelope.stream or self.spoken.codec.raw):
            self.exchange.answer_type = content_type(answer.headers)
            return await self._relay(answer)
        body = await answer.read_all(REPLY_LIMIT_BYTES) if is_success else await self._error_body(answer)
        self.received_bytes = len(body)
        return self._collected(answer, body) if is_success else self._classed(answer, body)

    async def _error_body(self, answer: Answer) -> bytes:
        """As much of an error's body as comes in time, however it ends."""
        patience_s, began_s = ERROR_PATIENCE_S, self.clock.monotonic()
        if self.asked.envelope.stream:
            patience_s = min(patience_s, self._first_token_left_s())
        body = b""
        with suppress(UpstreamFault):
            while len(body) < ERROR_LIMIT_BYTES:
                data = await answer.read(max(0.0, patience_s - (self.clock.monotonic() - began_s)))
                if not data:
                    break
                body += data
        return body[:ERROR_LIMIT_BYTES]

    def _call(self) -> Call:
        """The attempt as it is sent: the request with every edit that this offer needs, in its provider's protocol."""
        offer, exchange, asked = self.offer, self.exchange, self.asked
        envelope, surface, provider = asked.envelope, exchange.inbound.surface, offer.provider
        translate = None if self.spoken.native else self._translate
        fields, dropped = edited(
            offer, self.start.candidate.edits, envelope.fields, asked.facts, asked.caller, translate
        )
        if dropped:
            self._report(dropped)
        codec = self.spoken.codec
        sent = codec.finished(envelope, fields, provider.dialect, offer.upstream_model)
        self.sent_bytes = len(sent.body)
        timeouts = provider.timeouts
        total_s = min(timeouts.total_s, self.start.left_s)
        return Call(
            offer=offer,
            key_label=self.start.key_label,
            surface=surface,
            path=self.spoken.path,
            stream=envelope.stream,
            body=sent.body,
            content_type=sent.content_type,
            headers=[*self.headers, *self._forwarded()] if self.headers or provider.forward_headers else (),
            head_timeout_s=min(timeouts.first_token_s, total_s) if envelope.stream else total_s,
            total_timeout_s=total_s,
        )

    def _forwarded(self) -> Headers:
        """Those of the caller's headers that may pass."""
        names = self.offer.provider.forward_headers
        return [header for header in self.exchange.inbound.headers if header[0].decode("latin-1") in names]

    def _translate(self, fields: Fields) -> Encoded:
        """The caller's *fields* in the provider's protocol. Raises BadRequest for what it cannot express."""
        offer = self.offer
        request = structs.replace(self.exchange.codec.decode_request(fields), model=offer.upstream_model)
        if isinstance(request, hub.Request):  # not every caller says in the body that a stream is wanted
            request = structs.replace(request, stream=self.asked.envelope.stream)
        codec = self.spoken.codec
        self.headers = codec.headers(request)
        return codec.encode_request(request, offer.max_output, offer.provider.dialect)

    def _report(self, dropped: tuple[str, ...]) -> None:
        """Remember what this offer cannot express; under `x-engine-strict: 1` refuse instead."""
        exchange = self.exchange
        exchange.dropped_params = tuple(sorted({*exchange.dropped_params, *dropped}))
        if exchange.asks(b"x-engine-strict"):
            names = ", ".join(repr(name) for name in dropped)
            raise BadRequest(
                f"{self.offer.id} does not take {names}; leave it out, or leave out x-engine-strict",
                code="unsupported_parameter",
                param=dropped[0],
            )

    def _classed(self, answer: Answer, body: bytes) -> Outcome:
        """What an answer that is not a success means."""
        outcome = self.spoken.codec.read_error(answer.status, answer.headers, body)
        return sharpen(self.offer.provider, outcome, body)

    def _collected(self, answer: Answer, body: bytes) -> Outcome:
        """A plain answer, kept to be sent once it is written down; an error may hide inside a 200."""
        exchange, envelope, spoken = self.exchange, self.asked.envelope, self.spoken
        if spoken.native:
            answered = spoken.codec.passed(body, envelope, answer.headers)
        else:
            answered = spoken.codec.read_reply_error(body) or self._translated(body)
        if isinstance(answered, Outcome):
            return sharpen(self.offer.provider, answered, body)
        exchange.tail, exchange.finish_reason = answered.body, answered.finish_reason
        exchange.answer_type = answered.content_type
        said = answer_tokens(len(body)) if exchange.codec.encoder else 0  # surfaces without streams answer no text
        self.usage, self.measures = answered.usage or estimated(envelope, said), answered.measures
        return OK

    def _translated(self, body: bytes) -> Answered:
        """A whole answer in the caller's protocol."""
        exchange, codec = self.exchange, self.spoken.codec
        reply = codec.decode_reply(body)
        finish_reason, usage = codec.summary(reply)
        named = structs.replace(reply, **self._named(getattr(reply, "id", None), reply.model))
        encoded = exchange.codec.encode_reply(named, self.asked.envelope, int(exchange.at.timestamp()))
        measures = getattr(reply, "measures", NO_MEASURES)
        return Answered(encoded, finish_reason=finish_reason, usage=usage, measures=measures)

    def _stream(self) -> AnswerStream:
        """The provider's stream on its way to the caller."""
        codec, envelope = self.spoken.codec, self.asked.envelope
        if self.spoken.native and not self.exchange.inbound.path.array:
            return codec.relayed(envelope)
        caller, now = self.exchange.codec, int(self.exchange.at.timestamp())
        assert caller.encoder is not None, "a stream on a surface without streams"
        return codec.translated(caller.encoder(envelope, now), hub.Opened(**self._named("", ""), created=now))

    def _named(self, reply_id: str | None, model: str) -> dict[str, str]:
        """Id and model of an answer, ours where the provider tells none; answers of some surfaces have no id."""
        named = {"model": model or self.offer.upstream_model}
        return named if reply_id is None else {"id": reply_id or self.exchange.inbound.request_id, **named}

    async def _relay(self, answer: Answer) -> Outcome:
        """A stream, passed on as it comes; nothing goes out before its first content.

        What arrives together with the end of the body is held, and leaves with the terminator in one write.
        """
        stream = self.stream = self._stream()
        while data := await self._next(answer, stream):
            self.received_bytes += len(data)
            out = stream.feed(data)
            if stream.started and not self.exchange.committed:
                await self._commit()
            is_last = answer.is_read
            if is_last:
                self.exchange.held = out
            elif out:
                await self.sink.send(out)
            if stream.error is not None:
                answer.abort()
                return sharpen(self.offer.provider, stream.error, stream.error.message.encode())
            if is_last:
                break
        self.exchange.tail = stream.close()
        if stream.error is not None:
            return sharpen(self.offer.provider, stream.error, stream.error.message.encode())
        self.exchange.finish_reason = stream.finish_reason
        self.usage = stream.usage or estimated(self.asked.envelope, stream.content_events)
        self.measures = stream.measures
        return OK

    async def _next(self, answer: Answer, stream: AnswerStream) -> bytes:
        """The next bytes; b"" if, after the stream's terminator, the provider does not end the body as it should."""
        try:
            return await answer.read(self._patience_s(stream))
        except UpstreamFault:
            if not stream.done:
                raise
            answer.abort()
            return b""

    def _patience_s(self, stream: AnswerStream) -> float:
        """How long the next bytes may take: what is left for the first content, or the pause between tokens."""
        timeouts = self.offer.provider.timeouts
        if stream.done:
            return DONE_PATIENCE_S
        if stream.started:
            return timeouts.between_tokens_s
        return self._first_token_left_s()

    def _first_token_left_s(self) -> float:
        return max(0.0, self.offer.provider.timeouts.first_token_s - (self.clock.monotonic() - self.started_s))

    async def _commit(self) -> None:
        """From here on no other target can take over."""
        exchange = self.exchange
        exchange.committed, exchange.answered = True, self.offer
        exchange.ttft_ms = milliseconds(self.clock.monotonic() - exchange.started_s)
        await self.sink.start(200, stream_head(exchange, self.start.n))

    def _kind(self, fault: UpstreamFault) -> OutcomeKind:
        """A pause before the first content is the first token's timeout, whichever read ran into it.

        A timeout set by the request's deadline is nobody's fault, and no breaker hears of it.
        """
        if isinstance(fault, UpstreamTimeout) and self.clock.monotonic() - self.started_s >= self.start.left_s:
            return OutcomeKind.DEADLINE
        waiting = self.stream is not None and not self.stream.started
        if waiting and isinstance(fault, UpstreamTimeout) and fault.kind is OutcomeKind.TIMEOUT_BETWEEN_TOKENS:
            return OutcomeKind.TIMEOUT_FIRST_TOKEN
        return fault.kind

    def _withdrawn(self, room: Admission) -> Full:
        """As if it had not been tried: nothing was sent, so no row is written and nobody learns anything from it.

        When a connection comes free is not known; as long again as it was waited for in vain is the best guess.
        """
        now_s = self.clock.monotonic()
        self.live.settle(room, HUNG_UP, None, now_s)
        return Full(now_s + (now_s - self.started_s))

    def _settle(self, room: Admission, outcome: Outcome) -> None:
        """Close what is open, give the room back, price what was used, write the attempt down."""
        if self.answer is not None and outcome.kind is not _OK:
            self.answer.abort()
        if self.usage is None and self.stream is not None and self.stream.content_events:
            self.usage = self.stream.usage or estimated(
                self.asked.envelope, self.stream.content_events, source=UsageSource.PARTIAL
            )
            self.measures = self.stream.measures
        now_s = self.clock.monotonic()
        self.live.settle(room, outcome, self.usage, now_s)
        paid, exchange = self._cost(), self.exchange
        counted = None if self.measures == NO_MEASURES else self.measures
        if outcome.kind is _OK or exchange.committed:
            exchange.answered, exchange.usage, exchange.measures = self.offer, self.usage, counted
            exchange.cost_pusd, exchange.cost_problem, exchange.price_id = paid.pusd, paid.problem, paid.price_id
        exchange.attempts.append(self._record(outcome, paid, counted, now_s))

    def _cost(self) -> Cost:
        """What the attempt costs us, by the price in force when the request arrived."""
        if self.usage is None:
            return NO_COST
        offer = self.offer
        price = price_at(offer.prices, self.exchange.at)
        if price is None:
            return Cost(pusd=None, list_pusd=None, price_id=None, problem=f"no price for {offer.id} at that time")
        return cost(self.usage, price, offer.provider.discount, self.measures)

    def _record(self, outcome: Outcome, paid: Cost, counted: Measures | None, now_s: float) -> AttemptRecord:
        offer, answer, start = self.offer, self.answer, self.start
        failed = outcome.kind is not _OK
        return AttemptRecord(  # by position: `Facts` says why
            start.n,
            start.role,
            start.reason,
            offer.provider.id,
            offer.model,
            offer.upstream_model,
            answer.address if answer else "",
            start.key_label,
            _upstream_request_id(answer.headers) if answer else "",
            milliseconds(self.started_s - self.exchange.started_s),
            answer.connect_ms if answer else None,
            self.ttfb_ms,
            milliseconds(now_s - self.started_s),
            answer.status if answer else None,
            outcome.kind if failed else None,
            self.detail or (outcome.message if failed else ""),
            self.sent_bytes,
            self.received_bytes,
            self.usage,
            paid.price_id,
            paid.list_pusd,
            paid.pusd,
            paid.problem,
            counted,
        )


def how(offer: Offer, surface: Surface, *, stream: bool) -> Spoken | None:
    """How the offer's provider is asked; None when it cannot be asked on that surface."""
    return spoken(surface, offer.provider.manner, model=offer.upstream_model, stream=stream)


def asked_how(offer: Offer, surface: Surface, *, stream: bool) -> Spoken:
    """As `how`.

    Raises:
        BadRequest: it cannot be asked on that surface.
    """
    found = spoken(surface, offer.provider.manner, model=offer.upstream_model, stream=stream)
    if found is None:
        raise BadRequest(f"{offer.id} is not served on this endpoint", code="surface_not_supported", param="model")
    return found


def _upstream_request_id(headers: Headers) -> str:
    """The provider's own id of the exchange, for its support desk; empty when it sent none."""
    for name, value in headers:
        if name in {b"x-request-id", b"request-id"}:
            return value.decode("latin-1")[:128]
    return ""
