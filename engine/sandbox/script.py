"""What the sandbox will do, decided beforehand: head, pauses, bytes, and how it ends. Pure; others perform it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from itertools import chain
from typing import Any, Final

import msgspec

from engine.errors import BadRequest
from engine.sandbox.answer import ChatAnswer, answer
from engine.sandbox.embeddings import embeddings
from engine.sandbox.faults import Fault, FaultKind
from engine.sandbox.images import images
from engine.wire.embeddings.envelope import read_envelope as read_embeddings
from engine.wire.envelope import Envelope
from engine.wire.images.envelope import read_envelope as read_images
from engine.wire.openai_chat.envelope import read_envelope as read_chat
from engine.wire.openai_chat.error import error_body, error_event
from engine.wire.told import Told

__all__ = ["MODELS", "PATHS", "Ending", "Script", "Step", "refusal", "script"]

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a model talks."""

    first_token_s: float
    token_s: float
    """Mean pause between tokens; each is up to a third shorter or longer, by a hash of the request."""


MODELS = {
    "echo": Pace(0.15, 1 / 80),  # a small hosted model: 150 ms to the first token, 80 tokens a second
    "slow": Pace(1.0, 1 / 15),  # a large one under load
    "instant": Pace(0.0, 0.0),
    "embedding": Pace(0.05, 0.0),
    "image": Pace(1.0, 0.0),  # a tenth of what hosted models take, so that nobody waits for stripes
}
"""The sandbox's models. Those for chats all give the same answers."""

JITTER = 1 / 3

RETRY_AFTER_S = 1


class Ending(StrEnum):
    """What follows the last step."""

    END = "end"
    RESET = "reset"
    STALL = "stall"


@dataclass(frozen=True, slots=True)
class Step:
    """A pause, then bytes."""

    pause_s: float
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One answer, to be played."""

    status: int
    headers: Headers
    stream: bool = False
    head_pause_s: float = 0.0
    """Before the status line."""
    steps: tuple[Step, ...]
    ending: Ending = Ending.END

    @property
    def headless(self) -> bool:
        """The connection ends before anything was said."""
        return self.ending is Ending.RESET and not self.steps


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """A path that is asked."""

    models: tuple[str, ...]
    read: Callable[[bytes], Envelope]
    answering: Callable[[Envelope, bytes, int], Script]


def script(path: str, body: bytes, faults: Sequence[Fault], created: int) -> Script:
    """What happens to a request at *path*, one of `PATHS` or another.

    *created* is the answer's Unix time, the only thing that differs between runs.
    """
    endpoint = _ENDPOINTS.get(path)
    if endpoint is None:
        return refusal(404, "not_found", f"the sandbox answers at {', '.join(PATHS)}, not at {path[:200]}")
    try:
        request = endpoint.read(body)
        if request.model not in endpoint.models:
            return _unknown(request.model, endpoint.models)
        played = endpoint.answering(request, body, created)
    except BadRequest as wrong:
        return refusal(400, wrong.reason, wrong.message, param=wrong.param)
    except (msgspec.ValidationError, RecursionError):  # in what the reader leaves unread: tools, response_format
        return refusal(400, "invalid_value", "the request holds a number too large, or is nested too deeply")
    for fault in faults:
        played = _broken(played, fault)
    return played


def _unknown(model: str, known: Sequence[str]) -> Script:
    message = f"the model {model[:100]!r} does not exist here; known are {', '.join(known)}"
    return refusal(404, "model_not_found", message)


def refusal(status: int, code: str, message: str, *, param: str | None = None) -> Script:
    """An error in OpenAI's shape."""
    kind = "invalid_request_error" if status < 500 else "api_error"
    body = error_body(Told(status=status, type=kind, code=code, message=message, param=param, request_id="sandbox"))
    headers = _json_head(body)
    if status == 429:
        headers = (*headers, (b"retry-after", b"%d" % RETRY_AFTER_S))
    return Script(status=status, headers=headers, steps=(Step(0.0, body),))


def _failing(status: int) -> Script:
    codes = {401: "invalid_api_key", 402: "insufficient_quota", 404: "model_not_found", 429: "rate_limit_exceeded"}
    code = codes.get(status, "server_error" if status >= 500 else "sandbox_fault")
    return refusal(status, code, f"the sandbox was asked to answer {status}")


def _broken(played: Script, fault: Fault) -> Script:
    """*played* with a fault."""
    match fault.kind:
        case FaultKind.SLOW:
            return replace(played, head_pause_s=played.head_pause_s + fault.after_s)
        case FaultKind.STATUS:
            return replace(_failing(fault.status), stream=played.stream, head_pause_s=played.head_pause_s)
        case FaultKind.MALFORMED:
            oops = b'data: {"choices": [oops\n\n' if played.stream else b'{"choices": [oops'
            return replace(played, steps=(Step(0.0, oops),), headers=played.headers[:1])
        case FaultKind.ERROR:
            oops = error_event(_OOPS) if played.stream else error_body(_OOPS)
            return replace(played, steps=(*_first(played, fault), Step(0.0, oops)), headers=played.headers[:1])
        case FaultKind.RESET:
            return replace(played, steps=_first(played, fault), ending=Ending.RESET)
        case FaultKind.STALL:
            return replace(played, steps=_first(played, fault), ending=Ending.STALL)


