import pytest

from engine.errors import BadRequest
from engine.hub import Json
from engine.wire.embeddings.values import EmbedRequest, InputType
from engine.wire.embeddings.words import dropped_of, only_texts


def test_tokens_are_refused_by_name() -> None:
    """Who takes texts alone says so when there are tokens, and gets the texts when there are none."""
    assert only_texts(EmbedRequest(model="m", inputs=("a", "")), "X") == ("a", "")
    with pytest.raises(BadRequest, match="X embeds texts"):
        only_texts(EmbedRequest(model="m", inputs=("a", (1,))), "X")


def test_only_what_was_said_is_dropped() -> None:
    """What the caller did not set is not reported, what only OpenAI's protocol knows always is."""
    everything = {"user", "dimensions", "input_type"}
    assert dropped_of(EmbedRequest(model="m", inputs=("a",)), everything) == ()
    asked = EmbedRequest(
        model="m", inputs=("a",), user="u", dimensions=1, input_type=InputType.QUERY, extra={"x": Json(b"1")}
    )
    assert dropped_of(asked, everything) == ("dimensions", "input_type", "user", "x")
    assert dropped_of(asked, {"user"}) == ("user", "x")
