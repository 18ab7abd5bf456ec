"""What every test folder shares: golden files and an environment that holds nothing of the machine's own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CLEANED_SUFFIXES = ("_API_KEY", "_PROXY", "_proxy")
CLEANED_PREFIXES = ("ENGINE_", "SSL_CERT_")
CLEANED = ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "PY_COLORS", "TERMINAL_WIDTH", "TERM", "GITHUB_ACTIONS")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files with what the code says now")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """`golden(path, text)`: *text* equals the file's content; `pytest --update-golden` writes it instead."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path} is missing: run pytest --update-golden and review what it wrote"
        assert text == path.read_text(encoding="utf-8")

    return compare


def _is_foreign(name: str) -> bool:
    return name in CLEANED or name.startswith(CLEANED_PREFIXES) or name.endswith(CLEANED_SUFFIXES)


@pytest.fixture(autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No variable of the machine reaches a test, and nothing a test starts writes into the home directory."""
    before = dict(os.environ)
    for name in [name for name in os.environ if _is_foreign(name)]:
        del os.environ[name]
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.getbasetemp() / "cache")
    yield
    os.environ.clear()
    os.environ.update(before)
