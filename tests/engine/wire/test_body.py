import msgspec
import pytest

from engine.errors import BadRequest
from engine.values import Wishes
from engine.wire import body
from engine.wire.json_edit import Fields


class Shape(msgspec.Struct):
    n: int
    inner: list[dict[str, int]] = []


SHAPE = msgspec.json.Decoder(Shape)


def fields(text: str) -> Fields:
    return body.read_fields(text.encode())


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (b"", "invalid_json"),
        (b"[]", "invalid_json"),
        (b"null", "invalid_json"),
        (b'{"a":1', "invalid_json"),
        (b'{"a":NaN}', "invalid_json"),
        (b'{"a":"\\ud800"}', "invalid_json"),
        (b'{"a":"\xff"}', "invalid_utf8"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "invalid_json"),
        (b'{"a":123456789012345678901234567890}', "number_out_of_range"),
        (b'{"a":1e999}', "number_out_of_range"),
    ],
)
def test_bodies_that_cannot_be_read(given: bytes, code: str) -> None:
    """What is not UTF-8, not JSON, no object, too deep or too large is refused and says so."""
    read = body.depth_checked(lambda: body.read_small(body.read_fields(given), unread=frozenset()))
    with pytest.raises(BadRequest) as refused:
        read()
    assert refused.value.reason == code


def test_large_fields_stay_bytes() -> None:
    """What is not to be read is not, whatever is in it."""
    assert body.read_small(fields('{"a":1e999,"b":2}'), unread=frozenset({"a"})) == {"b": 2}


def test_shapes_name_what_is_wrong() -> None:
    """A field of another shape is refused by its name, with the place within it."""
    assert body.shaped(fields('{"n":1,"x":"unread"}'), ("n", "inner"), SHAPE) == Shape(n=1)
    with pytest.raises(BadRequest) as refused:
        body.shaped(fields('{"n":1,"inner":[{"a":"b"}]}'), ("n", "inner"), SHAPE)
    assert refused.value.param == "inner"
    assert refused.value.message.startswith("inner[0][...]: ")
    with pytest.raises(BadRequest, match="missing required field `n`"):
        body.shaped(fields("{}"), ("n",), SHAPE)


def test_model() -> None:
    """A model is a text; a surface's default stands in where there is none, and where it is null."""
    assert body.model({"model": "m"}) == "m"
    assert body.model({}, "d") == body.model({"model": None}, "d") == "d"
    for known in ({}, {"model": None}, {"model": ""}, {"model": 7}):
        with pytest.raises(BadRequest) as refused:
            body.model(known)
        assert refused.value.param == "model"


def test_small_values() -> None:
    """Flags, counts and texts are read where they are of their type, and null is none."""
    known = {"stream": True, "n": 2, "user": "u", "null": None, "metadata": {"a": "b", "c": 1}}
    assert (body.flag(known, "stream"), body.flag(known, "null"), body.flag(known, "none")) == (True, False, False)
    assert (body.whole(known, "n"), body.whole(known, "null")) == (2, None)
    assert (body.text(known, "user"), body.text(known, "n")) == ("u", "")
    assert body.metadata(known) == {"a": "b"}
    for read, name in ((body.flag, "n"), (body.whole, "user"), (body.whole, "stream")):
        with pytest.raises(BadRequest) as refused:
            read(known, name)
        assert refused.value.param == name


def test_objects_and_lists() -> None:
    """An object and a list are seen as such, null as none, and what stands within is named with where it stands."""
    known = {"options": {"usage": 1}, "null": None, "n": 2}
    assert [body.members(known, name) for name in ("options", "null", "none")] == [{"usage": 1}, {}, {}]
    with pytest.raises(BadRequest, match="n must be an object"):
        body.members(known, "n")
    for read in (body.flag, body.whole):
        with pytest.raises(BadRequest) as refused:
            read({"x": "text"}, "x", "options.")
        assert refused.value.param == "options.x"
    lists = fields('{"full":[0],"empty":[ ],"null":null}')
    assert [body.has_items(lists, name) for name in ("full", "empty", "null", "none")] == [True, False, False, False]


def test_one_field_at_a_time() -> None:
    """A field is read by its decoder, null as none, and what is wrong with it is said with the place within it."""
    given = fields('{"shape":{"n":1},"null":null,"bad":{"n":1,"inner":[{"a":"b"}]}}')
    assert body.read_field(given, "shape", SHAPE) == Shape(n=1)
    assert body.read_field(given, "null", SHAPE) is body.read_field(given, "none", SHAPE) is None
    with pytest.raises(BadRequest, match=r"bad cannot be read: .*`bad.inner\[0\]") as refused:
        body.read_field(given, "bad", SHAPE)
    assert refused.value.param == "bad"


def test_wishes() -> None:
    """A caller's wishes are read, kept from the provider, and refused where they are of another shape."""
    said = {"provider": {"order": ["a"], "only": ["b"], "ignore": ["c"], "allow_fallbacks": False}}
    assert body.wishes(said) == Wishes(order=("a",), only=("b",), ignore=("c",), allow_fallbacks=False)
    assert body.wishes({}) is None
    for wrong in (7, {"order": "a"}, {"only": [1]}, {"allow_fallbacks": "no"}):
        with pytest.raises(BadRequest) as refused:
            body.wishes({"provider": wrong})
        assert (refused.value.param or "").startswith("provider")


def test_the_rest_stays_as_it_came() -> None:
    """What goes to a provider has its own name for the model and every other byte as it came."""
    sent = body.finish(fields('{"x": [1.0, 2e0],"model":"a","provider":{}}'), model="up-1")
    assert sent == b'{"x":[1.0, 2e0],"model":"up-1"}'
