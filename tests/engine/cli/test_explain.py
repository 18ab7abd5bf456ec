import json
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from engine.cli import main
from engine.config.slugs import SLUGS

REPOSITORY: Final = Path(__file__).parents[3]


def explained(subject: str, *options: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["explain", subject, "--config", str(REPOSITORY), *options], input=stdin)


def test_a_request_is_explained_with_files_and_lines(tmp_path: Path) -> None:
    """The tree of the decision, and what would be sent; exit code 0."""
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"model": "grok-2"}))
    result = explained(str(request))
    assert result.exit_code == 0
    assert result.stdout.startswith("grok-2 -> x-ai/grok-3\n")
    assert "  (providers.d/" in result.stdout
    assert '  sent, beside the messages: {"model": ' in result.stdout


def test_a_request_that_would_be_refused_says_so() -> None:
    """Exit code 1, with the answer that the caller would get."""
    result = explained("-", stdin='{"model": "no-such-model"}')
    assert result.exit_code == 1
    assert "there is no model 'no-such-model'" in result.stdout


@pytest.mark.parametrize(
    ("subject", "stdin", "said"),
    [
        ("unknown-provder", None, "did you mean 'unknown-provider'?"),
        ("no-such-file.json", None, "neither a file nor the slug of a problem"),
    ],
)
def test_what_cannot_be_explained_is_one_line(subject: str, stdin: str | None, said: str) -> None:
    """Exit code 2, never a traceback."""
    result = explained(subject, stdin=stdin)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("[]", "the body must be a JSON object"),
        ("{", "the body cannot be read as JSON"),
        ('{"model": "support", "x": NaN}', "the body cannot be read as JSON"),
        (r'{"model": "support", "user": "\ud800"}', "the body cannot be read as JSON"),
        ('{"model": "support", "x": %s}' % ("[" * 3000 + "]" * 3000), "the body is nested too deeply"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_as_by_the_gateway(body: str, said: str) -> None:
    """Exit code 1, with the gateway's own 400, since its reader is the one that reads here."""
    result = explained("-", stdin=body)
    assert result.exit_code == 1
    answer = json.loads(result.stdout.removeprefix("  answered: "))
    assert said in answer["error"]["message"]
    assert (answer["error"]["status"], answer["error"]["code"]) == (400, "invalid_json")


def test_an_unknown_consumer_cannot_be_explained() -> None:
    """Whoever asks must be declared."""
    result = explained("-", "--consumer", "nobody", stdin='{"model": "support"}')
    assert result.exit_code == 2
    assert "no consumer 'nobody'" in result.stderr


@pytest.mark.parametrize("slug", sorted(SLUGS))
def test_every_slug_is_documented(slug: str) -> None:
    """What it means, an example of the mistake, and how to mend it."""
    result = explained(slug)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{slug}: ")
    assert "To mend it: " in result.stdout
