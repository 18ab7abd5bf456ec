"""`make corpus`: recorded traffic through the running gateway, on every surface. Exit code 1 when a case fails."""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from tests.bench import harness
from tests.corpus.asks import SURFACES, ask
from tests.corpus.cases import FOLDER, Case, cases, excluded
from tests.corpus.replay import Finding, check_journal, replay, running

MOST_EXCLUDED = 0.01
"""Of all cases; more would be a list of bugs."""
HEADS = ("provider/endpoint", "surface", "cases", "held", "excluded", "failed")


def chosen(words: argparse.Namespace) -> list[Case]:
    """The cases that are asked for."""
    found = [
        case
        for case in cases()
        if (not words.only or case.group in words.only) and (not words.case or case.id in words.case)
    ]
    return found[:: max(1, len(found) // words.limit)][: words.limit] if words.limit else found


def surfaces_of(case: Case, wanted: Sequence[str]) -> Iterable[str]:
    """Those that the case is asked on."""
    return [name for name in SURFACES if name in wanted or ("native" in wanted and name == case.surface)]


def found_in(picked: Sequence[Case], wanted: Sequence[str]) -> list[Finding]:
    """What became of every case on every surface that is wanted, but for the excluded ones."""
    port, reasons = harness.free_port(), excluded()
    asks = [ask(case, name) for case in picked if case.id not in reasons for name in surfaces_of(case, wanted)]
    with harness.workspace() as directory, running(directory, port) as engine:
        found = asyncio.run(replay(engine, port, {case.id: case for case in picked}, asks))
        check_journal(engine, found)
    return found


def printed(
    picked: Sequence[Case], wanted: Sequence[str], found: Sequence[Finding], say: Callable[[str], object]
) -> None:
    """Say the table, then what failed."""
    reasons = excluded()
    left_out = Counter(
        (case.group, name) for case in picked if case.id in reasons for name in surfaces_of(case, wanted)
    )
    held = Counter((each.ask.case.group, each.ask.surface) for each in found if not each.wrong)
    failed = Counter((each.ask.case.group, each.ask.surface) for each in found if each.wrong)
    rows = [
        (group, name, *map(str, (left + right + out, left, out, right)))
        for group, name in sorted(left_out.keys() | held.keys() | failed.keys())
        for left, right, out in [(held[group, name], failed[group, name], left_out[group, name])]
    ]
    widths = [max(len(row[n]) for row in (HEADS, *rows)) for n in range(len(HEADS))]
    for row in (HEADS, *rows):
        cells = [
            cell.ljust(width) if n < 2 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        say("  ".join(cells).rstrip() + "\n")
    for each in found:
        if each.wrong:
            say(f"\n{each.ask.case.id} {each.ask.case.group} on {each.ask.surface}: {each.wrong}")
    say("\n")


def main() -> int:
    """Replay, print, and say by the exit code whether everything held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", metavar="PROVIDER/ENDPOINT", help="these cases; may be repeated")
    parser.add_argument("--case", action="append", metavar="ID", help="this case; may be repeated")
    parser.add_argument("--surface", action="append", choices=[*SURFACES, "native"], help="only there; may be repeated")
    parser.add_argument("--limit", type=int, help="so many cases, spread evenly")
    words = parser.parse_args()
    say, began_s = sys.stdout.write, time.monotonic()
    if not FOLDER.exists():
        say(f"no recorded traffic at {FOLDER}: nothing to replay\n")
        return 0
    picked, wanted = chosen(words), words.surface or list(SURFACES)
    if not picked:
        say("no such case\n")
        return 1
    found = found_in(picked, wanted)
    printed(picked, wanted, found, say)
    failed, left_out = sum(bool(each.wrong) for each in found), sum(case.id in excluded() for case in picked)
    say(
        f"\n{len(picked)} cases, {len(found)} requests: {len(found) - failed} held, {failed} failed; "
        f"{left_out} cases excluded ({left_out / len(picked):.2%}); {time.monotonic() - began_s:.0f} s\n"
    )
    if not (words.only or words.case or words.limit) and left_out > MOST_EXCLUDED * len(picked):
        say(f"more than {MOST_EXCLUDED:.0%} are excluded\n")
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
