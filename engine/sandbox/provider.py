"""The sandbox as an upstream: plays scripts in process, with the clock it is given."""

from collections.abc import Sequence

from engine.errors import BadRequest, OutcomeKind, UpstreamMalformed, UpstreamReset, UpstreamTimeout
from engine.gateway.ports import Call, Clock
from engine.sandbox.faults import HEADER, FaultCounts
from engine.sandbox.script import Ending, Script, Step, refusal, script
from engine.values import Headers

__all__ = ["Sandbox", "SandboxAnswer", "Scripts"]

ADDRESS = "sandbox:0"
"""In place of the host:port that other upstreams dial."""


class Scripts:
    """Requests → scripts. Remembers only how often each caller has met its faults."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts = FaultCounts()

    def script(self, path: str, body: bytes, headers: Headers) -> Script:
        """What happens to a request at *path* with these headers, and counts the faults it meets."""
        named = dict(headers)
        caller = (named.get(b"authorization", b"") + b" " + named.get(b"x-api-key", b"")).decode("latin-1")
        text = named.get(HEADER, b"").decode("latin-1")
        try:
            faults = self._counts.due(caller, text) if text else ()
        except BadRequest as fault:
            return refusal(400, fault.reason, fault.message, param=fault.param)
        return script(path, body, faults, int(self._clock.now().timestamp()))


class Sandbox:
    """`gateway.Upstream` without a network. Faults reach it through the provider's `forward_headers`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._scripts = Scripts(clock)

    async def send(self, call: Call) -> "SandboxAnswer":
        """The head of the scripted answer.

        Raises:
            UpstreamTimeout: the script's pause before the head is longer than *call* allows.
            UpstreamReset: the script ends before its head.
        """
        body = call.body if isinstance(call.body, bytes) else b""  # nothing here takes a form
        played = self._scripts.script(call.path, body, call.headers)
        answer = SandboxAnswer(played, self._clock, call.total_timeout_s)
        if played.head_pause_s > call.head_timeout_s:
            await self._clock.sleep(call.head_timeout_s)
            kind = OutcomeKind.TIMEOUT_FIRST_TOKEN if played.stream else OutcomeKind.TIMEOUT_TOTAL
            raise UpstreamTimeout("no answer in time", kind=kind)
        await _pause(self._clock, played.head_pause_s)
        if played.headless:
            raise UpstreamReset("the sandbox was asked to break off")
        return answer


class SandboxAnswer:
    """`gateway.Answer`: the steps of a script, one a read."""

    def __init__(self, played: Script, clock: Clock, total_timeout_s: float) -> None:
        self.status = played.status
        self.headers: Headers = played.headers
        self.address = ADDRESS
        self.connect_ms: float | None = None
        self._steps: Sequence[Step] = played.steps
        self._ending = played.ending
        self._clock = clock
        self._ends_at_s = clock.monotonic() + total_timeout_s
        self._next = 0

    @property
    def is_read(self) -> bool:
        """Whether every step has been played, and a clean end is all that follows."""
        return self._next == len(self._steps) and self._ending is Ending.END

    async def read(self, timeout_s: float) -> bytes:
        """The next step's bytes, after its pause; b"" at the end. Raises as `gateway.Answer.read` says."""
        if self._next == len(self._steps):
            return await self._end(timeout_s)
        step = self._steps[self._next]
        await self._wait(step.pause_s, timeout_s)
        self._next += 1
        return step.data

    async def read_all(self, limit_bytes: int) -> bytes:
        """The rest of the steps, joined."""
        parts: list[bytes] = []
        size = 0
        while data := await self.read(self._ends_at_s - self._clock.monotonic()):
            parts.append(data)
            size += len(data)
            if size > limit_bytes:
                raise UpstreamMalformed(f"an answer of more than {limit_bytes} bytes", received=True)
        return b"".join(parts)

    def abort(self) -> None:
        """Say nothing more."""
        self._next = len(self._steps)
        self._ending = Ending.END

    async def _end(self, timeout_s: float) -> bytes:
        if self._ending is Ending.RESET:
            raise UpstreamReset("the sandbox was asked to break off", received=True)
        if self._ending is Ending.STALL:
            await self._wait(float("inf"), timeout_s)
        return b""

    async def _wait(self, pause_s: float, timeout_s: float) -> None:
        """Pause; raises UpstreamTimeout at the end of *timeout_s* or of the total, whichever is sooner."""
        left_s = self._ends_at_s - self._clock.monotonic()
        if pause_s <= min(timeout_s, left_s):
            await _pause(self._clock, pause_s)
            return
        await _pause(self._clock, max(0.0, min(timeout_s, left_s)))
        kind = OutcomeKind.TIMEOUT_BETWEEN_TOKENS if timeout_s < left_s else OutcomeKind.TIMEOUT_TOTAL
        raise UpstreamTimeout("the sandbox went silent", kind=kind, received=True)


async def _pause(clock: Clock, seconds: float) -> None:
    if seconds > 0:
        await clock.sleep(seconds)
