"""`engine schema`: the JSON Schemas of the configuration files, printed or written beside a configuration."""

from pathlib import Path

import rich_click as click

from engine.config import schemas

__all__ = ["command"]

NAMES = tuple(sorted(path.stem for path in schemas.FOLDER.glob("*.json")))


@click.command(
    epilog="Examples:\n\nengine schema provider\n\nengine schema --write ./schemas",
)
@click.argument("name", type=click.Choice(NAMES), required=False)
@click.option("--write", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write all of them there.")
def command(name: str | None, folder: Path | None) -> None:
    """Print the schema NAME, or write all of them for an editor to use.

    They refer to one another by file name, so keep them in one folder. Without arguments the names are listed.
    """
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for each in NAMES:
            (folder / f"{each}.json").write_text(schemas.text(each), encoding="utf-8")
        click.echo(f"wrote {len(NAMES)} schemas to {folder}")
    elif name is not None:
        click.echo(schemas.text(name), nl=False)
    else:
        click.echo("\n".join(NAMES))
