import json

import pytest

from engine.errors import BadRequest, UpstreamMalformed
from engine.wire.gemini.count import encode_count, finish_count, read_count, read_count_reply

CONTENTS = [{"parts": [{"text": "a"}]}]


def test_both_ways_of_asking_name_the_same_fields() -> None:
    """The request stands at the top or in `generateContentRequest`, in either spelling."""
    plain = read_count(json.dumps({"contents": CONTENTS}).encode(), model="m")
    inner = {"model": "models/x", "contents": CONTENTS, "tools": []}
    nested = read_count(json.dumps({"generate_content_request": inner}).encode(), model="m")
    assert (plain.model, json.loads(bytes(plain.fields["contents"]))) == ("m", CONTENTS)
    assert nested.fields.keys() == inner.keys()


def test_a_provider_is_asked_in_its_own_way() -> None:
    """AI Studio wants more than contents wrapped, and the model named; Vertex has the fields at the top."""
    fields = read_count(json.dumps({"contents": CONTENTS, "tools": []}).encode(), model="m").fields
    assert json.loads(finish_count(fields, model="m")) == {
        "generateContentRequest": {"model": "models/m", "contents": CONTENTS, "tools": []}
    }
    assert json.loads(finish_count(fields, model="m", flat=True)) == {"contents": CONTENTS, "tools": []}
    del fields["tools"]
    assert json.loads(finish_count(fields, model="m")) == {"contents": CONTENTS}


def test_counts_come_back() -> None:
    """What is no count is malformed."""
    assert read_count_reply(encode_count(7)) == 7
    assert encode_count(7) == b'{"totalTokens":7}'
    with pytest.raises(UpstreamMalformed):
        read_count_reply(b"{}")


@pytest.mark.parametrize(
    ("body", "param"), [(b'{"generateContentRequest": 5}', "generateContentRequest"), (b"{}", "contents")]
)
def test_what_cannot_be_counted_is_refused(body: bytes, param: str) -> None:
    """The caller is told which field."""
    with pytest.raises(BadRequest) as caught:
        read_count(body, model="m")
    assert caught.value.param == param
