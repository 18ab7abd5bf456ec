"""Undocumented is red: what people see is in the README, and what the README shows is what happens."""

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import rich_click as click
import yaml

from engine.cli import COMMANDS, main
from engine.config.compile.roles import PERMISSIONS, SHIPPED
from engine.config.slugs import SLUGS
from engine.expr.facts import MESSAGE_TABLE, PICTURES_TABLE
from engine.live.metrics import FAMILIES
from engine.store.layout import Layout
from engine.store.projector import Projector
from engine.store.query import ask
from engine.store.text import script

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = ROOT / "examples"


def sections() -> dict[str, str]:
    """The text below each heading of the README."""
    parts = re.split(r"^## (.+)$", README, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(heading: str) -> list[list[str]]:
    """Cells of every table row of a section, without heads."""
    lines = [line for line in sections()[heading].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if not line.startswith("| ---")]


def names(heading: str, column: int = 0) -> set[str]:
    """What stands in code in a column of a section's tables."""
    return {name for row in rows(heading) if len(row) > column for name in re.findall(r"`([^`]+)`", row[column])}


def words_of(source: Path) -> Iterator[str]:
    """Every constant text of a module."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            yield node.value if isinstance(node.value, str) else node.value.decode("latin-1")


def said_in(folder: str, pattern: str) -> set[str]:
    """What of *pattern* stands in the constants of the modules below *folder*."""
    found = re.compile(pattern)
    texts = (text for path in (ROOT / folder).rglob("*.py") for text in words_of(path))
    return {name for text in texts for name in found.findall(text)}


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that people run, with its subcommands."""
    for name, entry in COMMANDS.items():
        if not entry.hidden:
            yield from _with_subcommands(name, import_module(entry.module).command)


def _with_subcommands(name: str, command: Any) -> Iterator[tuple[str, click.Command]]:
    inner = getattr(command, "commands", {})
    if not inner:
        yield name, command
    for word, subcommand in inner.items():
        yield from _with_subcommands(f"{name} {word}", subcommand)


def options() -> Iterator[tuple[str, click.Option]]:
    for name, command in commands():
        yield from ((name, option) for option in command.params if isinstance(option, click.Option))


COMMAND_CASES = [pytest.param(name, command, id=name) for name, command in commands()]
OPTION_CASES = [pytest.param(option, id=f"{name}{option.opts[0]}") for name, option in options()]


def test_the_first_command_is_known() -> None:
    """The group of commands itself has help and an example."""
    assert main.help
    assert "engine serve --demo" in (main.epilog or "")


@pytest.mark.parametrize(("name", "command"), COMMAND_CASES)
def test_a_command_is_documented(name: str, command: click.Command) -> None:
    """Each has help, an example of itself, and a row in the README."""
    assert command.help
    assert f"engine {name}" in (command.epilog or "")
    assert f"engine {name}" in names("Commands")


def test_no_command_is_made_up() -> None:
    """The README's table has commands that exist, and no others."""
    assert {name for name in names("Commands") if name.startswith("engine ")} == {f"engine {n}" for n, _ in commands()}


@pytest.mark.parametrize("option", OPTION_CASES)
def test_an_option_has_help(option: click.Option) -> None:
    """Every option says what it does, in a sentence."""
    assert option.help
    assert option.help.endswith(".")


def test_options_in_the_readme_exist() -> None:
    """Flags named in the table of commands are flags of that command."""
    known = {f"engine {name}": {word for o in command.params for word in o.opts} for name, command in commands()}
    for command, does in rows("Commands")[1:]:
        assert set(re.findall(r"(--[a-z-]+)", does)) <= known[command.strip("`")]


def test_variables_are_documented() -> None:
    """The README lists every ENGINE_ variable, and none that does nothing."""
    read = {option.envvar for _, option in options() if option.envvar}
    assert read == names("Where a process runs")


@pytest.mark.parametrize("name", sorted(names("Where a process runs", 1) - {"console", "json"}))
def test_defaults_are_those_of_the_code(name: str) -> None:
    """A default in the table of variables is the default of the flag."""
    defaults = {str(option.default) for command, option in options() if command == "serve"}
    assert name in defaults | {f"{value}.0" for value in defaults} or f"{name}.0" in defaults


def test_paths_are_documented() -> None:
    """The README lists every path; that each exists is asked of the running gateway."""
    served = said_in("engine/server", r"^(/(?:(?:v1|v1beta|-|chat)/[A-Za-z0-9_/{}:-]+|health|ready|metrics))$")
    assert {path.split()[1] for path in names("Paths") if path.startswith(("GET /", "POST /"))} - {"/schema"} == served


def test_facts_of_templates_are_documented() -> None:
    """The table has every fact, and none that does not exist."""
    lists = {"request.messages", "request.turns"}
    assert names("A provider with an API of its own") == {*MESSAGE_TABLE, *PICTURES_TABLE, *lists}


def test_permissions_and_roles_are_documented() -> None:
    """The table of permissions is the one in the code, cell by cell."""
    table = [row for row in rows("Paths") if len(row) == 1 + len(SHIPPED)]
    roles, *lines = table
    assert roles[1:] == list(SHIPPED)
    assert [line[0].strip("`") for line in lines] == list(PERMISSIONS)
    for permission, *cells in lines:
        having = {role for role, cell in zip(SHIPPED, cells, strict=True) if cell == "yes"}
        assert having == {role for role, granted in SHIPPED.items() if permission.strip("`") in granted}


def test_headers_are_documented() -> None:
    """Every header of the gateway's own, asked for or given, stands in a table; and none else does."""
    spoken = said_in("engine/gateway", r"\b(x-engine-[a-z-]+|x-should-retry|retry-after(?:-ms)?|x-request-id)\b")
    spoken |= said_in("engine/server", r"\bx-engine-[a-z-]+\b")
    listed = {name.partition(":")[0] for name in names("Headers")}
    assert spoken == listed - {"request-id"}


def test_metrics_are_documented() -> None:
    """Every metric stands in the table with its labels."""
    spoken = said_in("engine/live", r"^(engine_[a-z_]+)$") | said_in("engine/cli", r"^(engine_journal_[a-z_]+)$")
    table = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[1])) for row in rows("Metrics")[1:]}

    assert set(table) == spoken
    for family in FAMILIES:
        assert table[family.name] == set(family.labels)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    layout = Layout(tmp_path_factory.mktemp("docs"))
    with Projector(layout, log=None) as projector:  # type: ignore[arg-type]  # nothing goes wrong
        projector.publish()
    return layout.catalog


