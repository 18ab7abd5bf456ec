from collections.abc import Callable

from engine.config.build import Built
from engine.errors import OutcomeKind

Build = Callable[..., Built]


def test_every_flaw_of_every_text_is_reported(built: Build) -> None:
    """Two bad globs of one list are two problems, each at its own place."""
    rule = "routes:\n  - name: r\n    match: {model: ['a[', 'b{']}\n    to: support\n"
    problems = built({"routes.d/a.yaml": rule}).problems
    assert [(problem.slug, problem.key) for problem in problems] == [
        ("bad-pattern", "routes.0.match.model.0"),
        ("bad-pattern", "routes.0.match.model.1"),
    ]


def test_words_of_the_outcome_table(built: Build) -> None:
    """`timeout` is all three timeouts; a list replaces the table's column."""
    model = "models: {small: {targets: [openai/gpt-4o], retry_on: [reset, timeout], failover_on: []}}\n"
    parts = built({"routes.d/a.yaml": model}).parts
    assert parts is not None
    retry = parts.root.virtual[-1].retry
    assert retry.retry_on == {
        OutcomeKind.RESET,
        OutcomeKind.TIMEOUT_FIRST_TOKEN,
        OutcomeKind.TIMEOUT_BETWEEN_TOKENS,
        OutcomeKind.TIMEOUT_TOTAL,
    }
    assert retry.failover_on == frozenset()


def test_values_of_an_edit_are_json(built: Build) -> None:
    """Numbers keep their spelling, and mappings are encoded once, when the configuration is compiled."""
    request = "{default: {temperature: 0.20}, set: {stop: [a, true]}, rename: {a: b}, drop: [c]}"
    parts = built({"routes.d/a.yaml": f"models: {{small: {{targets: [openai/gpt-4o], request: {request}}}}}\n"}).parts
    assert parts is not None
    (edit,) = parts.root.virtual[-1].edits
    assert (edit.default, edit.set) == ((("temperature", b"0.20"),), (("stop", b'["a",true]'),))
    assert (edit.rename, edit.drop) == ((("a", "b"),), ("c",))
