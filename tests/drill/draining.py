"""SIGTERM while streams are open: each of them ends as it would have, and each is written down."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.drill.callers import Callers
from tests.drill.report import Line, none, told
from tests.drill.roots import KEY
from tests.drill.scene import scene

STREAMS = 40
AFTER_S = 2.0
"""From the streams' start to the signal; they last ten seconds."""
GRACE_S = 30.0


def drill(directory: Path, _rounds: int, _random: Random) -> Iterator[Line]:
    """Forty streams over two workers, ended in their middle by nothing but their own end."""
    with scene(directory, "--grace", f"{GRACE_S:.0f}", workers=2) as at:
        with Callers(at.engine.port, KEY, "t/slow", threads=STREAMS, stream=True, requests=1) as callers:
            time.sleep(AFTER_S)
            signalled_s = time.monotonic()
            at.engine.process.send_signal(signal.SIGTERM)
        code = at.engine.process.wait(2 * GRACE_S)
        took_s = time.monotonic() - signalled_s
        whole = at.count("SELECT count(*) FROM requests WHERE status = 200 AND error_kind IS NULL")
    yield told("draining", "streams open at SIGTERM", STREAMS)
    yield none("draining", "streams that were cut", callers.failed)
    yield none("draining", "streams without a whole row", STREAMS - whole)
    yield Line("draining", "exit code", "0", code, code == 0)
    yield Line("draining", "seconds to the end", f"≤ {GRACE_S:.0f}", f"{took_s:.1f}", took_s <= GRACE_S)
