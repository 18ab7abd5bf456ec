"""Problems as text: for people, and in the formats of CI systems."""

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from engine.config.diagnostics import FORMATS, MAX_PROBLEMS, Format, render
from engine.errors import Place, Problem, Severity

GOLDEN = Path(__file__).parent / "diagnostics"
FILES = {"a.yaml": b"models:\n  x: {strategy: randm}\n", "b.yaml": b"ok: 1\n"}
PROBLEMS = [
    Problem(slug="yaml-syntax", place=Place("c.yaml", 9, 9), key="", message="100% of a file\nthat is gone"),
    Problem(
        slug="unknown-value",
        place=Place("a.yaml", 2, 17),
        key="models.x.strategy",
        message="expected one of ordered, weighted, found 'randm'",
        hint="did you mean 'random'?",
        related=(("first", Place("a.yaml", 1, 1)),),
    ),
    Problem(
        slug="weight-unused",
        place=Place("a.yaml", 2, 6),
        key="models.x",
        message="a weight <has> no effect",
        severity=Severity.WARNING,
    ),
]


@pytest.mark.parametrize("style", FORMATS)
def test_a_report(style: Format, golden: Callable[[Path, str], None]) -> None:
    """Each format whole: sorted by place, with hint, related places and severity."""
    golden(GOLDEN / f"{style}.txt", render(PROBLEMS, FILES, style))


def test_colour_adds_nothing_but_colour(golden: Callable[[Path, str], None]) -> None:
    """On a terminal place, hint, slug and excerpt are told apart by colour."""
    golden(GOLDEN / "colour.txt", render(PROBLEMS, FILES, colour=True))


@pytest.mark.parametrize("style", FORMATS)
def test_nothing_wrong(style: Format) -> None:
    """A clean check is an empty report, which each format can say."""
    text = render([], FILES, style)
    match style:
        case "human" | "github":
            assert text == ""
        case "json":
            assert json.loads(text) == {"problems": [], "errors": 0, "warnings": 0, "shown": 0}
        case "sarif":
            assert json.loads(text)["runs"][0]["results"] == []
        case "junit":
            assert ET.fromstring(text).attrib["failures"] == "0"


def test_files_are_named_from_the_repository() -> None:
    """Where the configuration is a folder of it, annotations and results point into that folder, as a path or URI."""
    problem = Problem(slug="tab", place=Place("policies/ä #1.yaml", 1), key="", message="m")
    assert render([problem], {}, "github", root=Path("the gateway")).startswith(
        "::error file=the gateway/policies/ä #1.yaml,"
    )
    (result,) = json.loads(render([problem], {}, "sarif", root=Path("the gateway")))["runs"][0]["results"]
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": "the%20gateway/policies/%C3%A4%20%231.yaml"}


def test_a_report_is_always_the_same() -> None:
    """Several problems of one place do not change places from one run to the next."""
    keys = [Problem(slug="missing-key", place=Place("a.yaml", 1), key="", message=m) for m in ("b", "c", "a")]
    assert render(keys, {}) == render(keys[::-1], {})
    assert [line.split()[1] for line in render(keys, {}).splitlines()] == ["a", "b", "c"]


def test_after_a_hundred_it_is_enough() -> None:
    """The first hundred by place are shown, the rest is counted, and no count is lost."""
    many = [Problem(slug="tab", place=Place("a.yaml", n), key="", message="m") for n in range(250, 0, -1)]
    lines = render(many, {}).splitlines()
    assert len(lines) == MAX_PROBLEMS + 1
    assert (lines[0][:8], lines[-1]) == ("a.yaml:1", "… and 150 more")
    assert json.loads(render(many, {}, "json"))["errors"] == 250


@pytest.mark.parametrize("style", ["sarif", "junit"])
def test_a_report_that_is_kept_has_all(style: Format) -> None:
    """What is left out of it would count as mended, and its file as passed."""
    many = [Problem(slug="tab", place=Place(f"{n}.yaml", 1), key="", message="m") for n in range(250)]
    text = render(many, {}, style)
    if style == "sarif":
        assert len(json.loads(text)["runs"][0]["results"]) == 250
    else:
        assert len(ET.fromstring(text).findall("testcase/failure")) == 250


def test_a_long_line_is_cut_around_the_mistake() -> None:
    """The marker stands under the word that is wrong, wherever that is."""
    row = "a: [" + "x, " * 200 + "WRONG, " + "y, " * 200 + "]"
    problem = Problem(slug="tab", place=Place("f", 1, row.index("WRONG") + 1), key="", message="m")
    _, shown, marker = render([problem], {"f": row.encode()}).splitlines()
    start = marker.index("^")
    assert shown[start : start + 5] == "WRONG"
    assert marker.endswith("^^^^^")
    assert len(shown) < 200


@pytest.mark.parametrize("style", FORMATS)
def test_no_secret_and_no_escape_leaves(style: Format) -> None:
    """Neither the line that is shown nor any word of a problem carries a secret or a control character out."""
    key = "sk-proj-abcdefghijklmnop0123456789"
    row = f"  main: {{secret: hunter2, x: {key}}} \x1b[2J".encode()
    problem = Problem(slug="tab", place=Place("f", 1, 3), key=key, message=f"found {key}\x1b", hint=key)
    text = render([problem], {"f": row}, style)
    assert key not in text
    assert "hunter2" not in text
    assert "\x1b" not in text


def test_a_report_is_xml_whatever_a_file_is_called() -> None:
    """A control character in a name has no place in XML: it is replaced, and readers take the report."""
    problem = Problem(slug="tab", place=Place("a\x01<b>.yaml", 1), key="", message="m")
    (case,) = ET.fromstring(render([problem], {"a\x01<b>.yaml": b""}, "junit"))
    assert case.get("name") == "a\N{REPLACEMENT CHARACTER}<b>.yaml"
    assert "a\N{REPLACEMENT CHARACTER}<b>.yaml:1:1: m" in "".join(case.itertext())
