"""What commands that read usage share: where it is, and having it brought up to date."""

from pathlib import Path

import rich_click as click

from engine.cli.logs import logger
from engine.errors import EngineError
from engine.store.layout import Layout
from engine.store.refresh import refresh

__all__ = ["data_option", "fresh_catalog"]


data_option = click.option(
    "--data",
    envvar="ENGINE_DATA",
    show_envvar=True,
    default="data",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The gateway's data directory.",
)


def fresh_catalog(data: Path) -> Path:
    """The catalog of *data*, complete up to now, or as it is with a note on stderr.

    Raises:
        EngineError: there is no usage in *data*.
    """
    layout = Layout(data)
    if not layout.journal.exists() and not layout.catalog.exists():
        raise EngineError(f"no usage in {data}: is it the data directory that `engine serve` writes to?")
    if refresh(layout, log=logger("console")) is None:
        click.echo("the projector does not answer; what follows is from its last publication", err=True)
    return layout.catalog
