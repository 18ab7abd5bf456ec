"""The command line as a whole: names, help, errors; run as a user runs it."""

import subprocess
import sys
from importlib import import_module

import pytest
import rich_click as click

from engine import __version__
from engine.cli import COMMANDS

VISIBLE = [name for name, entry in COMMANDS.items() if not entry.hidden]


def _run(*arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
    start = ["-c", code] if code else ["-m", "engine"]
    return subprocess.run([sys.executable, *start, *arguments], capture_output=True, text=True, timeout=30, check=False)


def test_the_version_is_printed() -> None:
    """`engine --version` says which engine this is."""
    assert _run("--version").stdout == f"engine {__version__}\n"


def test_the_list_of_commands_imports_none_of_them() -> None:
    """Help is quick: it knows the commands by name and line."""
    code = (
        "import sys; from engine.cli import main\n"
        "try: main(['--help'], prog_name='engine')\n"
        "finally: print([name for name in sys.modules if name.startswith('engine.cli.')])"
    )
    out = _run(code=code).stdout
    assert out.endswith("[]\n")
    assert all(f" {name} " in out for name in VISIBLE)
    assert "_worker" not in out


@pytest.mark.parametrize("name", VISIBLE)
def test_every_command_shows_examples(name: str) -> None:
    """Each command's help has a sentence and commands to copy."""
    command: click.Command = import_module(COMMANDS[name].module).command
    assert command.help
    assert command.epilog
    assert "engine " in command.epilog


def test_an_unknown_command_is_a_short_error() -> None:
    """A slip is answered in a few lines on stderr, with exit code 2."""
    done = _run("validat")
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such command 'validat'" in done.stderr
    assert "Traceback" not in done.stderr


def test_our_own_errors_are_one_line() -> None:
    """What we raise on purpose is never a traceback."""
    done = _run("validate", "--config", "/nowhere")
    assert done.returncode == 2
    assert "/nowhere is not a directory" in done.stderr
    assert "Traceback" not in done.stderr
