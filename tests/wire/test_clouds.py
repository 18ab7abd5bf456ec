"""Claude in its own words at the clouds: what Anthropic itself would get and say, in Bedrock's wrapping and Vertex's.

Every pair of `test_pairs` with Anthropic at the provider's end is asked again of each cloud. A caller must not be able
to tell where it was answered.
"""

import base64
import random
from typing import Any

import msgspec
import pytest

from engine import hub
from engine.errors import BadRequest
from engine.values import Surface
from engine.wire.bedrock.encoder import frame
from engine.wire.codecs import Spoken, caller_codec, spoken
from engine.wire.codecs.conversations import CALLERS, CLAUDE
from engine.wire.dialect import CLOUDS, Dialect
from engine.wire.manner import Manner
from engine.wire.stream import AnswerStream
from tests.wire import test_pairs as pairs

MESSAGES = Dialect(messages=True)
VERSIONS = {"bedrock": "bedrock-2023-05-31", "vertex": "vertex-2023-10-16"}
PATHS = {
    ("bedrock", False): "/model/us.claude%3A0/invoke",
    ("bedrock", True): "/model/us.claude%3A0/invoke-with-response-stream",
    ("vertex", False): "/publishers/anthropic/models/us.claude%3A0:rawPredict",
    ("vertex", True): "/publishers/anthropic/models/us.claude%3A0:streamRawPredict",
}
CASES = sorted((cloud, s, name) for s, p, name in pairs.CASES if p == "anthropic" for cloud in CLOUDS)
STREAMED = sorted((cloud, s, name) for s, p, name in pairs.STREAMED if p == "anthropic" for cloud in CLOUDS)
ANSWERED = sorted(
    (cloud, s, name)
    for s, p, name in pairs.ANSWERED
    if p == "anthropic" and "whole" in pairs.feature(name)["answers"][p]
    for cloud in CLOUDS
)
each_case = pytest.mark.parametrize(("cloud", "surface", "name"), CASES)


def at(cloud: str, surface: Surface, *, stream: bool) -> Spoken:
    to = spoken(surface, Manner(protocol=cloud, dialect=MESSAGES), model="us.claude:0", stream=stream)
    assert to is not None
    return to


