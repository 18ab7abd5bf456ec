import json

import msgspec

from engine.wire.gemini.logprobs import read_logprobs, write_logprobs

RESULT = {
    "chosenCandidates": [{"token": "é", "logProbability": -0.5}, {"token": "b"}],
    "topCandidates": [{"candidates": [{"token": "é", "logProbability": -0.5}, {"token": "x", "logProbability": -2.0}]}],
}


def test_chosen_and_top_tokens_are_told_by_step() -> None:
    """As OpenAI has them, bytes included; a step without alternatives has none."""
    read = json.loads(bytes(read_logprobs(msgspec.Raw(json.dumps(RESULT).encode()))))
    first, second = read["content"]
    assert (first["token"], first["logprob"], first["bytes"]) == ("é", -0.5, [0xC3, 0xA9])
    assert [each["token"] for each in first["top_logprobs"]] == ["é", "x"]
    assert (second["logprob"], second["top_logprobs"]) == (0.0, [])


def test_they_come_back() -> None:
    """Written and read again, they are the same."""
    read = read_logprobs(msgspec.Raw(json.dumps(RESULT).encode()))
    written = write_logprobs(read)
    assert bytes(read_logprobs(msgspec.Raw(msgspec.json.encode(written)))) == bytes(read)


def test_what_cannot_be_read_is_left_out() -> None:
    """Nothing is made up for other shapes."""
    assert write_logprobs(msgspec.Raw(b"[]")) is None
    assert write_logprobs(msgspec.Raw(b"{}")) is None
    assert write_logprobs(msgspec.Raw(b'{"content":[{"token":"\x80"}]}')) is None
    plain = write_logprobs(msgspec.Raw(b'{"content":[{"token":"a","logprob":-1}]}'))
    assert plain == {"chosenCandidates": [{"token": "a", "logProbability": -1.0}]}
