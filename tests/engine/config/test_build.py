from collections.abc import Callable
from datetime import date

import pytest

from engine.config.build import Built, build
from engine.config.bundle import Bundle

Build = Callable[..., Built]

USES_SMALL = "models: {one: {targets: [small]}}"
READS_TENANT = "models: {one: {targets: [openai/gpt-4o], sticky: \"headers['x-tenant']\"}}"
ASKS_REGION = "models: {one: {targets: [qwen/qwen-3-32b], require: {region: eu}}}"
TWO_RULES = """routes:
  - {name: a, match: {model: support, when: request.user == 'x'}, to: support}
  - {name: b, match: {model: support, when: request.stream}, to: support}
"""
BETA = "id: beta\nprotocol: openai\nbase_url: https://b.example\nmodels: {qwen/qwen-3-32b: {price: free}}\n"


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


def test_a_mistake_hides_nothing_of_its_own_file(built: Build, base: Bundle) -> None:
    """A misspelt key, an unknown name and a bad condition in one file are reported in one go."""
    routes = (
        base.files["routes.yaml"]
        .decode()
        .replace("providers: [alpha, beta]", "providers: [alpha, beta]\n  deadlin: 5s")
    )
    routes = routes.replace("[qwen/qwen-3-32b]", "[qwen/qwen-3-32, suport, 5]").replace("input_tokens", "input_token")
    result = built({"routes.yaml": routes})
    assert slugs(result) == ["unknown-key", "unknown-model", "unknown-model", "wrong-type", "unknown-fact"]
    assert [problem.key for problem in result.problems][1:3] == [
        "models.support.fallback.0",
        "models.support.fallback.1",
    ]


def test_list_items_keep_their_index(built: Build) -> None:
    """What follows a wrong item of a list is reported at the index at which it is written."""
    result = built({"routes.d/a.yaml": "models: {small: {targets: [5, openai/gpt-4o, openai/gpt-4oo]}}"})
    assert [problem.key for problem in result.problems] == ["models.small.targets.0", "models.small.targets.2"]


@pytest.mark.parametrize(
    "files",
    [
        {"routes.d/a.yaml": "modles: {small: {targets: [openai/gpt-4o]}}", "routes.d/b.yaml": USES_SMALL},
        {"routes.d/a.yaml": "models: [small]", "routes.d/b.yaml": USES_SMALL},
        {"routes.d/a.yaml": "models: {small: 5}", "routes.d/b.yaml": USES_SMALL},
        {"routes.d/a.yaml": "models: {small: {targets: 5, strategy: ordered}}", "routes.d/b.yaml": USES_SMALL},
        {"routes.d/a.yaml": TWO_RULES.replace("a, match", "5, match")},
        {"routes.d/a.yaml": TWO_RULES.replace("== 'x'", "==")},
        {"routes.d/a.yaml": TWO_RULES.replace("request.user == 'x'", "5")},
        {"routes.d/a.yaml": "models: {one: {targets: [{model: openai/gpt-4o, weight: 2}], stratgy: weighted}}"},
        {"policies/a.yaml": "record: {headers: 5}", "routes.d/a.yaml": READS_TENANT},
        {"policies/a.yaml": "teams: {lab: {models: [5]}}\nconsumers: {x: {team: lab, models: [support]}}"},
        {"policies/a.yaml": "teams: {lab: {models: 5}}\nconsumers: {x: {team: lab}}"},
        {"policies/a.yaml": "teams: {lab: {models: [support], require: {trains: 5}}}"},
        {"routes.d/a.yaml": "models: {one: {targets: [openai/gpt-4o], require: {region: [5, eu]}}}"},
        {"providers.d/beta.yaml": BETA.replace("free", "free, context: many")},
        {"providers.d/beta.yaml": BETA.replace("id: beta", "id: 5")},
        {"providers.d/beta.yaml": BETA.replace("protocol", "protocl")},
        {"providers.d/beta.yaml": BETA + "data: {region: 5}", "routes.d/a.yaml": ASKS_REGION},
        {"providers.d/beta.yaml": BETA + "timeouts: {first_token: 5, total: 10s}"},
        {"providers.d/beta.yaml": BETA.replace("free", "[{from: 5, usd_per_mtok: {input: 1}}]")},
        {"providers.d/beta.yml": BETA, "routes.d/a.yaml": "aliases: {a: qwen/qwen-3-33b}"},
    ],
)
def test_one_mistake_is_one_problem(files: dict[str, str], built: Build) -> None:
    """What hangs on a value that is wrong is not reported for want of it."""
    assert len(built(files, today=date(2026, 11, 23)).problems) == 1


@pytest.mark.parametrize("text", ["tests: [{name: x}]", "tests:", "tests: abc", "tests: {a: {given: 1}}", "{}"])
def test_a_wrong_routing_test_does_not_stop_serving(built: Build, text: str) -> None:
    """Tests are checked with the rest and are not served, so that their mistakes leave the parts alone."""
    result = built({"tests/routing/a.yaml": text})
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


def test_the_most_specific_pattern_counts_wherever_it_stands(built: Build, base: Bundle) -> None:
    """Mappings have no order, so two that differ by it alone are one configuration and mean the same."""
    wide, narrow = '"g*": openai/*', '"gp*": openai/g*'
    routes = base.files["routes.yaml"].decode()
    results = [
        built({"routes.yaml": routes.replace("aliases:", f"aliases:\n  {a}\n  {b}", 1)})
        for a, b in ((wide, narrow), (narrow, wide))
    ]
    assert results[0].config_hash == results[1].config_hash
    for result in results:
        assert result.parts is not None
        assert [glob for glob, _ in result.parts.root.alias_patterns][:2] == ["gp*", "g*"]


def test_a_default_that_is_written_out_changes_nothing(built: Build, base: Bundle) -> None:
    """What a file says and what the schema says for it are the same configuration."""
    alpha = base.files["providers.d/alpha.yaml"].decode() + "timeouts: {connect: 3s}\n"
    assert built({"providers.d/alpha.yaml": alpha}).config_hash == built().config_hash


def test_the_order_of_a_list_is_meaning(built: Build, base: Bundle) -> None:
    """Another order of providers is another configuration."""
    routes = base.files["routes.yaml"].decode().replace("[alpha, beta]", "[beta, alpha]")
    assert built({"routes.yaml": routes}).config_hash != built().config_hash
