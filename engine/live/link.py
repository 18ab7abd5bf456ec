"""A worker's end of the control socket: takes parts, swaps the snapshot, asks for reloads, hears when to end."""

import asyncio
import gc
import socket
from collections.abc import Callable, Generator
from itertools import count
from typing import TypeVar

from engine.errors import Bug
from engine.live.control import (
    Drain,
    FrameDecoder,
    Message,
    Part,
    Reload,
    Reloaded,
    Report,
    Swap,
    SwapFailed,
    Swapped,
    TokenLease,
    TokenTold,
    encode,
)
from engine.live.current import Current, Status
from engine.live.state import BoardState
from engine.live.token_link import TokenLink
from engine.snapshot import Parts, ProviderPart, RootPart, Snapshot, assemble_steps, load_steps

__all__ = ["Link"]

READ_BYTES = 256 * 1024
ROOT = "root"

T = TypeVar("T")


class Link:
    """The supervisor as a worker sees it.

    *swapped* is called after each change of the snapshot, so that what belongs to the old one can be let go:
    connections to providers that are gone, credentials that may have changed.
    """

    def __init__(self, control: socket.socket, state: BoardState, swapped: Callable[[Snapshot], None]) -> None:
        self._control = control
        self._state = state
        self._swapped = swapped
        self._parts: dict[str, RootPart | ProviderPart] = {}
        self._decoder = FrameDecoder()
        self._messages: list[Message] = []
        self._asks = count(1)
        self._answers: dict[int, asyncio.Future[Status]] = {}
        self._first = 0
        self.tokens = TokenLink(self._send)
        """The broker of access tokens; must not be asked before `connect` has returned."""
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self.current: Current
        """Set once `connect` has returned."""

    async def connect(self) -> Current | None:
        """Take the first configuration; None if the supervisor went away before it came. `run` reports it as served."""
        self._reader, self._writer = await asyncio.open_connection(sock=self._control)
        while (message := await self._next()) is not None:
            if isinstance(message, Swap):
                self.current = Current(await self._assembled(message), message.status)
                self._install(message)
                self._first = message.seq
                return self.current
            await self._keep(message)
        return None

    async def run(self, over: asyncio.Event) -> None:
        """Follow the supervisor until it goes away: a worker must not go on without one.

        Sets *over* on `Drain`, and keeps following: draining requests may still need new tokens.
        """
        self._send(Swapped(self._first))
        while (message := await self._next()) is not None:
            match message:
                case Swap():
                    await self._swap(message)
                case Report():
                    self.current.status = message.status
                case Reloaded():
                    self._answer(message)
                case TokenTold() | TokenLease():
                    self.tokens.take(message)
                case Drain():
                    over.set()
                case _:
                    await self._keep(message)

    async def reload(self) -> Status:
        """Have the supervisor read the files again; what came of it, once this worker serves it."""
        ask = next(self._asks)
        answer: asyncio.Future[Status] = asyncio.get_running_loop().create_future()
        self._answers[ask] = answer
        self._send(Reload(ask))
        return await answer

    async def _next(self) -> Message | None:
        """The next message; None when the supervisor is gone."""
        while not self._messages:
            try:
                data = await self._reader.read(READ_BYTES)
            except ConnectionError:
                return None
            if not data:
                return None
            self._messages = self._decoder.feed(data)
        # Between two parts the loop serves requests.
        await asyncio.sleep(0)
        return self._messages.pop(0)

    async def _keep(self, message: Message) -> None:
        """Hold a part until the swap that lists it."""
        if not isinstance(message, Part):
            raise Bug(f"a worker was sent {type(message).__name__}")
        part = await _run(load_steps(message.data))
        self._parts[message.name] = part
        if isinstance(part, ProviderPart):
            self._state.adopt(part, message.slots)
        else:
            self._state.adopt_root(message.slots)

    async def _swap(self, swap: Swap) -> None:
        """Serve what *swap* lists, or say why not and go on serving as before."""
        try:
            snapshot = await self._assembled(swap)
        except (Bug, LookupError, TypeError, ValueError) as exc:
            self._send(SwapFailed(swap.seq, f"{type(exc).__name__}: {exc}"))
            return
        self.current.snapshot = snapshot
        self.current.status = swap.status
        self._install(swap)
        self._send(Swapped(swap.seq))

    async def _assembled(self, swap: Swap) -> Snapshot:
        """The snapshot that the parts make."""
        root = self._parts[ROOT]
        providers = [self._parts[name] for name in swap.names if name != ROOT]
        if not isinstance(root, RootPart):
            raise Bug("the root part is a provider's")
        parts = Parts(root=root, providers=tuple(part for part in providers if isinstance(part, ProviderPart)))
        return await _run(assemble_steps(parts, swap.status.git_rev))

    def _install(self, swap: Swap) -> None:
        """Finish a swap: forget what is gone, and take the snapshot out of the garbage collector's sight."""
        for name in self._parts.keys() - set(swap.names):
            part = self._parts.pop(name)
            if isinstance(part, ProviderPart):
                self._state.drop(part.provider.id)
        # Hundreds of thousands of objects that live until the next swap need not be walked by each collection.
        gc.freeze()
        self._swapped(self.current.snapshot)

    def _answer(self, message: Reloaded) -> None:
        self.current.status = message.status
        answer = self._answers.pop(message.ask, None)
        if answer is not None and not answer.done():
            answer.set_result(message.status)

    def _send(self, message: Message) -> None:
        """Queue a message; it is lost if the supervisor has gone."""
        if not self._writer.is_closing():
            self._writer.write(encode(message))


async def _run(steps: Generator[None, None, T]) -> T:
    """Run a generator to its end, in turns of less than a millisecond, so that requests are served between them.

    The garbage collector is off meanwhile: everything made here stays, so it would walk it all and free nothing.
    """
    gc.disable()
    try:
        while True:
            try:
                next(steps)
            except StopIteration as done:
                made: T = done.value
                return made
            await asyncio.sleep(0)
    finally:
        gc.enable()