def test_tables_and_views_are_documented(catalog: Path) -> None:
    """The README lists what the catalog has, and everything there has a comment of its own."""
    described = ask(script("describe.sql"), catalog, rows=10_000).rows
    assert {str(row[0]) for row in described} == names("Usage in SQL")
    assert all(comment and meaning for _, comment, _, _, meaning in described)


@pytest.mark.parametrize("query", re.findall(r'engine sql "([^"]+)"', README))
def test_queries_in_the_readme_run(catalog: Path, query: str) -> None:
    """A query that is shown is one that the catalog answers."""
    assert ask(query, catalog).columns


@pytest.mark.parametrize("name", sorted(SLUGS))
def test_a_slug_is_documented(name: str) -> None:
    """`engine explain SLUG` says what is wrong, shows it, and says how to mend it."""
    slug = SLUGS[name]
    assert slug.meaning.endswith(".")
    assert slug.mend.endswith(".")
    assert slug.example.strip()


def test_slugs_used_are_those_documented() -> None:
    """No problem can carry a slug that `engine explain` does not know."""
    shown = (path for path in (ROOT / "tests/config/bad").rglob("*.txt"))
    carried = {slug for path in shown for slug in re.findall(r"  \[([a-z-]+)\]$", path.read_text(), re.MULTILINE)}
    assert carried <= SLUGS.keys()


@pytest.mark.parametrize(("name", "text"), re.findall(r"```yaml\n# (\S+)\n(.*?)```", README, re.DOTALL))
def test_yaml_in_the_readme_is_the_example(name: str, text: str) -> None:
    """The configuration that is shown is examples/minimal, file by file; others say where they stand."""
    path = ROOT / name if name.startswith("examples/") else EXAMPLES / "minimal" / name
    assert text == path.read_text(encoding="utf-8")


def consoles() -> list[tuple[str, str]]:
    """Every command of a console block that needs no running gateway, and what it prints."""
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    shown = [one.partition("\n") for block in blocks for one in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(command, output) for command, _, output in shown if re.match(r"engine (?!sql)", command)]


def run(command: str) -> subprocess.CompletedProcess[str]:
    """`engine …`, as typed at the top of the repository; problems and output together."""
    words = [sys.executable, "-m", "engine", *shlex.split(command)[1:]]
    merged: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run(words, cwd=ROOT, env=dict(os.environ), text=True, timeout=30, check=False, **merged)


@pytest.mark.parametrize(("command", "output"), consoles())
def test_what_the_readme_shows_is_printed(command: str, output: str) -> None:
    """Commands print what stands below them, letter by letter."""
    assert run(command).stdout == output


@pytest.mark.parametrize("root", ["minimal", "template"])
@pytest.mark.parametrize("arguments", ["validate --strict", "test --cover --fail-under 90"])
def test_the_examples_pass_their_own_ci(arguments: str, root: str) -> None:
    """The roots that are shown are clean by the strictest rules of examples/ci."""
    done = run(f"engine {arguments} --config examples/{root}")
    assert done.returncode == 0, done.stdout


def test_the_workflow_runs_commands_that_exist() -> None:
    """Each `engine` line of the CI example is a command with flags that it has, and passes on the shipped root."""
    workflow = yaml.safe_load((EXAMPLES / "ci/gateway.yml").read_text(encoding="utf-8"))
    steps = workflow["jobs"]["configuration"]["steps"]
    lines = [step["run"] for step in steps if step.get("run", "").startswith("engine ")]

    assert [line.split()[1] for line in lines] == ["validate", "test"]
    for line in lines:
        assert run(f"{line} --config examples/minimal").returncode == 0


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)]+)\)", README))
def test_links_lead_somewhere(target: str) -> None:
    """Every link of the README is a file or folder of the repository."""
    assert (ROOT / target).exists()


def test_make_targets_exist() -> None:
    """The two commands of the README, and what developers use, are targets of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"serve", "test", "check", "bench", "drill"} <= targets
    assert set(re.findall(r"`?make ([a-z-]+)", README)) <= targets
