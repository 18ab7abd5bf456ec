"""The compile subprocess hands over what a configuration means, or what is wrong with it."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from engine.live.compiled import Compiled, decode
from engine.snapshot import Parts, ProviderPart, RootPart, assemble
from tests.parts import load

PATIENCE_S = 30.0
DIGEST = "ab" * 32
ROUTES = "version: 1\ndefaults: {providers: [groq]}\n"
GROQ = """\
id: groq
name: Groq
protocol: openai
base_url: https://api.groq.com/openai/v1
auth: {scheme: bearer, keys: {main: {secret: "${env:GROQ_API_KEY}"}}}
models:
  meta-llama/llama-3.3-70b:
    upstream: llama-3.3-70b-versatile
    context: 128k
    price: [{from: 2026-01-01, usd_per_mtok: {input: 0.59, output: 0.79}, source: a test}]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    (made / "providers.d").mkdir(parents=True)
    (made / "routes.yaml").write_text(ROUTES)
    (made / "providers.d" / "groq.yaml").write_text(GROQ)
    return made


def compiled(root: Path, *words: str, known: bytes = b"") -> Compiled:
    done = subprocess.run(
        [sys.executable, "-m", "engine", "_compile", "--config", str(root), *words],
        input=known,
        capture_output=True,
        timeout=PATIENCE_S,
        check=True,
    )
    return decode(done.stdout)


def test_parts_secrets_and_tables(root: Path) -> None:
    """The parts make a snapshot; the secrets that are needed and the rows of what is offered come beside them."""
    found = compiled(root)
    parts = [load(part.data) for part in found.parts]
    head = parts[0]
    assert isinstance(head, RootPart)
    snapshot = assemble(Parts(root=head, providers=tuple(p for p in parts if isinstance(p, ProviderPart))))

    assert [part.name for part in found.parts] == ["root", "provider/groq"]
    assert ("meta-llama/llama-3.3-70b", "groq") in snapshot.program.pinned
    assert snapshot.config_hash == found.config_hash
    assert [(n.provider, n.key, n.scheme, n.name, n.optional) for n in found.secrets] == [
        ("groq", "main", "env", "GROQ_API_KEY", False)
    ]
    assert {row["table"] for row in msgspec.msgpack.decode(found.tables)} == {"models", "providers", "prices"}
    assert found.files.keys() == {"routes.yaml", "providers.d/groq.yaml"}


def test_parts_that_are_known_are_not_sent(root: Path) -> None:
    """What the receiver has by the same digest comes without its bytes; what has changed comes whole."""
    before = compiled(root)
    (root / "routes.yaml").write_text(f"# a comment\n{ROUTES}")
    after = compiled(root, known=msgspec.msgpack.encode({part.name: part.digest for part in before.parts}))

    assert [(part.name, bool(part.data)) for part in after.parts] == [("root", True), ("provider/groq", False)]
    assert [part.digest for part in after.parts[1:]] == [part.digest for part in before.parts[1:]]


def test_a_comment_changes_the_bytes_only(root: Path) -> None:
    """The same meaning has the same hash and, file by file, the same digests."""
    before = compiled(root)
    (root / "routes.yaml").write_text(f"# a comment\n{ROUTES}")
    after = compiled(root)

    assert after.config_hash == before.config_hash
    assert after.bundle_hash != before.bundle_hash
    assert [part.digest for part in after.parts[1:]] == [part.digest for part in before.parts[1:]]


def test_problems_are_in_the_words_of_validate(root: Path) -> None:
    """A broken configuration has no parts and no hash; what is wrong has its place, and an excerpt for people."""
    (root / "routes.yaml").write_text(f"{ROUTES}modles: {{}}\n")
    found = compiled(root)

    assert found.parts == ()
    assert found.config_hash == ""
    assert found.problems[0].startswith("routes.yaml:3:1: modles: unknown key")
    assert found.problems[0] in found.diagnostics


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    """What cannot be read is refused like what is wrong, not a crash."""
    found = compiled(tmp_path / "nowhere")

    assert found.parts == ()
    assert "is not a directory" in found.diagnostics


def test_the_demo_needs_nothing(tmp_path: Path) -> None:
    """Laid over an empty directory the demo serves; laid over files, it replaces none of them."""
    found = compiled(tmp_path, "--demo-digest", DIGEST)

    assert [part.name for part in found.parts] == ["root", "provider/sandbox"]
    assert found.files == {}
    assert DIGEST.encode() in found.laid_over["policies/demo.yaml"]


def test_the_demo_is_not_among_the_files(root: Path) -> None:
    """What is kept as last good is the operator's own: a demo's key does not outlive its start."""
    found = compiled(root, "--demo-digest", DIGEST)

    assert "routes.yaml" not in found.laid_over
    assert found.files.keys() == {"routes.yaml", "providers.d/groq.yaml"}
    assert [part.name for part in found.parts] == ["root", "provider/groq", "provider/sandbox"]
