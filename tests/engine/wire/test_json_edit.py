import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.wire.json_edit import Edit, Fields, apply, sets


def fields(**values: bytes) -> Fields:
    return {name: msgspec.Raw(value) for name, value in values.items()}


def plain(edited: Fields) -> dict[str, bytes]:
    return {name: bytes(value) for name, value in edited.items()}


def test_nothing_to_do_copies_nothing() -> None:
    """An edit that changes nothing hands back the very mapping it was given."""
    before = fields(a=b"1")
    after, dropped = apply(before, Edit(default=(("a", b"2"),), set=(("a", b"1"),), rename=(("x", "y"),), drop=("z",)))
    assert after is before
    assert dropped == ()


def test_the_callers_fields_are_not_changed() -> None:
    """The mapping is shared between attempts, so an edit leaves it alone."""
    before = fields(a=b"1", b=b"2")
    apply(before, Edit(set=(("a", b"9"),), drop=("b",), rename=(("a", "c"),)))
    assert plain(before) == {"a": b"1", "b": b"2"}


def test_order_of_an_edit() -> None:
    """Rename comes first, then drop, set and default, so that later ones see what earlier ones did."""
    edit = Edit(rename=(("a", "b"),), drop=("b",), set=(("c", b"3"),), default=(("c", b"4"), ("b", b"5")))
    after, dropped = apply(fields(a=b"1"), edit)
    assert plain(after) == {"c": b"3", "b": b"5"}
    assert dropped == ("b",)


def test_a_renamed_field_keeps_its_place() -> None:
    """A rename changes a name and nothing else."""
    after, dropped = apply(fields(x=b"0", old=b"1", y=b"2"), Edit(rename=(("old", "new"),)))
    assert list(after) == ["x", "new", "y"]
    assert dropped == ()


def test_rename_onto_a_present_name_drops_the_old_one() -> None:
    """Where the caller sent both names the new one wins and the loss is reported."""
    after, dropped = apply(fields(old=b"1", new=b"2"), Edit(rename=(("old", "new"),)))
    assert plain(after) == {"new": b"2"}
    assert dropped == ("old",)


def test_two_renames_to_one_name_keep_the_first() -> None:
    """Two old spellings of one field leave one value, and the other is reported."""
    after, dropped = apply(fields(a=b"1", b=b"2"), Edit(rename=(("a", "c"), ("b", "c"))))
    assert plain(after) == {"c": b"1"}
    assert dropped == ("b",)


def test_sets_looks_into_objects() -> None:
    """A dotted path is set where every step of it is an object's key and the value is not null."""
    request = fields(reasoning=b'{"effort": "low", "max": null}', user=b'"u"', stop=b"null")
    assert sets(request, "reasoning")
    assert sets(request, "reasoning.effort")
    assert sets(request, "user")
    assert not sets(request, "reasoning.max")
    assert not sets(request, "reasoning.effort.more")
    assert not sets(request, "user.name")
    assert not sets(request, "stop")
    assert not sets(request, "absent.deeper")


def test_sets_never_raises() -> None:
    """Numbers beyond reading and deep nesting below the path do not matter."""
    assert sets(fields(tools=b'{"a": 1e999}'), "tools.a")
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    assert not sets(fields(tools=deep), "tools.a.a")


NAMES = st.sampled_from("abcd")
PAIRS = st.lists(st.tuples(NAMES, st.sampled_from([b"1", b"2"])), max_size=3).map(tuple)
EDITS = st.builds(
    Edit,
    default=PAIRS,
    set=PAIRS,
    rename=st.lists(st.tuples(NAMES, NAMES), max_size=2).map(tuple),
    drop=st.lists(NAMES, max_size=2).map(tuple),
)


@given(before=st.dictionaries(NAMES, st.sampled_from([b"1", b"2", b"3"])), edit=EDITS)
def test_what_set_names_is_there(before: dict[str, bytes], edit: Edit) -> None:
    """After any edit, what it sets stands with the last value it names, and defaults never replace."""
    after, _ = apply(fields(**before), edit)
    for name, value in dict(edit.set).items():
        assert bytes(after[name]) == value
    assert dict(edit.default).keys() <= after.keys()
