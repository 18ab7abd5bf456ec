from collections.abc import Callable

import pytest

from engine.config.build import Built

Build = Callable[..., Built]


def slugs(result: Built) -> list[str]:
    return [problem.slug for problem in result.problems]


def test_two_cycles_are_two_problems(built: Build) -> None:
    """Each circle of aliases, and each of virtual models, is reported once, whatever leads into it."""
    aliases = "aliases: {a: b, b: a, c: a, d: e, e: d}\n"
    models = "models: {m: {targets: [n]}, n: {targets: [m]}, o: {targets: [m]}, p: {targets: [p]}}\n"
    assert slugs(built({"routes.d/a.yaml": aliases})) == ["alias-cycle"] * 2
    assert slugs(built({"routes.d/a.yaml": models})) == ["model-cycle"] * 2


def test_a_long_chain_is_no_cycle(built: Build) -> None:
    """More than a thousand virtual models in a row are followed to their end without Python's stack."""
    models = (
        "".join(f"  m{n}: {{targets: [m{n + 1}]}}\n" for n in range(1100)) + "  m1100: {targets: [openai/gpt-4o]}\n"
    )
    assert slugs(built({"routes.d/a.yaml": f"models:\n{models}"})) == []


def test_a_pattern_that_feeds_itself_is_a_cycle(built: Build) -> None:
    """An alias whose target matches it again would never end."""
    assert slugs(built({"routes.d/a.yaml": 'aliases: {"a/*": "a/a-*"}\n'})) == ["alias-cycle"]


@pytest.mark.parametrize("patterns", ['"a/*": "a/bc*", "a/b*": "openai/*"', '"a/b*": "openai/*", "a/*": "a/bc*"'])
def test_the_most_specific_pattern_goes_on(built: Build, patterns: str) -> None:
    """What an alias leads to goes by the same pattern as at run time, in whichever order they stand: no cycle here."""
    assert slugs(built({"routes.d/a.yaml": f"aliases: {{{patterns}}}\n"})) == []


def test_aliases_may_follow_one_another(built: Build) -> None:
    """An alias of an alias is fine, and of a pattern as well."""
    aliases = 'aliases: {old: gpt-4, older: old, "o/*": "openai/*", o4: o/gpt-4o}\n'
    assert slugs(built({"routes.d/a.yaml": aliases})) == []


def test_the_last_at_counts(built: Build) -> None:
    """A name with an `@` is a pin only when a known provider follows the last one."""
    gamma = 'id: gamma\nprotocol: sandbox\nmodels: {"a/b@latest": {price: free}}\n'
    files = {"providers.d/gamma.yaml": gamma, "routes.d/a.yaml": "models: {x: {targets: [a/b@latest@gamma]}}\n"}
    assert slugs(built(files)) == []
