from collections.abc import Callable
from datetime import date

import pytest

from engine.config.build import Built

Build = Callable[..., Built]
TODAY = date(2026, 11, 23)


def slugs(result: Built) -> list[str]:
    return [problem.slug for problem in result.problems]


def rules(*written: str) -> dict[str, str]:
    return {"routes.d/a.yaml": "routes:\n" + "".join(f"  - {rule}\n" for rule in written)}


@pytest.mark.parametrize(
    "pair",
    [
        ("{name: a, match: {model: support, when: request.stream}, to: qwen/qwen-3-32b}", "{model: support}"),
        (
            "{name: a, match: {model: support, when: request.stream}, to: qwen/qwen-3-32b}",
            '{when: "not request.stream"}',
        ),
        ('{name: a, match: {model: "openai/*"}, to: qwen/qwen-3-32b}', '{model: "*"}'),
        ("{name: a, match: {model: support}, to: qwen/qwen-3-32b}", "{model: [support, openai/gpt-4o]}"),
    ],
)
def test_a_rule_that_something_is_left_for_is_reachable(built: Build, pair: tuple[str, str]) -> None:
    """A narrower, a conditional or a partly overlapping rule before it does not make a rule unreachable."""
    assert slugs(built(rules(pair[0], f"{{name: b, match: {pair[1]}, to: openai/gpt-4o}}"))) == []


def test_what_is_recorded_may_decide(built: Build) -> None:
    """Headers are recorded whatever their case; metadata keys as they are spelt."""
    files = rules(
        "{name: a, match: {model: support, when: \"headers['X-TIER'] == metadata['tier']\"}, to: qwen/qwen-3-32b}"
    )
    recorded = {"policies/a.yaml": "record: {headers: [x-Tier], metadata: [tier]}\n"}
    assert slugs(built(files | recorded)) == []
    recorded = {"policies/a.yaml": "record: {headers: [x-Tier], metadata: [Tier]}\n"}
    assert slugs(built(files | recorded)) == ["not-recorded"]


def test_no_date_is_judged_without_today(built: Build) -> None:
    """Expiry is a matter of the day: without one nothing is said, on the day itself the key is over."""
    key = 'consumers: {x: {keys: {k: {sha256: "%s", expires: 2026-11-23}}}}\n' % ("ab" * 32)
    assert slugs(built({"policies/a.yaml": key})) == []
    assert slugs(built({"policies/a.yaml": key}, today=TODAY)) == ["key-expired"]
    assert slugs(built({"policies/a.yaml": key}, today=date(2026, 11, 22))) == []


def test_the_engine_is_new_enough(built: Build) -> None:
    """Versions are compared as numbers, part by part."""
    for requires, expected in (("0.1", []), ("0.1.0", []), ("0.0.99", []), ("0.10", ["engine-too-old"])):
        routes = f'version: 1\nrequires: ">={requires}"\nmodels: {{support: {{targets: [openai/gpt-4o@alpha]}}}}\n'
        assert slugs(built({"routes.yaml": routes, "policies/callers.yaml": "x-none: 1\n"})) == expected
