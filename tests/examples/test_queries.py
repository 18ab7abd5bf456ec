"""The example queries run against the catalog as it is."""

from pathlib import Path

import pytest

from engine.store.layout import Layout
from engine.store.projector import Projector
from engine.store.query import ask

QUERIES = sorted((Path(__file__).parents[2] / "examples/queries").glob("*.sql"))


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    layout = Layout(tmp_path_factory.mktemp("examples"))
    with Projector(layout, log=None) as projector:  # type: ignore[arg-type]  # nothing goes wrong
        projector.publish()
    return layout.catalog


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_an_example_can_be_run_as_it_stands(catalog: Path, path: Path) -> None:
    """Each starts with a line that says what it answers, and is one SELECT over documented names."""
    text = path.read_text(encoding="utf-8")
    assert text.startswith("-- ")
    assert ask(text, catalog).columns
