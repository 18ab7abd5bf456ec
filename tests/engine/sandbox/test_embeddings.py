import math
from base64 import b64decode
from struct import unpack
from typing import Any

import msgspec
import pytest

from engine.sandbox.script import script


def asked(**fields: Any) -> tuple[int, Any]:
    played = script(
        "/embeddings", msgspec.json.encode({"model": "embedding", "input": "hello"} | fields), (), created=1
    )
    return played.status, msgspec.json.decode(played.steps[0].data)


def vectors(**fields: Any) -> list[Any]:
    return [entry["embedding"] for entry in asked(**fields)[1]["data"]]


def test_a_vector() -> None:
    """It has length 1 and 1,536 dimensions, is the same in every run, and another for another text."""
    (vector,) = vectors()
    assert len(vector) == 1536
    assert math.hypot(*vector) == pytest.approx(1)
    assert vectors() == [vector]
    assert vectors(input="hello!") != [vector]


def test_dimensions() -> None:
    """As many as asked for, of length 1 again; they point as the first ones of more do."""
    (two,), (three,) = vectors(dimensions=2), vectors(dimensions=3)
    assert [len(two), len(three)] == [2, 3]
    assert math.hypot(*two) == pytest.approx(1)
    assert two[0] / two[1] == pytest.approx(three[0] / three[1], rel=1e-5)


def test_base64_says_the_same() -> None:
    """Both spellings are of the same vector."""
    (spelled,), (vector,) = vectors(encoding_format="base64", dimensions=8), vectors(dimensions=8)
    assert unpack("<8f", b64decode(spelled)) == pytest.approx(vector)


@pytest.mark.parametrize(("given", "count"), [(["a", "b", "a"], 3), ([1, 2, 3], 1), ([[1, 2], [3]], 2)])
def test_inputs(given: Any, count: int) -> None:
    """Each text, or list of tokens, has its vector in its place; equal ones have equal vectors."""
    found = vectors(input=given, dimensions=4)
    assert len(found) == count
    assert len({tuple(vector) for vector in found}) == min(count, 2)


def test_usage() -> None:
    """Tokens are counted: those given as such exactly."""
    _, answer = asked(input=[[1, 2], [3]])
    assert answer["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert answer["model"] == "embedding"


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": 3073}, "dimensions"),
        ({"dimensions": "many"}, "dimensions"),
        ({"input": []}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": [{"image": "x"}]}, "input"),
    ],
)
def test_what_cannot_be_embedded(wrong: dict[str, Any], param: str) -> None:
    """A 400 that names the field."""
    status, answer = asked(**wrong)
    assert (status, answer["error"]["param"]) == (400, param)
