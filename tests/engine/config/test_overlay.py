"""Overlays: a patch of the whole tree, and where each of its words stands."""

from typing import Any

from engine.config.overlay import laid_over
from engine.config.tree import Document, Kind, parse
from engine.errors import Place, Problem


def _laid(files: dict[str, str], patch: str) -> tuple[dict[str, Document], list[Problem]]:
    kinds = {"providers.d": Kind.PROVIDER, "policies": Kind.POLICY}
    documents = []
    for file, text in files.items():
        value, places, _, _ = parse(file, text.encode())
        documents.append(Document(file, kinds.get(file.partition("/")[0], Kind.ROUTES), value, places))
    value, places, _, _ = parse("overlays/o.yaml", patch.encode())
    laid, problems = laid_over(documents, Document("overlays/o.yaml", Kind.ROUTES, value, places))
    return {document.file: document for document in laid}, problems


def _values(files: dict[str, str], patch: str) -> dict[str, Any]:
    return {file: document.value for file, document in _laid(files, patch)[0].items()}


def test_mappings_merge_and_the_rest_is_replaced() -> None:
    """Key by key down to scalars and lists, which are taken whole."""
    base = {"routes.yaml": "defaults: {providers: [a, b], deadline: 5m, retry: {attempts: 2}}\n"}
    patch = "defaults: {providers: [c], retry: {backoff: 1s..2s}}\n"
    assert _values(base, patch)["routes.yaml"] == {
        "defaults": {"providers": ["c"], "deadline": "5m", "retry": {"attempts": 2, "backoff": "1s..2s"}}
    }


def test_each_name_is_patched_in_the_file_that_has_it() -> None:
    """The tree is one, however many files it is written in; a new name goes into the first."""
    base = {"policies/a.yaml": "teams: {x: {owner: a}}\n", "policies/b.yaml": "teams: {y: {owner: b}}\n"}
    patch = "teams: {y: {owner: c}, z: {owner: d}}\n"
    assert _values(base, patch) == {
        "policies/a.yaml": {"teams": {"x": {"owner": "a"}, "z": {"owner": "d"}}},
        "policies/b.yaml": {"teams": {"y": {"owner": "c"}}},
    }


def test_a_list_of_the_tree_is_replaced_in_all_its_files() -> None:
    """Rules of `routes.d` do not come back through the side door."""
    base = {"routes.yaml": "routes: [{name: a}]\n", "routes.d/x.yaml": "routes: [{name: b}]\nmodels: {}\n"}
    assert _values(base, "routes: [{name: c}]\n") == {
        "routes.yaml": {"routes": [{"name": "c"}]},
        "routes.d/x.yaml": {"models": {}},
    }


def test_a_mapping_over_lists_replaces_them() -> None:
    """What is no list is for the schema to refuse, in the overlay's words."""
    base = {"routes.yaml": "routes: [{name: a}]\n", "routes.d/x.yaml": "routes: [{name: b}]\nmodels: {}\n"}
    assert _values(base, "routes: {name: c}\n") == {
        "routes.yaml": {"routes": {"name": "c"}},
        "routes.d/x.yaml": {"models": {}},
    }


def test_a_section_that_no_file_has() -> None:
    """With no policy file at all the patch is a document of its own, written in the overlay."""
    assert _values({"routes.yaml": "version: 1\n"}, "teams: {x: {}}\n")["overlays/o.yaml"] == {"teams": {"x": {}}}


def test_a_provider_is_patched_by_its_id() -> None:
    """`providers` stands for the files of that folder."""
    base = {"providers.d/a.yaml": "id: a\ntimeouts: {total: 5m}\n"}
    patch = "providers: {a: {timeouts: {connect: 1s}}}\n"
    assert _values(base, patch)["providers.d/a.yaml"]["timeouts"] == {"total": "5m", "connect": "1s"}


def test_places_point_to_where_a_value_is_written() -> None:
    """A value of the overlay is found in the overlay, its neighbours stay where they are."""
    base = {"routes.yaml": "defaults:\n  deadline: 5m\n  retry: {attempts: 2}\n"}
    places = _laid(base, "defaults:\n  retry: {attempts: 3}\n")[0]["routes.yaml"].places
    assert places.value(("defaults", "retry", "attempts")) == Place("overlays/o.yaml", 2, 21)
    assert places.value(("defaults", "deadline")) == Place("routes.yaml", 2, 13)


def test_what_fits_nowhere_is_a_problem() -> None:
    """Neither a misspelt section nor a provider that does not exist is ignored; `x-` keys are free."""
    base = {"providers.d/alpha.yaml": "id: alpha\n"}
    _, problems = _laid(base, "x-a: 1\nmodles: {}\nproviders: {alfa: {}}\n")
    assert [(p.slug, p.key, p.hint) for p in problems] == [
        ("unknown-key", "modles", "did you mean 'models'?"),
        ("unknown-key", "providers.alfa", "did you mean 'alpha'?"),
    ]


def test_the_base_stays_as_it_is() -> None:
    """Laying an overlay over changes nothing of what it is laid over."""
    value, places, _, _ = parse("routes.yaml", b"aliases: {a: b}\n")
    document = Document("routes.yaml", Kind.ROUTES, value, places)
    patch, patch_places, _, _ = parse("overlays/o.yaml", b"aliases: {c: d}\n")
    laid, _ = laid_over([document], Document("overlays/o.yaml", Kind.ROUTES, patch, patch_places))
    assert (document.value, laid[0].value) == ({"aliases": {"a": "b"}}, {"aliases": {"a": "b", "c": "d"}})
