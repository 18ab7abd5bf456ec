from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from engine.cli import main

REPOSITORY: Final = Path(__file__).parents[3]

ROUTES: Final = """version: 1
defaults: {providers: [one]}
aliases: {old: org/small}
routes:
  - {name: a-rule, match: {model: "org/large"}, to: org/small@one}
"""
PROVIDER: Final = """id: one
name: One
protocol: openai
base_url: https://one.example/v1
auth: {scheme: bearer, keys: {main: {secret: "${env:KEY}"}}}
models:
  org/small: {upstream: small, context: 8000, features: [streaming], price: free}
  org/large: {upstream: large, context: 9000, features: [streaming], price: free}
"""
GOOD: Final = """tests:
  - name: the old name still works
    given: {request: {model: old, temperature: 0.5}}
    expect: {model: org/small, attempts: [org/small@one], upstream: {body: {model: small, temperature: 0.5}}}
"""
BAD: Final = """tests:
  - name: a rate limit is told with its time
    given:
      request: {model: old}
      world: {at: 2026-11-23T12:00:00Z, draw: 0.25, answers: {one: [{status: 429, retry_after: 20s}]}}
    expect: {status: 200, retry_after: 21s}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A configuration root with one provider, one rule and one routing test that passes."""
    for name, text in (
        ("routes.yaml", ROUTES),
        ("providers.d/one.yaml", PROVIDER),
        ("tests/routing/good.yaml", GOOD),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def ran(root: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["test", "--config", str(root), *options])


def test_success_is_one_line(root: Path) -> None:
    """Silence but for the counts; exit code 0."""
    result = ran(root)
    assert (result.exit_code, result.stdout, result.stderr) == (
        0,
        "ok: 1 tests, 0% of rules and virtual models exercised\n",
        "",
    )


def test_a_failure_prints_the_difference_and_the_decision(root: Path) -> None:
    """Where the test stands, what was expected, and the decision with its places; exit code 1."""
    (root / "tests/routing/bad.yaml").write_text(BAD)
    result = ran(root)
    assert result.exit_code == 1
    assert result.stderr == (
        "tests/routing/bad.yaml:2:5: a rate limit is told with its time\n"
        "  status: expected 200, found 429\n"
        "  retry_after: expected 21.0, found 20.0\n"
        "  the decision:\n"
        "    old -> org/small\n"
        "      pool org/small, ordered, draw 0.25\n"
        "      chain\n"
        "        1. org/small@one  offers org/small  (providers.d/one.yaml:7)\n"
        "\n"
        "1 of 2 tests failed\n"
    )


def test_k_chooses_by_name_or_file(root: Path) -> None:
    """A part of a name is enough; choosing nothing is not success."""
    (root / "tests/routing/bad.yaml").write_text(BAD)
    assert ran(root, "-k", "old name").exit_code == 0
    assert ran(root, "-k", "good.yaml").exit_code == 0
    assert ran(root, "-k", "nothing like it").exit_code == 2


def test_overlays_are_tested_beside_the_base(root: Path) -> None:
    """A patch that breaks a promise is found before it is deployed."""
    (root / "overlays").mkdir()
    (root / "overlays/prod.yaml").write_text("aliases: {old: 'org/large@one'}\n")
    result = ran(root)
    assert result.exit_code == 1
    assert "(overlay prod)" in result.stderr
    assert ran(root, "--overlay", "prod").exit_code == 1


def test_cover_lists_what_no_test_exercises(root: Path) -> None:
    """`--fail-under` makes it a failure."""
    result = ran(root, "--cover", "--fail-under", "50")
    assert result.exit_code == 1
    assert "routes.yaml:5:5: rule a-rule is exercised by no test" in result.stdout
    assert "coverage 0.0% is less than 50%" in result.stderr


def test_junit_has_a_case_for_each_test(root: Path, tmp_path: Path) -> None:
    """CI shows failures with the same words."""
    (root / "tests/routing/bad.yaml").write_text(BAD)
    report = tmp_path / "report.xml"
    assert ran(root, "--junit", str(report)).exit_code == 1
    text = report.read_text()
    assert '<testsuite name="engine test" tests="2" failures="1">' in text
    assert '<failure message="status: expected 200, found 429">' in text


def test_a_report_that_cannot_be_written_is_one_sentence(root: Path) -> None:
    """Exit code 2, with the option and the reason; never a traceback."""
    result = ran(root, "--junit", str(root / "nowhere/report.xml"))
    assert result.exit_code == 2
    said = " ".join(result.stderr.replace("│", " ").split())
    assert "Invalid value for --junit" in said
    assert "No such file or directory" in said


def test_a_name_with_control_characters_is_told_without_them(root: Path) -> None:
    """Neither a terminal nor a reader of XML gets what moves the one's cursor and stops the other."""
    (root / "tests/routing/bad.yaml").write_text(
        BAD.replace("a rate limit", '"\\e[31ma <rate> limit"', 1).replace(" is told with its time", "")
    )
    report = root / "report.xml"
    result = ran(root, "--junit", str(report))
    assert result.exit_code == 1
    assert "\x1b" not in result.stderr
    names = [case.get("name") for case in ET.parse(report).iter("testcase")]
    assert names == ["\N{REPLACEMENT CHARACTER}[31ma <rate> limit", "the old name still works"]


@pytest.mark.parametrize("upstream", ["without: [temperature]", "body: {}", "body: {model: small}"])
def test_what_is_expected_upstream_needs_an_attempt(root: Path, upstream: str) -> None:
    """A request that was refused has sent nothing, whatever the test says is not in it."""
    test = "{name: x, given: {request: {model: nix}}, expect: {upstream: {UPSTREAM}}}"
    (root / "tests/routing/bad.yaml").write_text(f"tests: [{test.replace('UPSTREAM', upstream)}]\n")
    result = ran(root)
    assert result.exit_code == 1
    assert "  upstream: nothing was sent\n" in result.stderr


def test_a_provider_that_is_not_there_has_no_world(root: Path) -> None:
    """A test that scripts a misspelt provider is a mistake, and none of them is run; exit code 2."""
    (root / "tests/routing/bad.yaml").write_text(BAD.replace("{one: [", "{oen: ["))
    result = ran(root)
    assert result.exit_code == 2
    assert "there is no provider 'oen'; did you mean 'one'?  [unknown-provider]" in result.stderr


def test_a_broken_configuration_is_reported_and_nothing_is_run(root: Path) -> None:
    """Exit code 2, in the words of `engine validate`."""
    (root / "routes.yaml").write_text(ROUTES.replace("old: org/small", "old: org/smal"))
    result = ran(root)
    assert result.exit_code == 2
    assert "org/smal" in result.stderr


def test_the_shipped_routing_tests_pass() -> None:
    """The configuration at the root of the repository does what its own tests promise."""
    result = ran(REPOSITORY)
    assert result.exit_code == 0, result.output
