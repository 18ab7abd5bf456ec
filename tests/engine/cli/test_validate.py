"""`engine validate`: exit codes, what is printed where, and what is never loaded."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.cli import main
from engine.cli.validate import verdicts
from engine.config import bundle as bundles
from engine.config.diagnostics import render

BASE = Path(__file__).parents[2] / "config" / "base"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A clean configuration that a test may change."""
    return Path(shutil.copytree(BASE, tmp_path / "root"))


def _validate(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["validate", "--config", str(root), *arguments])


def _break(root: Path) -> None:
    (root / "policies/more.yaml").write_text("teams:\n  two: {onwer: x}\n")


def test_success_is_one_line_with_counts(root: Path) -> None:
    """Exit code 0, one line on stdout, silence on stderr."""
    result = _validate(root)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "ok: 5 files, 2 providers, 2 models, 1 virtual model, 1 alias, 1 rule, 1 consumer\n"


def test_problems_go_to_stderr(root: Path) -> None:
    """Exit code 1, the problems on stderr, nothing on stdout."""
    _break(root)
    result = _validate(root)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "policies/more.yaml:2:9: teams.two.onwer: unknown key; did you mean 'owner'?  [unknown-key]" in result.stderr


def test_a_report_for_programs_goes_to_stdout(root: Path) -> None:
    """A format other than human is the output of the command."""
    _break(root)
    result = _validate(root, "--format", "json")
    assert result.exit_code == 1
    assert [problem["slug"] for problem in json.loads(result.stdout)["problems"]] == ["unknown-key"]


def test_annotations_point_into_the_working_directory(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CI runs at the top of a repository, of which the configuration is a folder."""
    _break(root)
    monkeypatch.chdir(root.parent)
    assert f"file={root.name}/policies/more.yaml,line=2" in _validate(root, "--format", "github").stdout


def test_every_overlay_is_checked(root: Path) -> None:
    """A mistake in an overlay is found without naming it; naming another one leaves it out."""
    (root / "overlays").mkdir()
    (root / "overlays/prod.yaml").write_text("defaults: {deadline: 5}\n")
    (root / "overlays/dev.yaml").write_text("defaults: {deadline: 5s}\n")
    result = _validate(root)
    assert result.exit_code == 1
    assert result.stderr.startswith("overlays/prod.yaml:1:22: defaults.deadline: expected a duration")
    assert _validate(root, "--overlay", "dev").exit_code == 0
    assert _validate(root, "--overlay", "prd").exit_code == 2


def test_warnings_fail_only_when_strict(root: Path) -> None:
    """A warning is printed and counted, and CI may refuse it."""
    (root / "routes.d").mkdir()
    (root / "routes.d/more.yaml").write_text("models:\n  small: {targets: [{model: openai/gpt-4o, weight: 2}]}\n")
    result = _validate(root)
    assert result.exit_code == 0
    assert "warning: models.small.targets.0.weight" in result.stderr
    assert result.stdout.endswith(", 1 warning\n")
    assert _validate(root, "--strict").exit_code == 1


def test_paths_narrow_the_report(root: Path) -> None:
    """With paths only their problems are reported; a path outside the configuration is a mistake of the call."""
    _break(root)
    assert _validate(root, str(root / "providers.d")).exit_code == 0
    assert _validate(root, str(root / "policies")).exit_code == 1
    assert _validate(root, str(root / "policies/more.yaml")).exit_code == 1
    assert _validate(root, str(root / "nothing.yaml")).exit_code == 2


def test_secrets_are_asked_for_by_name(root: Path, tmp_path: Path) -> None:
    """`--require-secrets` names each secret that is not there; without it nobody asks."""
    assert _validate(root).exit_code == 0
    result = _validate(root, "--require-secrets")
    assert result.exit_code == 1
    assert "provider 'alpha' needs ${env:ALPHA_API_KEY}, which is not there" in result.stderr
    secret = tmp_path / "beta"
    secret.write_text("x")
    file = root / "providers.d/beta.yaml"
    file.write_text(file.read_text().replace("/run/secrets/beta", str(secret)))
    os.environ["ALPHA_API_KEY"] = "x"
    assert _validate(root, "--require-secrets").exit_code == 0


def test_a_second_check_says_the_same(root: Path) -> None:
    """What comes from the cache is what was found the first time; a change of a file is seen at once."""
    _break(root)
    first, second = _validate(root), _validate(root)
    assert (first.exit_code, first.stderr) == (second.exit_code, second.stderr)
    (root / "policies/more.yaml").unlink()
    assert _validate(root).exit_code == 0


DATED = {
    "routes.d/more.yaml": "models: {old: {targets: [alpha/retired]}, older: {targets: [alpha/deprecated]}}\n",
    "policies/more.yaml": """consumers:
  nightly:
    keys:
      first: {sha256: "1f3870be274f6c49b3e31a0c6728957f6eb3f8e4b8e0f8c7a1a5d4cf7e0a1b2c", expires: 2026-03-01}
""",
    "providers.d/alpha.yaml": """  alpha/retired:
    lifecycle: {retired: 2026-03-01, successor: openai/gpt-4o}
    price: [{from: 2026-01-01, usd_per_mtok: {input: 1, output: 2}}]
  alpha/deprecated:
    lifecycle: {deprecated: 2026-03-01, retired: 2027-03-01}
    price: [{from: 2026-01-01, usd_per_mtok: {input: 1, output: 2}}]
""",
}
"""What is added to the files of a clean configuration: things that have an end."""


@pytest.mark.parametrize("today", ["2025-12-31", "2026-02-28", "2026-03-01"])
def test_the_day_is_looked_at(today: str, root: Path, golden: Callable[[Path, str], None]) -> None:
    """Prices that have not begun, keys that have expired, models that are deprecated or retired are warned about."""
    for path, text in DATED.items():
        (root / path).parent.mkdir(exist_ok=True)
        with (root / path).open("a") as file:
            file.write(text)
    bundle = bundles.read(root)
    (verdict,) = verdicts(root, [bundle], date.fromisoformat(today))
    golden(Path(__file__).parent / f"validate/{today}.txt", render(verdict.problems, bundle.files))


def test_a_cache_is_never_a_reason_to_fail(root: Path) -> None:
    """A damaged cache is as good as none, and a directory that cannot be made is no error."""
    _validate(root)
    for file in (Path(os.environ["XDG_CACHE_HOME"]) / "engine").iterdir():
        file.write_bytes(b"\x80\x04cposix\nsystem\n(S'false'\ntR.")
    assert _validate(root).exit_code == 0
    os.environ["XDG_CACHE_HOME"] = "/dev/null/cache"
    assert _validate(root).exit_code == 0


@pytest.mark.parametrize("is_warm", [False, True])
def test_what_a_check_never_loads(root: Path, is_warm: bool) -> None:
    """No server, no database, no HTTP; and when nothing has changed, nothing that checks either."""
    if is_warm:
        _validate(root)
    code = (
        "import sys; from engine.cli import main\n"
        f"try: main(['validate', '--config', {str(root)!r}], prog_name='engine')\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    loaded = set(done.stderr.split())
    assert not loaded & {"litestar", "duckdb", "httpx", "uvicorn", "redis", "asyncio", "ssl", "prometheus_client"}
    assert not is_warm or not loaded & {"jsonschema", "jinja2", "engine.config.build"}
