"""All files, all problems, and nothing checked twice. The sentences themselves are in tests/config/bad."""

from typing import Any

from engine.config.bundle import Bundle
from engine.config.shape import check
from engine.config.tree import Kind

ROUTES = b"version: 1\ndefaults: {providers: [a]}\n"
PROVIDER = b"id: a\nprotocol: openai\nbase_url: https://a.example\nmodels: {x/y: {price: free}}\n"


class Memory:
    """A cache in a dict that knows how often it helped."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.hits = 0

    def get(self, key: str) -> Any:
        self.hits += key in self.kept
        return self.kept.get(key)

    def put(self, key: str, result: Any) -> None:
        assert result is not None
        self.kept[key] = result


def _bundle(files: dict[str, bytes], overlay: str = "") -> Bundle:
    named = {f"{name}.yaml": data for name, data in files.items()}
    return Bundle(files={"routes.yaml": ROUTES, "providers.d/a.yaml": PROVIDER, **named}, overlay=overlay)


def test_documents_come_in_the_order_of_rules() -> None:
    """The root file first, then by path, each with its kind; overlays are not documents."""
    bundle = _bundle({"policies/p": b"teams: {}\n", "routes.d/z": b"aliases: {}\n", "overlays/o": b"aliases: {}\n"})
    checked = check(bundle)
    assert [(document.file, document.kind) for document in checked.documents] == [
        ("routes.yaml", Kind.ROUTES),
        ("policies/p.yaml", Kind.POLICY),
        ("providers.d/a.yaml", Kind.PROVIDER),
        ("routes.d/z.yaml", Kind.ROUTES),
    ]
    assert checked.problems == ()
    assert all(document.sound for document in checked.documents)


def test_problems_of_all_files_are_reported_together() -> None:
    """A file that cannot be read does not stop the check of the others, and is known to be broken."""
    checked = check(_bundle({"policies/p": b"teams: [", "policies/q": b"teems: {}\nrecord: 1\n"}))
    assert [(p.place.file, p.slug) for p in checked.problems] == [
        ("policies/p.yaml", "yaml-syntax"),
        ("policies/q.yaml", "unknown-key"),
        ("policies/q.yaml", "wrong-type"),
    ]
    assert checked.broken == ("policies/p.yaml",)
    assert [document.file for document in checked.documents if not document.sound] == ["policies/q.yaml"]


def test_one_mistake_is_one_problem() -> None:
    """What a problem of the text explains is not explained again by the schema."""
    checked = check(_bundle({"policies/p": b"teams:\n"}))
    assert [p.slug for p in checked.problems] == ["empty-value"]


def test_a_check_with_a_cache_says_the_same() -> None:
    """Every result comes back from the cache as it went in, problems and places included."""
    bundle = _bundle({"policies/p": b"teems: {}\n", "overlays/o": b"providers: {a: {discount: 5}}\n"}, "o")
    cache = Memory()
    first = check(bundle, cache)
    again = check(bundle, cache)
    assert cache.hits == len(cache.kept) == 5
    assert first.problems == again.problems == check(bundle).problems
    assert [d.value for d in first.documents] == [d.value for d in again.documents]


def test_a_cached_check_knows_where_an_overlay_went() -> None:
    """Which file a section is laid over depends on all files of its kind, not on that one alone."""
    overlay = {"overlays/o": b"teams: {t: {owner: x}}\naccess: {anonymus: {models: [m]}}\n"}
    one = {"policies/p": b"teams: {t: {owner: t}}\n", "policies/q": b"access: {anonymous: deny}\n", **overlay}
    other = {**one, "policies/q": b"privacy: {default: {prompts: none}}\n"}
    cache = Memory()
    for files in (one, other, one):
        assert check(_bundle(files, "o"), cache).problems == check(_bundle(files, "o")).problems != ()


def test_only_what_changed_is_read_again() -> None:
    """A change of one file leaves the results of the others in use."""
    cache = Memory()
    check(_bundle({"policies/p": b"teams: {}\n"}), cache)
    check(_bundle({"policies/p": b"teams: {a: {}}\n"}), cache)
    assert cache.hits == 2


def test_an_overlay_is_judged_by_the_patched_schema() -> None:
    """A mistake in an overlay is found there, with the key path that it has there, and only when it is in force."""
    files = {"overlays/o": b"providers:\n  a: {discount: 5}\n"}
    assert check(_bundle(files)).problems == ()
    (problem,) = check(_bundle(files, "o")).problems
    assert (str(problem.place), problem.key, problem.slug) == (
        "overlays/o.yaml:2:17",
        "providers.a.discount",
        "wrong-unit",
    )


def test_an_overlay_can_mend_the_base() -> None:
    """What is replaced is not reported."""
    bundle = _bundle({"policies/p": b"record: {headers: x}\n", "overlays/o": b"record: {headers: [x]}\n"}, "o")
    assert check(bundle).problems == ()


def test_no_secret_is_in_any_problem() -> None:
    """Whatever is wrong with a provider's file, its literals are not repeated."""
    data = PROVIDER + b"auth: {scheme: bearer, keys: {main: {secret: hunter2, weigth: 1}, b: {secret: [hunter2]}}}\n"
    checked = check(Bundle(files={"routes.yaml": ROUTES, "providers.d/a.yaml": data}))
    assert {p.slug for p in checked.problems} == {"literal-secret", "unknown-key"}
    assert "hunter2" not in repr(checked.problems)
