"""What supervisor and workers say to each other: messages, and their framing on a stream socket.

A frame is four bytes of length (big-endian) and a MessagePack message that names its own kind. Times of tokens are
seconds of CLOCK_MONOTONIC, which is one clock for all processes of a host.
"""

from typing import Final

import msgspec

from engine.errors import Bug
from engine.live.current import Status
from engine.values import AccessToken, TokenStanding

__all__ = [
    "Drain",
    "FrameDecoder",
    "Message",
    "Part",
    "Reload",
    "Reloaded",
    "Report",
    "Swap",
    "SwapFailed",
    "Swapped",
    "TokenAsk",
    "TokenFailed",
    "TokenFetched",
    "TokenLease",
    "TokenLeave",
    "TokenTold",
    "TokenWord",
    "encode",
]

LENGTH_BYTES = 4
MAX_FRAME_BYTES: Final = 64 * 1024 * 1024
"""Far above the largest part seen (a provider of 1,000 models dumps to about 1 MB): a larger length is misread."""


class Part(msgspec.Struct, frozen=True, tag=True):
    """To a worker: one dumped part of a configuration, in force from the next `Swap` that lists it."""

    name: str
    """`root`, or `provider/<id>`."""
    data: bytes
    """As `snapshot.dump` made it."""
    slots: dict[str, int]
    """Where the board keeps the state of what this part names."""


class Swap(msgspec.Struct, frozen=True, tag=True):
    """To a worker: serve the configuration made of these parts. Answered by `Swapped` or `SwapFailed`."""

    seq: int
    names: tuple[str, ...]
    """The root first, then every provider; parts that are not listed are dropped."""
    status: Status


class Report(msgspec.Struct, frozen=True, tag=True):
    """To a worker: the files were read and nothing new is served; this is why."""

    status: Status


class Reloaded(msgspec.Struct, frozen=True, tag=True):
    """To a worker: what became of the `Reload` it asked for."""

    ask: int
    status: Status


class Drain(msgspec.Struct, frozen=True, tag=True):
    """To a worker: accept nothing more, finish what runs, end."""


class Swapped(msgspec.Struct, frozen=True, tag=True):
    """From a worker: it serves the configuration of that `Swap` now. The first one means that it is ready."""

    seq: int


class SwapFailed(msgspec.Struct, frozen=True, tag=True):
    """From a worker: it could not, and still serves what it served before."""

    seq: int
    why: str


class Reload(msgspec.Struct, frozen=True, tag=True):
    """From a worker: someone with the permission asks for the files to be read again."""

    ask: int


class TokenTold(msgspec.Struct, frozen=True, tag=True):
    """To a worker that uses the account: what is known of its token now."""

    account: str
    """A digest of everything that the token depends on, secrets included; it gives none of them away."""
    ask: int
    """Number of the worker's latest `TokenAsk` that had arrived."""
    standing: TokenStanding


class TokenLease(msgspec.Struct, frozen=True, tag=True):
    """To a worker: it alone fetches the account's token. Answered by `TokenFetched` or `TokenFailed`."""

    account: str
    ask: int
    """Number of the `TokenAsk` that it answers."""


class TokenAsk(msgspec.Struct, frozen=True, tag=True):
    """From a worker: it uses the account. Answered with a newer standing as soon as one exists, or with a lease.

    Asking gives up any lease held: a worker that asks is not fetching.
    """

    account: str
    seen: int
    """The version of the standing that it has; 0 when it has none."""
    ask: int
    """Numbers the worker's asks: an answer to any but the latest is ignored."""


class TokenFetched(msgspec.Struct, frozen=True, tag=True):
    """From a worker that has the lease: the token."""

    account: str
    ask: int
    token: AccessToken


class TokenFailed(msgspec.Struct, frozen=True, tag=True):
    """From a worker that has the lease: there is no token, and this is why."""

    account: str
    ask: int
    detail: str


class TokenLeave(msgspec.Struct, frozen=True, tag=True):
    """From a worker: it does not use the account any more."""

    account: str


TokenWord = TokenAsk | TokenFetched | TokenFailed | TokenLeave
"""What a worker says about tokens."""
Message = Part | Swap | Report | Reloaded | Drain | Swapped | SwapFailed | Reload | TokenTold | TokenLease | TokenWord

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def encode(message: Message) -> bytes:
    """The frame that carries *message*."""
    body = _encoder.encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


class FrameDecoder:
    """Bytes in, whole messages out, however the bytes were cut. Holds at most one frame."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages finished by *data*, in order; maybe none.

        Raises:
            Bug: bytes that this program does not write; the stream cannot be used any more.
        """
        self._held += data
        messages: list[Message] = []
        while (frame := self._take()) is not None:
            messages.append(_decode(frame))
        return messages

    def _take(self) -> bytes | None:
        """The body of the first whole frame, removed from what is held; None while it is not whole."""
        if len(self._held) < LENGTH_BYTES:
            return None
        end = LENGTH_BYTES + int.from_bytes(self._held[:LENGTH_BYTES], "big")
        if end > MAX_FRAME_BYTES:
            raise Bug(f"a control frame of {end} bytes")
        if len(self._held) < end:
            return None
        frame = bytes(memoryview(self._held)[LENGTH_BYTES:end])
        del self._held[:end]
        return frame


def _decode(frame: bytes) -> Message:
    """The message in *frame*."""
    try:
        return _decoder.decode(frame)
    except msgspec.DecodeError as exc:
        raise Bug("a control frame that is no message") from exc