def _first(played: Script, fault: Fault) -> tuple[Step, ...]:
    """The steps before the fault. A whole answer is one chunk, of which half is sent if any is."""
    if played.stream or not fault.after_chunks:
        return played.steps[: fault.after_chunks]
    return tuple(Step(step.pause_s, step.data[: len(step.data) // 2]) for step in played.steps)


_OOPS = Told(
    status=500,
    type="api_error",
    code="server_error",
    message="the sandbox was asked to fail after it had begun",
    request_id="sandbox",
)


def _json_head(body: bytes) -> Headers:
    return ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)))


def _chat(request: Envelope, body: bytes, created: int) -> Script:
    return _streamed(request, body, created) if request.stream else _whole(request, body, created)


def _whole(request: Envelope, body: bytes, created: int) -> Script:
    said = answer(request, body)
    message: dict[str, Any] = {"role": "assistant", "content": None if said.tool_call else said.text, "refusal": None}
    if said.tool_call:
        message["tool_calls"] = [_call(said)]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": said.finish_reason}
    completion = _head(said, "chat.completion", created) | {"choices": [choice], "usage": _usage(said)}
    thinking_s = sum(_pauses(request, body, said.completion_tokens))
    return _in_one_piece(request, msgspec.json.encode(completion), thinking_s)


def _in_one_piece(request: Envelope, data: bytes, pause_s: float = 0.0) -> Script:
    """An answer of JSON; *pause_s* is what it takes longer than the model's first token."""
    head_pause_s = MODELS[request.model].first_token_s + pause_s
    return Script(status=200, headers=_json_head(data), head_pause_s=head_pause_s, steps=(Step(0.0, data),))


def _streamed(request: Envelope, body: bytes, created: int) -> Script:
    said = answer(request, body)
    head = _head(said, "chat.completion.chunk", created)
    extra: dict[str, Any] = {"usage": None} if request.asks_usage else {}

    def event(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return _event(head | {"choices": [choice]} | extra)

    deltas = chain([{"role": "assistant", "content": "", "refusal": None}], _deltas(said))
    datas = [event(delta) for delta in deltas]
    steps = [Step(pause_s, data) for pause_s, data in zip(chain([0.0], _pauses(request, body)), datas, strict=False)]
    steps.append(Step(0.0, event({}, said.finish_reason)))
    if request.asks_usage:
        steps.append(Step(0.0, _event(head | {"choices": [], "usage": _usage(said)})))
    steps.append(Step(0.0, b"data: [DONE]\n\n"))
    headers = ((b"content-type", b"text/event-stream; charset=utf-8"),)
    first_s = MODELS[request.model].first_token_s
    return Script(status=200, headers=headers, stream=True, head_pause_s=first_s, steps=tuple(steps))


def _head(said: ChatAnswer, kind: str, created: int) -> dict[str, Any]:
    return {"id": said.id, "object": kind, "created": created, "model": said.model, "system_fingerprint": "sandbox"}


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"


def _deltas(said: ChatAnswer) -> Iterator[dict[str, Any]]:
    """What comes after the role: a piece of text each, or the call's head and its arguments in two halves."""
    if said.tool_call is None:
        yield from ({"content": piece} for piece in said.pieces)
        return
    arguments = said.tool_call.arguments
    middle = len(arguments) // 2
    yield {"tool_calls": [{"index": 0} | _call(said) | {"function": {"name": said.tool_call.name, "arguments": ""}}]}
    for part in (arguments[:middle], arguments[middle:]):
        yield {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}


def _call(said: ChatAnswer) -> dict[str, Any]:
    assert said.tool_call is not None
    function = {"name": said.tool_call.name, "arguments": said.tool_call.arguments}
    return {"id": said.tool_call.id, "type": "function", "function": function}


def _usage(said: ChatAnswer) -> dict[str, Any]:
    return {
        "prompt_tokens": said.prompt_tokens,
        "completion_tokens": said.completion_tokens,
        "total_tokens": said.prompt_tokens + said.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _pauses(request: Envelope, body: bytes, count: int | None = None) -> Iterator[float]:
    """Pauses between tokens, without end if *count* is None; derived from the request, so that runs are alike."""
    mean_s = MODELS[request.model].token_s
    shares = sha256(body).digest()
    n = 0
    while count is None or n < count:
        yield mean_s * (1 + JITTER * (shares[n % len(shares)] / 127.5 - 1))
        n += 1


_ENDPOINTS: Final[Mapping[str, _Endpoint]] = {
    "/chat/completions": _Endpoint(("echo", "slow", "instant"), read_chat, _chat),
    "/embeddings": _Endpoint(
        ("embedding",), read_embeddings, lambda request, _body, _created: _in_one_piece(request, embeddings(request))
    ),
    "/images/generations": _Endpoint(
        ("image",), read_images, lambda request, _body, created: _in_one_piece(request, images(request, created))
    ),
}

PATHS: Final = tuple(_ENDPOINTS)
"""Where the sandbox is asked, below its base URL."""
