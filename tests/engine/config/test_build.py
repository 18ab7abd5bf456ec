from collections.abc import Callable

from engine.config.build import Built, build
from engine.config.bundle import Bundle

Build = Callable[..., Built]


def slugs(result: Built) -> list[str]:
    return [problem.slug for problem in result.problems]


def test_a_clean_configuration_has_parts(built: Build) -> None:
    """Without problems there are parts, both hashes, counts and rows for the usage store."""
    result = built()
    assert result.parts is not None
    assert len(result.config_hash) == len(result.bundle_hash) == 64
    assert result.counts == {
        "files": 5,
        "providers": 2,
        "models": 2,
        "virtual models": 1,
        "aliases": 1,
        "rules": 1,
        "consumers": 1,
    }
    assert {row["table"] for row in result.tables} == {"models", "providers", "prices"}


def test_problems_of_all_stages_come_together(built: Build) -> None:
    """A wrong unit, an unknown name and an unreachable rule in three files are reported in one go."""
    all_rules = 'routes: [{name: a, match: {model: "*"}, to: support}, {name: b, match: {model: support}, to: support}]'
    result = built(
        {
            "providers.d/gamma.yaml": "id: gamma\nprotocol: sandbox\ndiscount: 5\nmodels: {a/b: {price: free}}",
            "routes.d/a.yaml": "models: {small: {targets: [openai/gpt-4oo]}}",
            "routes.d/b.yaml": all_rules,
        }
    )
    assert sorted(slugs(result)) == ["unknown-model", "unreachable-route", "wrong-unit"]
    assert result.parts is None


def test_what_a_broken_file_defines_is_not_unknown(built: Build) -> None:
    """A file that YAML cannot read is one problem, and names it may have defined are none."""
    result = built({"routes.d/a.yaml": "models: {small: [", "policies/a.yaml": "consumers: {x: {team: lab}}\n"})
    assert sorted(slugs(result)) == ["unknown-team", "yaml-syntax"]
    result = built({"policies/a.yaml": "teams: {lab: [", "policies/b.yaml": "consumers: {x: {team: lab}}\n"})
    assert slugs(result) == ["yaml-syntax"]
    uses = "models: {one: {targets: [small]}}\n"
    assert slugs(built({"routes.d/a.yaml": "models: {small: [", "routes.d/b.yaml": uses})) == ["yaml-syntax"]


def test_names_of_an_unsound_file_are_known(built: Build) -> None:
    """A file with a mistake still says which names it defines."""
    unsound = "models: {small: {targets: [openai/gpt-4o], strategy: orderd}}\n"
    result = built({"routes.d/a.yaml": unsound, "routes.d/b.yaml": "models: {one: {targets: [small]}}\n"})
    assert slugs(result) == ["unknown-value"]


def test_a_wrong_routing_test_does_not_stop_serving(built: Build) -> None:
    """Tests are checked with the rest and are not served, so that their mistakes leave the parts alone."""
    result = built({"tests/routing/a.yaml": "tests: [{name: x}]\n"})
    assert result.problems
    assert result.parts is not None


def test_no_root() -> None:
    """A directory without routes.yaml is told so."""
    assert slugs(build(Bundle(files={}))) == ["no-root"]


def test_comments_and_order_of_keys_change_nothing(built: Build, base: Bundle) -> None:
    """The config_hash is of the meaning; the bundle_hash is of the bytes."""
    routes = base.files["routes.yaml"].decode()
    head, models = routes.split("aliases:")
    aliases, models = models.split("models:")
    models, rules = models.split("routes:")
    shuffled = f"# a comment\nroutes:{rules}\nmodels:{models}\naliases:{aliases}\n{head}"
    result = built({"routes.yaml": shuffled})
    assert result.config_hash == built().config_hash
    assert result.bundle_hash != built().bundle_hash


def test_a_default_that_is_written_out_changes_nothing(built: Build, base: Bundle) -> None:
    """What a file says and what the schema says for it are the same configuration."""
    alpha = base.files["providers.d/alpha.yaml"].decode() + "timeouts: {connect: 3s}\n"
    assert built({"providers.d/alpha.yaml": alpha}).config_hash == built().config_hash


def test_the_order_of_a_list_is_meaning(built: Build, base: Bundle) -> None:
    """Another order of providers is another configuration."""
    routes = base.files["routes.yaml"].decode().replace("[alpha, beta]", "[beta, alpha]")
    assert built({"routes.yaml": routes}).config_hash != built().config_hash
