"""The first five minutes of a newcomer: the built wheel, an empty directory, an empty home, the printed commands."""

import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SOURCES = ("pyproject.toml", "README.md", "LICENSE")


@dataclass
class Demo:
    """`engine serve --demo` in an empty directory, and what it printed once it served."""

    folder: Path
    environment: dict[str, str]
    port: int
    printed: str = ""
    lines: list[str] = field(default_factory=list)

    def run(self, command: str) -> str:
        """What a command prints that is typed beside it, as it stands."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def key(self) -> str:
        found: list[str] = re.findall(r"eng_dev_[\w-]+", self.printed)
        return found[0]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds, and nothing of the repository."""
    base = tmp_path_factory.mktemp("wheel")
    source = base / "source"
    shutil.copytree(ROOT / "engine", source / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    for name in SOURCES:
        shutil.copy(ROOT / name, source / name)
    python = [sys.executable, "-m"]
    build = [*python, "build", "--wheel", "--no-isolation", "--outdir", str(base), str(source)]
    subprocess.run(build, capture_output=True, timeout=120, check=True)
    wheel = next(base.glob("*.whl"))
    pip = [*python, "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(base / "site"), str(wheel)]
    subprocess.run(pip, capture_output=True, timeout=120, check=True)
    shutil.rmtree(source)
    return base / "site"


@pytest.fixture(scope="module")
def environment(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which nothing is set up."""
    home = tmp_path_factory.mktemp("home")
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "PYTHONPATH": str(installed)}


@pytest.fixture(scope="module")
def demo(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    demo = Demo(tmp_path_factory.mktemp("empty"), environment, port)
    command = [sys.executable, "-m", "engine", "serve", "--demo", "--allow-missing-secrets", "--port", str(port)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=demo.folder, env=environment, text=True, **pipes) as process:  # type: ignore[call-overload]  # the pipes
        guard = threading.Timer(30, process.kill)
        guard.start()
        for line in process.stdout:
            demo.lines.append(line)
            if "sql --data" in "".join(demo.lines[-2:]) and "FROM requests" in line:
                break
        guard.cancel()
        demo.printed = "".join(demo.lines)
        yield demo
        process.terminate()
        assert process.wait(20) == 0


def paragraphs(demo: Demo) -> list[str]:
    return demo.printed.strip().split("\n\n")


def test_what_is_printed(demo: Demo) -> None:
    """The address, one line, and three commands with a key of this start."""
    serving, intro, *commands = paragraphs(demo)

    assert serving == f"serving on http://127.0.0.1:{demo.port}"
    assert "Three things to try" in intro
    assert len(commands) == 3
    assert len(set(re.findall(r"eng_dev_[\w-]+", demo.printed))) == 1


def test_the_printed_commands(demo: Demo) -> None:
    """All three work as printed, in this order; the query shows what the first two cost."""
    curl, sdk, sql = paragraphs(demo)[2:]
    assert shutil.which("curl"), "the README's first command needs curl, and this machine has none"

    assert '"content":"You said: hello"' in demo.run(curl)
    assert demo.run(sdk) == "You said: hello\n"
    table = demo.run(sql).splitlines()
    assert table[0].split() == ["ts", "consumer", "requested_model", "provider", "cost_usd"]
    assert [row.split()[-4:-1] for row in table[1:]] == [["demo", "demo", "sandbox"]] * 2
    assert all(0 < float(row.split()[-1]) < 1e-5 for row in table[1:])


def test_the_request_of_the_readme(demo: Demo) -> None:
    """The README's request gives the head that stands below it, and the query the rows that stand below it."""
    curl, head, sql, table = re.findall(
        r"```console\n\$ (curl [^\n]*)\n(.*?)```.*?\$ (engine sql [^\n]*)\n(.*?)```", README, re.DOTALL
    )[0]
    answer = demo.run(curl.replace("localhost:8080", f"127.0.0.1:{demo.port}").replace("$KEY", demo.key)).splitlines()
    shown = [re.sub("req_[0-9a-f]{28}", "req_", line) for line in head.splitlines()]

    assert set(shown) <= {re.sub("req_[0-9a-f]{28}", "req_", line) for line in answer}
    assert demo.run(sql.replace("engine", f"{sys.executable} -m engine", 1)) == table


def test_the_sdk_example(demo: Demo) -> None:
    """examples/openai_sdk.py, run as its first lines say."""
    variables = f"OPENAI_BASE_URL=http://127.0.0.1:{demo.port}/v1 OPENAI_API_KEY={demo.key}"
    printed = demo.run(f"{variables} {sys.executable} {ROOT / 'examples/openai_sdk.py'}").splitlines()

    assert printed[0].startswith("['demo', ")
    assert printed[1:] == ["You said: hello", "You said: hello again", "2 attempts at sandbox"]


def test_nothing_is_written_elsewhere(demo: Demo) -> None:
    """Usage is kept in ./data; the home gets a cache at most."""
    written = {path.name for path in Path(demo.environment["HOME"]).iterdir()}

    assert {path.name for path in demo.folder.iterdir()} == {"data"}
    assert written <= {".cache"}


def test_an_empty_directory_without_the_demo(environment: dict[str, str], tmp_path: Path) -> None:
    """There is nothing to serve: one sentence that says what is missing, and exit code 1."""
    command = [sys.executable, "-m", "engine", "serve", "--port", "0"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30, check=False
    )

    assert done.returncode == 1
    assert "routes.yaml" in done.stderr
    assert "[no-root]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["validate", "schema routes", "models", "explain unknown-key", "--version"])
def test_commands_of_the_wheel(environment: dict[str, str], tmp_path: Path, command: str) -> None:
    """The wheel has schemas and texts with it: commands run outside the repository."""
    (tmp_path / "routes.yaml").write_text("version: 1\ndefaults: {providers: [p]}\n")
    provider = (ROOT / "engine/sandbox/demo/providers.d/sandbox.yaml").read_text().replace("id: sandbox", "id: p")
    (tmp_path / "providers.d").mkdir()
    (tmp_path / "providers.d/p.yaml").write_text(provider)
    words = [sys.executable, "-m", "engine", *command.split()]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout
