import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import hub
from engine.wire.openai_completions.logprobs import decode_logprobs, encode_logprobs


def test_lists_become_tokens() -> None:
    """Each token has its own alternatives, and its bytes."""
    raw = b'{"tokens":["a"],"token_logprobs":[-1],"top_logprobs":[{"a":-1,"b":-2}],"text_offset":[5]}'
    said = decode_logprobs(raw)
    assert said is not None
    assert msgspec.json.decode(said) == {
        "content": [
            {
                "token": "a",
                "logprob": -1.0,
                "bytes": [97],
                "top_logprobs": [
                    {"token": "a", "logprob": -1.0, "bytes": [97]},
                    {"token": "b", "logprob": -2.0, "bytes": [98]},
                ],
            }
        ]
    }


@pytest.mark.parametrize(
    "raw",
    [
        b"null",
        b"[]",
        b'{"content":[]}',
        b'{"tokens":["a"],"token_logprobs":[null]}',
        b'{"tokens":[1],"token_logprobs":[0]}',
        b'{"tokens":["\x80"],"token_logprobs":[0]}',
    ],
)
def test_other_shapes_are_none(raw: bytes) -> None:
    """Look-alikes have their own; an answer is not thrown away for it."""
    assert decode_logprobs(raw) is None


@pytest.mark.parametrize(
    "logprobs",
    [None, b"null", b"{}", b'{"content":null}', b'{"content":[{"token":1}]}', b"x", b'{"content":[{"token":"\x80"}]}'],
)
def test_no_tokens_are_no_lists(logprobs: bytes | None) -> None:
    """Where the hub has none, neither has the answer, and the offset stays."""
    assert encode_logprobs(None if logprobs is None else hub.Json(logprobs), 3) == (None, 3)


LISTS = st.lists(st.tuples(st.text(max_size=3), st.floats(-9, 0)), min_size=1, max_size=4)


@given(tokens=LISTS)
def test_they_come_back(tokens: list[tuple[str, float]]) -> None:
    """Tokens, probabilities and alternatives survive; offsets add up."""
    lists = {
        "tokens": [token for token, _ in tokens],
        "token_logprobs": [logprob for _, logprob in tokens],
        "top_logprobs": [{token: logprob} for token, logprob in tokens],
    }
    again, offset = encode_logprobs(decode_logprobs(msgspec.json.encode(lists)))
    assert again is not None
    assert {name: again[name] for name in lists} == lists
    assert offset == sum(len(token) for token, _ in tokens)
