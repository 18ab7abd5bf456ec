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
        EngineError: there is no usage in *data*, or none has been published and none can be.
    """
    layout = Layout(data)
    if not layout.journal.exists() and not layout.catalog.exists():
        raise EngineError(f"no usage in {data}: is it the data directory that `engine serve` writes to?")
    if refresh(layout, log=logger("console")) is None:
        if not layout.catalog.exists():
            raise EngineError(f"no usage has been published in {data}, and now it cannot be")
        click.echo("usage could not be brought up to date; what follows is from the last publication", err=True)
    return layout.catalog
