import json
from typing import Any

import pytest

from engine.errors import UpstreamMalformed
from engine.wire.gemini.chunk import PartialArg
from engine.wire.gemini.partial import Arguments


def built(*pieces: tuple[str, Any]) -> Any:
    arguments = Arguments()
    for path, value in pieces:
        piece = PartialArg(json_path=path)
        if isinstance(value, bool):
            piece.bool_value = value
        elif isinstance(value, str):
            piece.string_value = value
        else:
            piece.number_value = value
        arguments.add(piece)
    return json.loads(arguments.text())


def test_texts_go_on_where_they_stand() -> None:
    """Pieces of one place are one text, the empty one at its end included."""
    assert built(("$.city", "San "), ("$.city", "Francisco"), ("$.city", "")) == {"city": "San Francisco"}


def test_paths_lead_into_lists_and_objects() -> None:
    """Names, quoted names and positions make up what they name."""
    pieces = [
        ("$.items[0].name", "apple"),
        ("$.items[0].price", 0.5),
        ("$.items[1].name", "pear"),
        ("$['a b'].c", True),
        ('$["d"][0]', 1),
        ('$["d"][1]', None),
    ]
    assert built(*pieces) == {
        "items": [{"name": "apple", "price": 0.5}, {"name": "pear"}],
        "a b": {"c": True},
        "d": [1, None],
    }


def test_no_pieces_are_no_arguments() -> None:
    """An object without anything in it."""
    assert built() == {}


@pytest.mark.parametrize(
    "paths",
    [["$"], [""], ["$.a..b"], ["$.a[1]"], ["$.a[0]", "$.a.b"], ["$.a", "$.a.b"], ["$[0]"], ["$." + ".a" * 99]],
)
def test_paths_that_lead_nowhere_are_refused(paths: list[str]) -> None:
    """Gaps in lists, names in lists, positions in objects and paths that cannot be read are no arguments."""
    with pytest.raises(UpstreamMalformed):
        built(*((path, "x") for path in paths))
