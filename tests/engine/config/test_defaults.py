from engine.config.defaults import filled
from engine.config.placed import Placed
from engine.config.tree import Document, Kind, parse


def _placed(text: str, kind: Kind) -> Placed:
    value, places, _, _ = parse("x.yaml", text.encode())
    return Placed(Document("x.yaml", kind, value, places), (), value)


def test_defaults_are_filled_in_all_the_way_down() -> None:
    """What is left out has the schema's value, inside of what is left out as well; what is written stays."""
    at = filled(_placed("id: x\ntimeouts: {total: 1m}\nmodels: {a/b: {price: free}}\n", Kind.PROVIDER), Kind.PROVIDER)
    assert at["timeouts"].value == {"total": "1m", "connect": "3s", "first_token": "30s", "between_tokens": "30s"}
    assert at["health"]["breaker"]["failures"].value == 5
    assert at["models"]["a/b"]["input"].value == ["text"]


def test_what_has_no_default_stays_absent() -> None:
    """Keys whose absence means something are not invented."""
    at = filled(_placed("models: {a: {targets: [b]}}\n", Kind.ROUTES), Kind.ROUTES)
    assert "deadline" not in at["models"]["a"]
    assert at["defaults"]["deadline"].value == "10m"


def test_a_default_has_the_place_of_what_it_was_filled_into() -> None:
    """A problem with a default points at the nearest thing that is written."""
    at = filled(_placed("id: x\ntimeouts: {total: 1m}\nmodels: {}\n", Kind.PROVIDER), Kind.PROVIDER)
    assert str(at["timeouts"]["connect"].place) == "x.yaml:2:11"
