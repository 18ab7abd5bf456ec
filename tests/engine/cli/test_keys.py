import hashlib
import re

from click.testing import CliRunner

from engine.cli.keys import command, new_key
from engine.config.build import build
from engine.config.bundle import Bundle

KEY = re.compile(r"eng_(live|test|staging|dev)_[A-Za-z0-9_-]{43}")


def test_a_key_is_printed_once_with_yaml_to_paste() -> None:
    """The first line is the key; the rest is YAML that validates and holds its digest, not the key."""
    result = CliRunner().invoke(command, ["new", "--consumer", "bot", "--env", "test", "--expires", "2027-05-01"])
    assert result.exit_code == 0
    key, yaml = result.stdout.split("\n", 1)
    assert KEY.fullmatch(key)
    assert key not in yaml
    built = build(Bundle(files={"routes.yaml": b"version: 1\n", "policies/a.yaml": yaml.encode()}))
    assert built.problems == ()
    assert built.parts is not None
    caller = built.parts.root.callers[hashlib.sha256(key.encode()).digest()]
    assert (caller.id, str(caller.expires)) == ("bot", "2027-05-01")


def test_no_two_keys_are_alike() -> None:
    """Every key has 256 random bits of its own."""
    keys = {new_key("live") for _ in range(100)}
    assert len(keys) == 100
    assert all(hashlib.sha256(key.encode()).hexdigest() == digest for key, digest in keys)


def test_a_consumer_has_a_name() -> None:
    """What could not stand in the file is refused before a key is made."""
    result = CliRunner().invoke(command, ["new", "--consumer", "a: b"])
    assert result.exit_code == 2
    assert "expected a name such as 'support-bot'" in result.stderr
