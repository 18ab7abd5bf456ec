from collections.abc import Callable

from msgspec import structs

from engine.planning.coverage import coverage
from engine.planning.run import Result
from engine.snapshot import Snapshot

Planned = Callable[..., Result]


def test_coverage_counts_rules_that_matched_and_models_that_were_asked_for(
    planned: Planned, snapshot: Snapshot
) -> None:
    """What no test touches is listed with its place."""
    results = [planned({"model": "support"}), planned({"model": "support"}, consumer="clinic")]
    covered = coverage(snapshot.program, results)
    assert covered.total == 5
    assert [name for name, _ in covered.missed] == ["model split", "model turns", "rule long-requests"]
    assert str(covered.missed[0][1]).startswith("routes.yaml:")
    assert covered.percent == 40.0


def test_a_configuration_with_nothing_to_exercise_is_exercised(snapshot: Snapshot) -> None:
    """No rules and no virtual models: nothing is missed."""
    bare = structs.replace(snapshot.program, rules=(), virtual={})
    assert coverage(bare, []).percent == 100.0
