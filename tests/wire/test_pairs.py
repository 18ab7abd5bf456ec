"""Every caller's protocol in front of every provider's, one feature at a time.

`pairs/<feature>.yaml` has what callers send (`requests`, by surface) and what providers answer (`answers`, by
protocol), in the shapes that their documentation shows; a feature without requests is asked for by those of
`text.yaml`, from its `surfaces`. A stream is one event a line, which gets its frame here. What reaches the provider,
what is dropped, and the caller's answer and stream are golden, `pairs/<surface>-<protocol>/<feature>.txt`. Adding a
case is adding a file.
"""

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import yaml
from msgspec.structs import replace

from engine import hub
from engine.errors import BadRequest
from engine.rules.outcomes import caller_error
from engine.values import Outcome, Surface
from engine.wire.bedrock.encoder import frame
from engine.wire.codecs import Beside, Spoken, caller_codec, spoken
from engine.wire.dialect import OPENAI
from engine.wire.envelope import Envelope
from engine.wire.fold import fold
from engine.wire.json_edit import Fields
from engine.wire.manner import Manner
from engine.wire.stream import AnswerStream, Decoder
from engine.wire.told import Told

PAIRS = Path(__file__).parent / "pairs"
MODELS = {
    "openai": "gpt-4o-2024-08-06",
    "openai-responses": "gpt-5-2025-08-07",
    "anthropic": "claude-sonnet-4-5-20250929",
    "gemini": "gemini-2.5-flash",
    "bedrock": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "cohere": "command-a-03-2025",
    "ollama": "qwen3:8b",
}
"""The model that each provider is asked for."""
NOW = 1764000000
WIDTH = 118
Golden = Callable[[Path, str], None]


class Answer(NamedTuple):
    """What a provider answers."""

    status: int
    headers: list[tuple[bytes, bytes]]
    whole: bytes | None
    stream: bytes | None


@cache
def feature(name: str) -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load((PAIRS / f"{name}.yaml").read_text())
    return value


FEATURES = sorted(path.stem for path in PAIRS.glob("*.yaml"))


def surfaces(name: str) -> list[str]:
    said = feature(name)
    return list(said.get("surfaces") or said["requests"])


def protocols(name: str) -> list[str]:
    """Those that answer; of a feature that is only about requests, all."""
    return list(feature(name).get("answers") or MODELS)


CASES = [(s, p, name) for name in FEATURES for s in surfaces(name) for p in protocols(name)]
ANSWERED = [case for case in CASES if "answers" in feature(case[2])]
STREAMED = [case for case in ANSWERED if "stream" in feature(case[2])["answers"][case[1]]]


def framed(protocol: str, lines: list[str]) -> bytes:
    """The stream with those events."""
    match protocol:
        case "openai" | "gemini":
            return "".join(f"data: {line}\n\n" for line in lines).encode()
        case "ollama":
            return "".join(f"{line}\n" for line in lines).encode()
        case "bedrock":
            return b"".join(_frame(msgspec.json.decode(line)) for line in lines)
        case _:
            return "".join(_event(line) for line in lines).encode()


def _event(line: str) -> str:
    name = "" if line == "[DONE]" else f"event: {msgspec.json.decode(line)['type']}\n"
    return f"{name}data: {line}\n\n"


def _frame(event: dict[str, Any]) -> bytes:
    """`{event: payload}`, or `{"exception:name": payload}`."""
    [(name, payload)] = event.items()
    kind, _, word = name.rpartition(":")
    return frame(word, payload, message_type=kind or "event")


def answer(protocol: str, name: str) -> Answer:
    said = feature(name)["answers"][protocol]
    lines = said["stream"].splitlines() if "stream" in said else None
    return Answer(
        said.get("status", 200),
        [(key.encode(), value.encode()) for key, value in said.get("headers", {}).items()],
        said["whole"].encode() if "whole" in said else None,
        None if lines is None else framed(protocol, lines),
    )


def asked(surface: Surface, name: str, *, stream: bool) -> Envelope:
    """The caller's request as it is read."""
    body = msgspec.json.decode((feature(name).get("requests") or feature("text")["requests"])[surface])
    if stream and surface is not Surface.GENERATE:
        body["stream"] = True
        if surface in {Surface.CHAT, Surface.COMPLETIONS}:
            body["stream_options"] = {"include_usage": True}
    return caller_codec(surface).read(msgspec.json.encode(body), Beside(model="m", stream=stream))


