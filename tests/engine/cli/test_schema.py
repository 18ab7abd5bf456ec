"""`engine schema`: the schemas, for editors and other validators."""

import json
from pathlib import Path

from click.testing import CliRunner

from engine.cli import main
from engine.config.schemas import FOLDER


def test_a_schema_is_printed_as_it_is() -> None:
    """What is printed is the file."""
    result = CliRunner().invoke(main, ["schema", "provider"])
    assert result.stdout == (FOLDER / "provider.json").read_text()


def test_without_a_name_they_are_listed() -> None:
    """Nobody has to know their names."""
    names = CliRunner().invoke(main, ["schema"]).stdout.split()
    assert names == ["policy", "provider", "routes", "routing-test", "scalars"]


def test_all_of_them_are_written(tmp_path: Path) -> None:
    """A configuration repository can carry them, each finding the others."""
    result = CliRunner().invoke(main, ["schema", "--write", str(tmp_path / "schemas")])
    assert result.exit_code == 0
    for file in FOLDER.glob("*.json"):
        assert json.loads((tmp_path / "schemas" / file.name).read_text()) == json.loads(file.read_text())