def written(spoken_to: Spoken, surface: Surface, name: str, *, stream: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body that goes out, and what is left out of it. Raises BadRequest."""
    envelope = pairs.asked(surface, name, stream=stream)
    fields, dropped = envelope.fields, ()
    if not spoken_to.native:
        request = msgspec.structs.replace(caller_codec(surface).decode_request(fields), model="us.claude:0")
        fields, dropped = spoken_to.codec.encode_request(request, None, MESSAGES)  # type: ignore[assignment]
    sent = spoken_to.codec.finished(envelope, fields, MESSAGES, "us.claude:0")
    assert isinstance(sent.body, bytes)
    return msgspec.json.decode(sent.body), dropped


def wrapped(cloud: str, stream: bytes) -> bytes:
    """Anthropic's *stream* as the cloud sends it."""
    if cloud == "vertex":
        return stream
    told = [line.removeprefix(b"data: ") for line in stream.splitlines() if line.startswith(b"data: ")]
    return b"".join(frame("chunk", {"bytes": base64.b64encode(data).decode(), "p": "ab"}) for data in told)


def through(cloud: str, surface: Surface, name: str) -> AnswerStream:
    to, asked = at(cloud, surface, stream=True), pairs.asked(surface, name, stream=True)
    if to.native:
        return to.codec.relayed(asked)
    encoder = caller_codec(surface).encoder
    assert encoder is not None
    opened = hub.Opened(id="req_1", model=pairs.MODELS["anthropic"], created=pairs.NOW)
    return to.codec.translated(encoder(asked, pairs.NOW), opened)


def received(cloud: str, surface: Surface, name: str, pieces: list[bytes]) -> bytes:
    """What the caller gets, an error included, as `pairs.streamed` has it."""
    stream, out = through(cloud, surface, name), b""
    for piece in pieces:
        out += stream.feed(piece)
        if stream.error is not None:
            return out + pairs.told(surface, stream.error, inside=stream.started)
    out += stream.close()
    return out if stream.error is None else out + pairs.told(surface, stream.error, inside=stream.started)


@each_case
@pytest.mark.parametrize("stream", [False, True])
def test_it_is_asked_what_anthropic_is_asked(cloud: str, surface: str, name: str, stream: bool) -> None:
    """The same fields and the same refusals; the model stands in the path, and the version in the body."""
    caller = Surface(surface)
    home = spoken(caller, Manner(protocol="anthropic", dialect=MESSAGES), model="us.claude:0", stream=stream)
    to = at(cloud, caller, stream=stream)
    assert home is not None
    assert (to.path, to.native) == (PATHS[cloud, stream], caller is Surface.MESSAGES)
    try:
        body, dropped = written(home, caller, name, stream=stream)
    except BadRequest as fault:
        with pytest.raises(BadRequest, match=fault.message[:20]):
            written(to, caller, name, stream=stream)
        return
    unsaid = {"model", "stream"} if cloud == "bedrock" else {"model"}
    expected = {key: value for key, value in body.items() if key not in unsaid}
    assert written(to, caller, name, stream=stream) == (expected | {"anthropic_version": VERSIONS[cloud]}, dropped)


def test_a_path_of_what_it_replaces_is_no_way_in() -> None:
    """Where Vertex's own protocol lies is said for Gemini; Claude is not asked there, nor a Responses model by chat."""
    vertex = Manner(protocol="vertex", dialect=MESSAGES, paths={Surface.GENERATE: "/gemini"})
    claude = spoken(Surface.GENERATE, vertex, model="m", stream=False)
    openai = Manner(protocol="openai", dialect=Dialect(responses=True), paths={Surface.CHAT: "/v1/chat"})
    reasoner = spoken(Surface.CHAT, openai, model="m", stream=False)
    beside = spoken(
        Surface.MESSAGES, msgspec.structs.replace(openai, paths={Surface.MESSAGES: "/m"}), model="m", stream=False
    )
    assert claude is not None
    assert (claude.native, claude.path) == (False, "/publishers/anthropic/models/m:rawPredict")
    assert reasoner is not None
    assert (reasoner.native, reasoner.path) == (False, "/responses")
    assert beside is not None
    assert (beside.native, beside.path) == (True, "/m")


@pytest.mark.parametrize(("cloud", "surface", "name"), STREAMED)
def test_its_stream_reaches_the_caller_as_anthropics_does(cloud: str, surface: str, name: str) -> None:
    """Whole, byte by byte, and cut anywhere."""
    caller, data = Surface(surface), pairs.answer("anthropic", name).stream
    assert data is not None
    expected = pairs.streamed(caller, "anthropic", name, len(data))
    sent = wrapped(cloud, data)
    drawn = random.Random(name)
    cuts = sorted(drawn.choices(range(len(sent)), k=8))
    at_random = [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    for pieces in ([sent], [sent[n : n + 1] for n in range(len(sent))], at_random):
        assert received(cloud, caller, name, pieces) == expected


@pytest.mark.parametrize(("cloud", "surface", "name"), ANSWERED)
def test_its_answer_is_read_as_anthropics_is(cloud: str, surface: str, name: str) -> None:
    """A whole answer says the same at all three, and so does a refusal of the model's."""
    to, home = at(cloud, Surface(surface), stream=False), pairs.spoken_to(Surface(surface), "anthropic", stream=False)
    got = pairs.answer("anthropic", name)
    assert got.whole is not None
    if got.status == 200:
        assert to.codec.read_reply_error(got.whole) == home.codec.read_reply_error(got.whole)
        assert to.codec.decode_reply(got.whole) == home.codec.decode_reply(got.whole)
    elif cloud == "vertex":
        read = to.codec.read_error(got.status, got.headers, got.whole)
        assert read == home.codec.read_error(got.status, got.headers, got.whole)


@pytest.mark.parametrize("stream", [False, True])
def test_gemini_lies_beside_it(stream: bool) -> None:
    """One address has both: without the key, Vertex is asked for Gemini."""
    to = spoken(Surface.CHAT, Manner(protocol="vertex", dialect=Dialect()), model="gemini-x", stream=stream)
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    assert to is not None
    assert to.path == f"/publishers/google/models/gemini-x:{verb}"


@pytest.mark.parametrize(
    ("protocol", "messages", "path"),
    [
        ("vertex", True, "/publishers/anthropic/models/count-tokens:rawPredict"),
        ("vertex", False, None),
        ("bedrock", True, None),
        ("anthropic", False, "/messages/count_tokens"),
    ],
)
def test_who_counts_a_message(protocol: str, messages: bool, path: str | None) -> None:
    """Vertex does for Claude; Bedrock and Gemini do not, and then the estimate answers."""
    dialect = Dialect(messages=messages)
    to = spoken(Surface.COUNT_MESSAGES, Manner(protocol=protocol, dialect=dialect), model="c", stream=False)
    assert (to and to.path) == path


def test_claude_is_not_counted_as_gemini_is() -> None:
    """Google's `countTokens` knows Google's models."""
    for messages, path in ((False, "/publishers/google/models/m:countTokens"), (True, None)):
        dialect = Dialect(messages=messages)
        to = spoken(Surface.COUNT_GENERATE, Manner(protocol="vertex", dialect=dialect), model="m", stream=False)
        assert (to and to.path) == path


def test_a_path_of_ones_own_keeps_the_wrapping() -> None:
    """Where a file says another path for the Messages API of a cloud, that is what is asked, in the cloud's words."""
    for surface in CALLERS:
        to = spoken(
            surface,
            Manner(protocol="bedrock", paths={Surface.MESSAGES: "/proxy/{model}"}, dialect=MESSAGES),
            model="m",
            stream=False,
        )
        assert to is not None
        assert (to.path, to.codec) == ("/proxy/m", CLAUDE["bedrock"])


def test_the_clouds_are_those_with_a_way() -> None:
    """What `engine validate` takes for a cloud is what can be asked."""
    assert CLAUDE.keys() == CLOUDS
