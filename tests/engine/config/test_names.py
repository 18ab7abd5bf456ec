from engine.config.names import gather
from engine.config.report import Report
from engine.config.tree import Document, Kind, parse

PROVIDERS = {
    "providers.d/alpha.yaml": 'models: {a/b: {aliases: [ab]}, "c/*": {}, "d/*-x": {}}\n',
    "providers.d/beta.yaml": "models: {a/b: {aliases: [ab]}}\n",
}
ROUTES = "aliases: {one: two, two: a/b, three: four, four: three}\nmodels: {small: {}}\n"


def _document(file: str, kind: Kind, text: str) -> Document:
    value, places, _, _ = parse(file, text.encode())
    return Document(file, kind, value, places)


def _documents() -> list[Document]:
    providers = [_document(file, Kind.PROVIDER, text) for file, text in PROVIDERS.items()]
    return [_document("routes.yaml", Kind.ROUTES, ROUTES), *providers]


def test_what_a_name_is() -> None:
    """Each name is one thing: virtual model, model, alias or pin; a pattern's `*` stands for at least a character."""
    names = gather(_documents(), (), Report())
    said = {
        "small": "a virtual model",
        "a/b": "a model",
        "ab": "an alias",
        "one": "an alias",
        "a/b@beta": "a pin",
        "c/x": "a model",
        "c/x@alpha": "a pin",
        "d/y-x": "a model",
    }
    assert {name: str(names.what(name)) for name in said} == said
    for unknown in ("c/", "d/-x", "c/x@beta", "a/b@gamma", "@beta", "A/B", ""):
        assert names.what(unknown) is None


def test_where_aliases_end() -> None:
    """A chain of aliases is followed to its end; a circle is followed once."""
    names = gather(_documents(), (), Report())
    assert names.resolved("one") == "a/b"
    assert names.resolved("three") in {"three", "four"}
    assert names.resolved("a/b") == "a/b"


def test_hints() -> None:
    """The hint is the nearest provider, where else the model is offered, or the nearest name."""
    names = gather(_documents(), (), Report())
    assert names.hint("a/b@alhpa") == "did you mean 'alpha'?"
    assert names.hint("smal") == "did you mean 'small'?"
    assert names.hint("a/c@beta") == "did you mean 'a/b@beta'?"
    assert names.hint("zzzzzz") == ""


def test_documents_with_mistakes_are_read_for_their_names() -> None:
    """Values of any kind stand where mappings should: their names count, and nothing raises."""
    odd = ["models: [a]\naliases: 5\n", "models: {a: 1, b: [x]}\naliases: {c: [1]}\n"]
    documents = [_document("routes.d/x.yaml", Kind.ROUTES, text) for text in odd]
    documents += [_document("providers.d/x.yaml", Kind.PROVIDER, text) for text in odd]
    documents += [_document("policies/x.yaml", Kind.POLICY, "teams: {t: 1}\naccess: [1]\n")]
    names = gather(documents, (), Report())
    assert set(names.virtual) == {"a", "b"}
    assert names.resolved("c") == "c"
    assert names.teams == {"t"}


def test_what_could_not_be_read_is_not_complete() -> None:
    """A broken file of routes or providers leaves names open, one of policies teams and roles, a test nothing."""
    assert not gather((), ("routes.d/x.yaml",), Report()).is_complete
    assert gather((), ("providers.d/x.yaml",), Report()).providers == {"x"}
    assert gather((), ("policies/x.yaml",), Report()).is_complete
    assert not gather((), ("policies/x.yaml",), Report()).has_all_policies
    assert gather((), ("tests/routing/x.yaml",), Report()).is_complete
