"""The command line, one module per command; wiring lives here.

A command's module is imported when the command runs or its own help is asked for, never before: `engine validate`
pays for neither the server nor the database.
"""

from importlib import import_module
from typing import Any, NamedTuple

import rich_click as click

from engine import __version__
from engine.errors import EngineError

__all__ = ["main"]


class Entry(NamedTuple):
    """One command: the module whose `command` it is, and what it does in a line."""

    module: str
    help: str
    hidden: bool = False


COMMANDS = {
    "serve": Entry("engine.cli.serve", "Serve a configuration."),
    "validate": Entry("engine.cli.validate", "Check a configuration, all problems at once."),
    "test": Entry("engine.cli.test", "Run the routing tests of a configuration."),
    "explain": Entry("engine.cli.explain", "Say how a request would be routed, or what a problem means."),
    "sql": Entry("engine.cli.sql", "Ask the usage data a question."),
    "usage": Entry("engine.cli.usage", "Report what was used and what it cost."),
    "keys": Entry("engine.cli.keys", "Make keys for callers."),
    "models": Entry("engine.cli.models", "List models, their providers and prices."),
    "schema": Entry("engine.cli.schema", "Print or write the schemas of the configuration files."),
    "project": Entry("engine.cli.project", "Load journals into the usage database."),
    "sandbox": Entry("engine.cli.sandbox", "Run the sandbox provider over HTTP."),
    "_worker": Entry("engine.cli.worker", "One worker of `serve`.", hidden=True),
    "_compile": Entry("engine.cli.compile", "Compile a configuration for `serve`.", hidden=True),
    "_query": Entry("engine.cli.query", "Answer one SELECT for `serve`.", hidden=True),
}


class Failed(click.ClickException):
    """The command could not do its work: one line on stderr, exit code 2."""

    exit_code = 2


class LazyGroup(click.RichGroup):
    """The commands of `COMMANDS`. Lists and completion see their names; resolving one imports it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of the commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """What a list of commands needs to know of one: its line of help."""
        entry = COMMANDS.get(cmd_name)
        return entry and click.RichCommand(name=cmd_name, short_help=entry.help, hidden=entry.hidden)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command itself, imported."""
        name, found, rest = super().resolve_command(ctx, args)
        if name is None or found is None:
            return name, found, rest
        command: click.Command = import_module(COMMANDS[name].module).command
        return name, command, rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what we raise on purpose becomes one line, never a traceback."""
        try:
            return super().invoke(ctx)
        except EngineError as exc:
            raise Failed(str(exc)) from exc


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Examples:\n\nengine serve --demo\n\nengine validate --config ./gateway\n\nengine explain unknown-key",
)
@click.version_option(__version__, prog_name="engine", message="%(prog)s %(version)s")
def main() -> None:
    """A declarative gateway to every large-language-model provider."""
