"""A few recorded cases of every kind through the running gateway; `make corpus` replays all of them."""

import pytest

from tests.corpus.asks import SURFACES
from tests.corpus.cases import FOLDER, Case, cases, excluded
from tests.corpus.run import MOST_EXCLUDED, found_in

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason=f"no recorded traffic at {FOLDER}")


@pytest.fixture(scope="module")
def recorded() -> list[Case]:
    return list(cases())


def test_a_case_of_every_kind_holds(recorded: list[Case]) -> None:
    """Plain and streamed answers and errors of each provider and endpoint are told on every surface as they were."""
    reasons = excluded()
    first = {(case.group, case.is_stream, case.status): case for case in reversed(recorded) if case.id not in reasons}
    found = found_in(list(first.values()), SURFACES)

    assert {f"{each.ask.case.id} on {each.ask.surface}": each.wrong for each in found if each.wrong} == {}
    assert len(found) == len(first) * len(SURFACES)


def test_exclusions_are_few_and_known(recorded: list[Case]) -> None:
    """Each excluded case is there and has a reason; they are no list of bugs."""
    reasons = excluded()

    assert reasons.keys() <= {case.id for case in recorded}
    assert all(reasons.values())
    assert len(reasons) <= MOST_EXCLUDED * len(recorded)
