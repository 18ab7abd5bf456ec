"""Log lines are one event and its fields."""

import json
import os
from contextlib import suppress

import pytest

from engine.cli.logs import logger


def test_json_lines(capfd: pytest.CaptureFixture[str]) -> None:
    """A line is one JSON object: event, level, UTC time, what was bound, what was said; text stays one line."""
    logger("json", worker=1).error("configuration_refused", diagnostics="routes.yaml:1:1: no\nsecond line")
    out, err = capfd.readouterr()
    line = json.loads(err)

    assert out == ""
    assert err.count("\n") == 1
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "configuration_refused",
        "level": "error",
        "worker": 1,
        "diagnostics": "routes.yaml:1:1: no\nsecond line",
    }


def test_a_line_that_cannot_be_written_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that has gone, or a full disk, stops nothing but the line."""
    readable, writable = os.pipe()
    os.close(readable)
    with os.fdopen(writable, "w", buffering=1) as stderr:
        monkeypatch.setattr("sys.stderr", stderr)
        logger("json").error("configuration_refused")
        monkeypatch.undo()
        with suppress(BrokenPipeError):
            stderr.close()


def test_console_lines(capfd: pytest.CaptureFixture[str]) -> None:
    """For people: the event first, then its fields; no colours where there is no terminal."""
    logger("console").info("serving", port=8080)
    _, err = capfd.readouterr()

    assert "serving" in err
    assert "port=8080" in err
    assert "\033" not in err