class Sent(NamedTuple):
    """What a provider gets."""

    path: str
    body: dict[str, Any]
    dropped: tuple[str, ...]


def spoken_to(surface: Surface, protocol: str, *, stream: bool) -> Spoken:
    to = spoken(surface, Manner(protocol=protocol), model=MODELS[protocol], stream=stream)
    assert to is not None
    return to


def sent(surface: Surface, protocol: str, name: str, *, stream: bool) -> Sent:
    """As `Attempt` writes it. Raises BadRequest for what the provider's protocol cannot say."""
    envelope, to = asked(surface, name, stream=stream), spoken_to(surface, protocol, stream=stream)
    fields: Fields = envelope.fields
    dropped: tuple[str, ...] = ()
    if not to.native:
        request = replace(caller_codec(surface).decode_request(fields), model=MODELS[protocol])
        fields, dropped = to.codec.encode_request(request, None, OPENAI)
    body = to.codec.finish(fields, model=MODELS[protocol], stream=stream)
    return Sent(to.path, msgspec.json.decode(body), dropped)


def relayed(surface: Surface, protocol: str, name: str) -> AnswerStream:
    envelope, to = asked(surface, name, stream=True), spoken_to(surface, protocol, stream=True)
    if to.native:
        return to.codec.relayed(envelope)
    encoder = caller_codec(surface).encoder
    assert encoder is not None
    return to.codec.translated(encoder(envelope, NOW), hub.Opened(id="req_1", model=MODELS[protocol], created=NOW))


def answered(surface: Surface, protocol: str, name: str) -> bytes | Outcome:
    """What the caller gets of a whole answer, or how the provider failed."""
    to, got = spoken_to(surface, protocol, stream=False), answer(protocol, name)
    assert got.whole is not None
    if got.status != 200:
        return to.codec.read_error(got.status, got.headers, got.whole)
    hidden = to.codec.read_reply_error(got.whole)
    if hidden is not None:
        return hidden
    reply = to.codec.decode_reply(got.whole)
    if to.native:
        return got.whole
    named = replace(reply, id=reply.id or "req_1", model=reply.model or MODELS[protocol])
    return caller_codec(surface).encode_reply(named, asked(surface, name, stream=False), NOW)


def streamed(surface: Surface, protocol: str, name: str, size: int) -> bytes:
    """What the caller gets of a stream that comes in pieces of *size* bytes."""
    data, stream = answer(protocol, name).stream, relayed(surface, protocol, name)
    assert data is not None
    out = b""
    for at in range(0, len(data), size):
        out += stream.feed(data[at : at + size])
        if stream.error is not None:
            break
    else:
        out += stream.close()
    return out if stream.error is None else out + told(surface, stream.error, inside=stream.started)


def told(surface: Surface, outcome: Outcome, *, inside: bool = False) -> bytes:
    """The error that the caller gets of *outcome*, as a body or *inside* a stream."""
    fault, codec = caller_error(outcome, outcome.retry_after_s), caller_codec(surface)
    write = codec.error_event if inside else codec.error_body
    return write(
        Told(status=fault.status, type=fault.type, code=fault.reason, message=fault.message, request_id="req_1")
    )


