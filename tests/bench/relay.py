"""The bare byte relay that figures are put beside: two sockets and no thought. `python relay.py PORT UPSTREAM_PORT`.

It neither parses nor counts nor keeps a pool, so it is a floor for anything that Python and uvloop can do with a
connection. One connection to the upstream for each that is accepted.
"""

import asyncio
import sys

import uvloop


class End(asyncio.Protocol):
    """One end of a pair of connections; what it receives leaves through the other."""

    def __init__(self, upstream_port: int) -> None:
        self.upstream_port = upstream_port
        self.transport: asyncio.Transport
        self.other: asyncio.Transport | None = None
        self.held = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # what loops call it with
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self.held += data
        else:
            self.other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None:
            self.other.close()


class Accepted(End):
    """The caller's end: dials the upstream as soon as it exists."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # what loops call it with
        super().connection_made(transport)
        self.task = asyncio.get_running_loop().create_task(self.dial())

    async def dial(self) -> None:
        loop = asyncio.get_running_loop()
        _, dialled = await loop.create_connection(lambda: End(self.upstream_port), "127.0.0.1", self.upstream_port)
        self.other, dialled.other = dialled.transport, self.transport
        self.other.write(self.held)


async def main(port: int, upstream_port: int) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Accepted(upstream_port), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
