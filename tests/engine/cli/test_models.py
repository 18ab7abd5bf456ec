import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.cli.models import command
from engine.errors import ConfigInvalid

GOOD = Path(__file__).parents[2] / "config" / "good" / "everything"


def test_models_as_a_table() -> None:
    """Piped, a table is plain columns: models by name, each with its providers in the order they are tried."""
    result = CliRunner().invoke(command, ["--config", str(GOOD)])
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert [line[:2] for line in lines[1:]] == [
        ["openai/*", "alpha"],
        ["openai/gpt-4o", "alpha"],
        ["openai/gpt-4o-mini", "alpha"],
        ["own/pictures", "own"],
        ["own/words", "own"],
        ["qwen/embed", "beta"],
        ["qwen/qwen-3-32b", "beta"],
        ["qwen/qwen-3-32b", "azure-ad"],
        ["qwen/qwen-3-32b", "gce"],
        ["qwen/qwen-3-32b", "gcp"],
        ["qwen/qwen-3-32b", "sigv4"],
    ]


def test_models_as_json() -> None:
    """JSON has today's price as exact numbers, and what is unknown as null."""
    result = CliRunner().invoke(command, ["--config", str(GOOD), "--format", "json"])
    pattern, gpt, *_ = json.loads(result.stdout)
    assert (gpt["input_usd_per_mtok"], gpt["output_usd_per_mtok"], gpt["context_tokens"]) == (2, 8.000001, 128_000)
    assert (pattern["input_usd_per_mtok"], pattern["remark"]) == (None, "pattern; no price")


def test_what_is_paid_beside_tokens() -> None:
    """Prices by other units share a column of the table; in JSON they have the keys of the YAML."""
    table = CliRunner().invoke(command, ["--config", str(GOOD)]).stdout
    _, gpt, *_ = json.loads(CliRunner().invoke(command, ["--config", str(GOOD), "--format", "json"]).stdout)
    line = next(line for line in table.splitlines() if line.startswith("openai/gpt-4o "))
    assert line.split() == ["openai/gpt-4o", "alpha", "128000", "2", "8.000001", "0.001/request"]
    assert (gpt["usd_per_request"], gpt["usd_per_image"]) == (0.001, None)


def test_a_broken_configuration_is_told(tmp_path: Path) -> None:
    """What does not validate has no models to list."""
    (tmp_path / "routes.yaml").write_text("version: 2\n")
    with pytest.raises(ConfigInvalid):
        CliRunner().invoke(command, ["--config", str(tmp_path)], catch_exceptions=False)
