"""Edits of the configuration under load, half of them broken: nobody notices but whoever made the mistake."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.bench import harness
from tests.bench.harness import BenchError, wait_until
from tests.bench.roots import write
from tests.drill.callers import Callers
from tests.drill.report import Line, none, told
from tests.drill.roots import KEY, ROUTES, provider
from tests.drill.scene import Scene, scene

TAKEN_UP_S = 20.0
"""The most that one edit may take until it is served or reported."""
GOOD = "providers.d/a.yaml"
UNFINISHED_RULE = """\
routes:
  - {name: r, match: {model: t/ok, when: 1 +}, to: t/ok}
"""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A broken text, where it goes, and the line that has to be named."""

    path: str
    text: str
    line: int


def mistakes(port: int) -> tuple[Mistake, ...]:
    """One of each kind: syntax, shape, units, names, conditions, meaning, encoding, emptiness."""
    file, lines = provider("a", port), provider("a", port).count("\n")
    routes = ROUTES.count("\n")
    return (
        Mistake(GOOD, file.replace("name: a", "nmae: a"), 2),
        Mistake(GOOD, f"{file}broken: [\n", lines + 1),
        Mistake(GOOD, file.replace("connect: 1s", "connect: 1 second"), 7),
        Mistake(GOOD, f"{file}name: again\n", lines + 1),
        Mistake(GOOD, file.replace("input: 1", "input: -1"), 13),
        Mistake(GOOD, file.replace("context: 100000", "context: many"), 11),
        Mistake("routes.yaml", ROUTES.replace("[a, b]", "[a, zebra]"), 3),
        Mistake("routes.yaml", f"{ROUTES}models:\n  v: {{targets: [t/ok@nobody]}}\n", routes + 2),
        Mistake(
            "routes.yaml",
            f"{ROUTES}routes:\n  - {{name: r, match: {{model: t/ok, when: 1 +}}, to: t/ok}}\n",
            routes + 2,
        ),
        Mistake("routes.yaml", f"{ROUTES}aliases: {{x: y, y: x}}\n", routes + 1),
        Mistake("policies/more.yaml", "teams: {drill: {owner: nobody}}\n", 1),
        Mistake("policies/more.yaml", "consumers:\n\tx: {}\n", 2),
    )


def drill(directory: Path, rounds: int, random: Random) -> Iterator[Line]:
    """*rounds* good and as many broken edits, one after the other."""
    with scene(directory) as at:
        callers = Callers(at.engine.port, KEY, "t/ok", threads=3, pause_s=0.01)
        editor = Editor(at)
        with callers:
            began_s = time.monotonic()
            for n in range(rounds):
                editor.mistake(random.choice(mistakes(at.provider_port)))
                editor.good(n)
            took_s = time.monotonic() - began_s
    yield told("edits", "edits, half of them broken", 2 * rounds)
    yield told("edits", "seconds for one edit, mean", f"{took_s / rounds / 2:.2f}")
    yield told("edits", "requests meanwhile", callers.outcomes.total())
    yield none("edits", "requests that failed", callers.failed)
    yield none("edits", "broken edits that were not reported with their place", len(editor.unreported))
    for mistake in editor.unreported[:3]:
        yield told("edits", "not reported", f"{mistake.path}:{mistake.line}")
    yield none("edits", "good edits that were not served", editor.unserved)
    yield none("edits", "answers under a configuration that was never good", len(callers.configs - editor.served))


class Editor:
    """Somebody who edits files and looks at what becomes of it."""

    def __init__(self, at: Scene) -> None:
        self._at = at
        self.served = {self._ready("config_hash")[:12]}
        """`x-engine-config` of every good configuration."""
        self.unreported: list[Mistake] = []
        self.unserved = 0
        self._undo: tuple[str, str | None] = (GOOD, None)

    def mistake(self, mistake: Mistake) -> None:
        """Break a file, and look for its place in what is said of it."""
        path = self._at.root / mistake.path
        self._undo = mistake.path, path.read_text(encoding="utf-8") if path.exists() else None
        serving = self._ready("config_hash")
        write(path, mistake.text)
        try:
            wait_until(lambda: f"{mistake.path}:{mistake.line}:" in self._ready("diagnostics"), "reported", TAKEN_UP_S)
        except BenchError:
            self.unreported.append(mistake)
        if self._ready("config_hash") != serving:
            self.unreported.append(mistake)

    def good(self, number: int) -> None:
        """Take the mistake back, change a price, and look for the new configuration on answers."""
        path, text = self._undo
        serving = self._ready("config_hash")
        if text is None:
            (self._at.root / path).unlink()
        elif path != GOOD:
            write(self._at.root / path, text)
        write(self._at.root / GOOD, provider("a", self._at.provider_port, dollars=f"{number + 2}"))
        try:
            wait_until(lambda: self._ready("config_hash") != serving, "served", TAKEN_UP_S)
        except BenchError:
            self.unserved += 1
        self.served.add(self._ready("config_hash")[:12])

    def _ready(self, name: str) -> str:
        _, body = harness.fetched(f"{self._at.engine.url}/ready")
        value: str = json.loads(body)[name]
        return value