def shown(value: Any, lead: int = 0) -> str:
    """JSON on as few lines as fit."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + lead <= WIDTH or not isinstance(value, dict | list) or not value:
        return line
    pad = "\n" + " " * (lead + 1)
    if isinstance(value, dict):
        inner = [f"{json.dumps(key)}: {shown(each, lead + 1)}" for key, each in value.items()]
        return "{" + pad + f",{pad}".join(inner) + pad[:-1] + "}"
    return "[" + pad + f",{pad}".join(shown(each, lead + 1) for each in value) + pad[:-1] + "]"


def shortened(stream: str) -> str:
    """A stream without empty lines, and without what the Responses API repeats of its response in every event."""
    lines: list[str] = []
    before: dict[str, Any] = {}
    for line in filter(None, stream.replace("\r\n", "\n").split("\n")):
        event = json.loads(line.removeprefix("data: ")) if line.startswith("data: {") else {}
        if "response" in event:
            said = event["response"]
            event["response"], before = {key: said[key] for key in said if said[key] != before.get(key, said)}, said
            line = f"data: {json.dumps(event, ensure_ascii=False)}"  # noqa: PLW2901 - the line as it is shown
        lines.append(line)
    return "\n".join(lines)


def sections(surface: Surface, protocol: str, name: str) -> Iterator[str]:
    """What the golden file says: what was sent and dropped, and what came back, whole and streamed."""
    if "requests" in feature(name):
        yield from _asking(surface, protocol, name)
    if "answers" not in feature(name):
        return
    got = answer(protocol, name)
    if got.whole is not None:
        yield from _answering(surface, protocol, name)
    if got.stream is not None:
        out = streamed(surface, protocol, name, len(got.stream))
        yield "== stream\n" + ("as it came" if out == got.stream else shortened(out.decode()))


def _asking(surface: Surface, protocol: str, name: str) -> Iterator[str]:
    try:
        once, more = (sent(surface, protocol, name, stream=stream) for stream in (False, True))
    except BadRequest as fault:
        yield f"== refused\n{fault.reason} {fault.param}: {fault.message}"
        return
    assert once.dropped == more.dropped
    added = {key: value for key, value in more.body.items() if once.body.get(key) != value}
    yield f"== request {once.path}\n{shown(once.body)}"
    yield f"== streamed {more.path}\n{shown(added)}"
    if once.dropped:
        yield f"== dropped\n{', '.join(once.dropped)}"


def _answering(surface: Surface, protocol: str, name: str) -> Iterator[str]:
    got, out = answer(protocol, name), answered(surface, protocol, name)
    if isinstance(out, Outcome):
        after = f", again after {out.retry_after_s:g} s" if out.retry_after_s else ""
        status = caller_error(out).status
        yield f"== error {out.kind}{after}\n{status} {shown(msgspec.json.decode(told(surface, out)))}"
    else:
        yield "== answer\n" + ("as it came" if out == got.whole else shown(msgspec.json.decode(out)))


@pytest.mark.parametrize(("surface", "protocol", "name"), CASES)
def test_pairs(surface: str, protocol: str, name: str, golden: Golden) -> None:
    """What each side gets of the other is what the files say."""
    text = "\n\n".join(sections(Surface(surface), protocol, name)) + "\n"
    golden(PAIRS / f"{surface}-{protocol}" / f"{name}.txt", text)


@pytest.mark.parametrize(("surface", "protocol", "name"), STREAMED)
@pytest.mark.parametrize("size", [1, 50])
def test_cuts_do_not_matter(surface: str, protocol: str, name: str, size: int) -> None:
    """However a stream is cut on its way, the caller gets the same."""
    whole = streamed(Surface(surface), protocol, name, 1 << 20)
    assert streamed(Surface(surface), protocol, name, size) == whole


def read(decoder: Decoder, data: bytes) -> hub.Reply:
    return fold([*decoder.feed(data), *decoder.close()])


def meaning(reply: hub.Reply) -> Any:
    """What is said, called, cited and counted, and how it ended; ids of calls may be made up of different things."""
    choice = reply.choices[0]
    text = "".join(part.text for part in choice.parts if isinstance(part, hub.Text))
    cited = [each.url for part in choice.parts if isinstance(part, hub.Text) for each in part.citations]
    calls = [(part.name, json.loads(part.arguments)) for part in choice.parts if isinstance(part, hub.ToolCall)]
    rest = [part for part in choice.parts if not isinstance(part, hub.Text | hub.ToolCall)]
    chances = msgspec.json.decode(choice.logprobs or b"{}").get("content")
    passed = msgspec.json.decode(msgspec.json.encode((rest, reply.usage)))
    return text, cited, calls, choice.finish, choice.stop_sequence, chances, passed


@pytest.mark.parametrize(
    ("surface", "protocol", "name"), [c for c in STREAMED if "whole" in feature(c[2])["answers"][c[1]]]
)
def test_streams_say_what_answers_say(surface: str, protocol: str, name: str) -> None:
    """A caller who reads the stream learns what one who waits for the whole answer does."""
    home = Surface(surface)
    own = spoken(home, Manner(protocol=protocol, paths={home: "/"}), model="m", stream=True)
    assert own is not None
    assert own.codec.decoder is not None
    whole, stream = answered(home, protocol, name), streamed(home, protocol, name, 1 << 20)
    assert isinstance(whole, bytes)
    assert meaning(read(own.codec.decoder(), stream)) == meaning(own.codec.decode_reply(whole))


def test_every_feature_says_why() -> None:
    """Each file says what it is about, and each golden file has its case."""
    assert all(feature(name)["why"] for name in FEATURES)
    assert {(*path.parent.name.split("-", 1), path.stem) for path in PAIRS.glob("*/*.txt")} == set(CASES)
