"""The architecture as a test: imports go down one list, each library has one home, the core is pure."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "engine"
FILES = sorted(PACKAGE.rglob("*.py"))

LAYERS: list[set[str]] = [
    {"errors", "values", "hub"},
    {"expr", "wire", "pricing", "limits", "health"},
    {"rules"},
    {"snapshot"},
    {"config", "gateway", "planning"},
    {"upstream", "store", "sandbox", "live", "server"},
    {"cli"},
]
ACROSS = {
    ("values", "errors"),
    ("hub", "values"),
    ("planning", "gateway"),
    ("server", "live"),
}
"""Imports inside a layer that are allowed."""

HOMES = {
    "litestar": "engine/server",
    "httpx": "engine/upstream",
    "httpcore": "engine/upstream",
    "yaml": "engine/config",
    "jsonschema": "engine/config",
    "jinja2": "engine/expr/parse.py",
    "duckdb": "engine/store",
    "watchfiles": "engine/live",
    "prometheus_client": "engine/live",
    "re2": "engine/expr",
    "structlog": "engine/cli",
    "botocore": "engine/upstream/sigv4.py",
    "google": "engine/upstream/gcp.py",
    "cryptography": "engine/upstream/gcp.py",
}
PURE = {"errors", "values", "hub", "expr", "wire", "pricing", "limits", "health", "rules", "snapshot"}
IMPURE_MODULES = {"os", "time", "random", "secrets", "logging", "socket", "subprocess", "asyncio", "threading"}


def room(path: Path) -> str:
    """`engine/rules/match.py` → `rules`."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


@cache
def imports(path: Path) -> list[tuple[str, int, bool]]:
    """(module, line, inside a function) for every import of a file."""
    found: list[tuple[str, int, bool]] = []

    def visit(node: ast.AST, *, inside: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.extend((alias.name, child.lineno, inside) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                found.append((child.module or "", child.lineno, inside))
            visit(child, inside=inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))

    visit(parsed(path), inside=False)
    return found


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def layer(name: str) -> int:
    return next(number for number, rooms in enumerate(LAYERS) if name in rooms)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    """A room imports only from the layers below it, from itself, and across where it is said."""
    here = room(path)
    if here in {"__init__", "__main__"}:
        return
    for module, line, _ in imports(path):
        if not module.startswith("engine."):
            continue
        there = module.split(".")[1]
        allowed = here == there or layer(there) < layer(here) or (here, there) in ACROSS

        assert allowed, f"{path}:{line}: {here} may not import {there}"


def test_libraries_have_one_home() -> None:
    """Each library is imported in one room (or one file), so that leaving it changes one place."""
    strays = [
        f"{path.relative_to(ROOT)}:{line}: {module}"
        for path in FILES
        for module, line, _ in imports(path)
        if (home := HOMES.get(module.split(".")[0])) and not str(path.relative_to(ROOT)).startswith(home)
    ]

    assert strays == []


def test_core_is_pure() -> None:
    """The layers below the gateway do no I/O, read no clock, no environment and no randomness, and do not log."""
    impure = [
        f"{path.relative_to(ROOT)}:{line}: {module}"
        for path in FILES
        if room(path) in PURE
        for module, line, _ in imports(path)
        if module.split(".")[0] in IMPURE_MODULES
    ]

    assert impure == []


def test_imports_stand_at_the_top() -> None:
    """Imports inside functions hide cycles; only the command line's lazy commands are loaded late, by name."""
    inside = [f"{p.relative_to(ROOT)}:{line}: {m}" for p in FILES for m, line, late in imports(p) if late]

    assert inside == []


def test_environment_is_read_at_the_edge() -> None:
    """`os.environ` and `os.getenv` stand in one module of the command line; secrets reach `upstream` by its port."""
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in FILES}
    readers = [name for name, text in texts.items() if "os.environ" in text or "getenv" in text]
    assert readers == ["engine/cli/environment.py"]


def test_broad_excepts_are_two() -> None:
    """`except Exception` stands in the server's last line and the journal writer's, nowhere else."""
    broad = [
        str(path.relative_to(ROOT))
        for path in FILES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}))
    ]

    assert sorted(broad) == ["engine/server/inference.py", "engine/store/journal.py"]


def test_no_globals() -> None:
    """No module-level state is changed from functions."""
    users = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Global)
    ]

    assert users == []


def test_tests_mirror_the_source() -> None:
    """Every test file below tests/engine has the module it tests."""
    orphans = [
        str(test.relative_to(ROOT)) for test in (ROOT / "tests" / "engine").rglob("test_*.py") if not _has_source(test)
    ]

    assert orphans == []


def _has_source(test: Path) -> bool:
    folder = PACKAGE / test.parent.relative_to(ROOT / "tests" / "engine")
    name = test.stem.removeprefix("test_")
    return (folder / f"{name}.py").exists() or (folder / name).is_dir()
