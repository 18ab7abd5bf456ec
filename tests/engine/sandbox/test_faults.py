import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest
from engine.sandbox.faults import MOST_SUBJECTS, WRITTEN, Fault, FaultCounts, FaultKind, parse


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("429", Fault(kind=FaultKind.STATUS, status=429)),
        ("429 x2", Fault(kind=FaultKind.STATUS, status=429, times=2)),
        ("reset", Fault(kind=FaultKind.RESET)),
        ("reset after 5 chunks", Fault(kind=FaultKind.RESET, after_chunks=5)),
        ("stall after 1 chunk x3", Fault(kind=FaultKind.STALL, after_chunks=1, times=3)),
        ("error after 2 chunks", Fault(kind=FaultKind.ERROR, after_chunks=2)),
        ("malformed", Fault(kind=FaultKind.MALFORMED)),
        ("slow first byte 3s", Fault(kind=FaultKind.SLOW, after_s=3.0)),
        ("slow first byte 250ms", Fault(kind=FaultKind.SLOW, after_s=0.25)),
    ],
)
def test_faults_are_read(text: str, fault: Fault) -> None:
    """Each way of writing a fault means what the manual says."""
    assert parse(text) == (fault,)


def test_the_manuals_own_example_is_read() -> None:
    """The example that the error message shows is itself written right."""
    assert [fault.kind for fault in parse(WRITTEN)] == [
        FaultKind.STATUS,
        FaultKind.RESET,
        FaultKind.STALL,
        FaultKind.ERROR,
        FaultKind.MALFORMED,
        FaultKind.SLOW,
    ]


@pytest.mark.parametrize(
    "text", ["explode", "200", "600", "429 x", "429x2", "slow", "reset after chunks", "429,", "٤٢٩"]
)
def test_mistakes_are_told(text: str) -> None:
    """What is no fault is refused with a message that shows how faults are written."""
    with pytest.raises(BadRequest, match="write faults like these") as raised:
        parse(text)
    assert raised.value.reason == "invalid_sandbox_fault"


def test_counted_faults_end() -> None:
    """`x2` fails twice and then no more, for each caller and text by itself."""
    counts = FaultCounts()
    met = [bool(counts.due("a", "429 x2")) for _ in range(4)]
    assert met == [True, True, False, False]
    assert counts.due("b", "429 x2")
    assert counts.due("a", "429 x1")


def test_statuses_come_one_after_the_other() -> None:
    """Of several statuses the first that is left is met, then the next; then what is no status."""
    counts = FaultCounts()
    met = [counts.due("a", "429 x2, 500 x1, reset") for _ in range(4)]
    assert [[fault.status or fault.kind for fault in due] for due in met] == [[429], [429], [500], [FaultKind.RESET]]


def test_counts_are_bounded() -> None:
    """A caller who invents fault texts makes others be forgotten, not memory grow."""
    counts = FaultCounts()
    for n in range(MOST_SUBJECTS + 10):
        counts.due(f"caller {n}", "429 x1")
    assert not counts.due(f"caller {MOST_SUBJECTS}", "429 x1")
    assert counts.due("caller 0", "429 x1")


@given(text=st.text(max_size=30) | st.text(alphabet="429 xresetlowfirbyt,ms", max_size=30))
def test_no_text_is_too_strange(text: str) -> None:
    """Any header is faults or a BadRequest."""
    try:
        faults = parse(text)
    except BadRequest:
        return
    assert all(fault.times is None or fault.times >= 0 for fault in faults)
