from pathlib import Path

import pytest

from engine.upstream.secrets import MAX_SECRET_BYTES, RECHECK_S, EnvAndFiles, expand, may_change, references
from engine.values import SecretRef


def test_the_environment() -> None:
    """A variable is its value; a missing or empty one is none."""
    secrets = EnvAndFiles({"A": "x", "EMPTY": ""})
    assert [secrets.read(SecretRef("env", name)) for name in ("A", "EMPTY", "B")] == ["x", None, None]
    assert secrets.read(SecretRef("vault", "A")) is None


def test_the_environment_is_taken_once() -> None:
    """A reference that is said not to change reads the same, whatever becomes of the mapping."""
    environ = {"A": "x"}
    secrets, ref = EnvAndFiles(environ), SecretRef("env", "A")
    environ["A"] = "y"
    assert (may_change(ref), secrets.read(ref)) == (False, "x")
    assert may_change(SecretRef("file", "/key"))


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """A changed file is noticed within a second, also when it is swapped, removed and put back."""
    now = 0.0
    secrets = EnvAndFiles({}, now=lambda: now)
    path = tmp_path / "key"
    ref = SecretRef("file", str(path))
    seen = []
    for content in (None, "one\n", "one", "two \n", None, "three"):
        if content is None:
            path.unlink(missing_ok=True)
        else:
            beside = tmp_path / "beside"
            beside.write_text(content)
            beside.rename(path)
        seen.append(secrets.read(ref))
        now += RECHECK_S
        seen.append(secrets.read(ref))
        now += RECHECK_S / 2
    assert seen == [None, None, None, "one", "one", "one", "one", "two", "two", None, None, "three"]


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe", b"x" * (MAX_SECRET_BYTES + 1)])
def test_a_file_that_holds_no_secret(content: bytes, tmp_path: Path) -> None:
    """Empty, binary and huge files are no secrets, and no errors."""
    path = tmp_path / "key"
    path.write_bytes(content)
    assert EnvAndFiles({}).read(SecretRef("file", str(path))) is None


def test_references_in_text() -> None:
    """References inside a text are found and replaced; one without a value makes the text none."""
    secrets = EnvAndFiles({"HOST": "h", "PORT": "${env:HOST}"})
    assert list(references("https://${env:HOST}:${file:/p}/v1")) == [SecretRef("env", "HOST"), SecretRef("file", "/p")]
    assert expand("https://${env:HOST}/v1", secrets) == "https://h/v1"
    assert expand("${env:PORT}", secrets) == "${env:HOST}"
    assert expand("${env:HOST}${env:NOPE}", secrets) is None
    assert expand("plain $x {y}", secrets) == "plain $x {y}"
