"""`engine test`: the routing tests of a configuration, through the request path that serves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import rich_click as click

from engine.cli.cache import DiskCache, cache_file
from engine.cli.compiled import snapshot_of
from engine.cli.scenarios import noon, scenarios
from engine.config import bundle as bundles
from engine.config.bundle import Bundle
from engine.config.ci_formats import in_xml
from engine.config.leaks import printable
from engine.errors import ConfigUnreadable
from engine.planning.coverage import Coverage, coverage
from engine.planning.run import Result, run

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class Variant:
    """The base or one overlay, tested."""

    overlay: str
    results: tuple[Result, ...]
    covered: Coverage


@click.command(
    epilog="Examples:\n\nengine test\n\nengine test --config ./gateway -k grok\n\n"
    "engine test --overlay prod --junit routing.xml\n\nengine test --cover --fail-under 90",
)
@click.option(
    "--config",
    "root",
    envvar="ENGINE_CONFIG",
    default=".",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The configuration root.",
)
@click.option("--overlay", help="Test this overlay only, instead of the base and every overlay.")
@click.option("-k", "text", default="", help="Only tests whose name or file contains this.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write a JUnit report there as well.")
@click.option("--cover", is_flag=True, help="Say which rules and virtual models no test exercises.")
@click.option(
    "--fail-under", type=click.FloatRange(0, 100), help="Fail when less than this percentage of them is exercised."
)
@click.pass_context
def command(
    ctx: click.Context,
    root: Path,
    overlay: str | None,
    text: str,
    junit: Path | None,
    *,
    cover: bool,
    fail_under: float | None,
) -> None:
    """Run the routing tests of a configuration: no network, no secrets, a virtual clock.

    Exit code 0 means that all passed, 1 that one failed or too little is covered, 2 that nothing could be run.
    """
    bundle = bundles.read(root)
    names = [overlay] if overlay else ["", *bundles.overlays(bundle)]
    cache = DiskCache(cache_file(root, "files"))
    variants = [_tested(ctx, _variant(bundle, name), cache, text) for name in names]
    cache.save()
    results = [result for variant in variants for result in variant.results]
    if not results:
        chosen = f" that '{text}' chooses" if text else ""
        raise ConfigUnreadable(f"{root} has no routing test{chosen}")
    failed = [result for result in results if result.differences]
    for variant in variants:
        _print_failures(variant)
    if junit is not None:
        _write(junit, _junit(variants))
    base = variants[0].covered
    if cover:
        _print_missed(base)
    if not failed:
        click.echo(f"ok: {len(results)} tests, {base.percent:.0f}% of rules and virtual models exercised")
    is_short = fail_under is not None and base.percent < fail_under
    if is_short:
        click.echo(f"coverage {base.percent:.1f}% is less than {fail_under:g}%", err=True)
    ctx.exit(1 if failed or is_short else 0)


def _variant(bundle: Bundle, overlay: str) -> Bundle:
    return bundles.with_overlay(bundle, overlay) if overlay else bundle


def _tested(ctx: click.Context, bundle: Bundle, cache: DiskCache, text: str) -> Variant:
    """*bundle*'s tests with *text* in their name or file, run."""
    snapshot = snapshot_of(ctx, bundle, cache)
    default_at = noon(datetime.now(UTC))
    chosen = [
        scenario
        for scenario in scenarios(bundle, cache, default_at)
        if text in scenario.name or text in scenario.place.file
    ]
    results = tuple(run(snapshot, scenario) for scenario in chosen)
    return Variant(bundle.overlay, results, coverage(snapshot.program, results))


def _print_failures(variant: Variant) -> None:
    failed = [result for result in variant.results if result.differences]
    for result in failed:
        for line in _told(variant, result):
            click.echo(printable(line), err=True)
    if failed:
        suffix = f" under overlay {variant.overlay}" if variant.overlay else ""
        click.echo(f"{len(failed)} of {len(variant.results)} tests failed{suffix}", err=True)


def _told(variant: Variant, result: Result) -> Iterator[str]:
    """A failed test: where it stands, where it differs, and the decision that was made."""
    scenario = result.scenario
    suffix = f"  (overlay {variant.overlay})" if variant.overlay else ""
    yield f"{scenario.place}: {scenario.name}{suffix}"
    yield from (f"  {difference}" for difference in result.differences)
    if result.decision:
        yield "  the decision:"
        yield from (f"    {line}" for line in result.decision)
    elif result.answer:
        yield f"  the answer: {result.answer.decode(errors='replace')}"
    yield ""


def _print_missed(covered: Coverage) -> None:
    for name, place in covered.missed:
        click.echo(f"{place}: {name} is exercised by no test")


def _write(junit: Path, report: str) -> None:
    try:
        junit.write_text(report, encoding="utf-8")
    except OSError as exc:
        raise click.BadParameter(f"'{junit}' cannot be written: {exc.strerror}", param_hint="--junit") from exc


def _junit(variants: Sequence[Variant]) -> str:
    """One suite for the base and for each overlay, one case for each test."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>"]
    for variant in variants:
        failures = sum(bool(result.differences) for result in variant.results)
        name = in_xml(f"engine test {variant.overlay}".strip())
        lines.append(f'  <testsuite name="{name}" tests="{len(variant.results)}" failures="{failures}">')
        for result in variant.results:
            lines += _case(variant, result)
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>"]) + "\n"


def _case(variant: Variant, result: Result) -> Iterator[str]:
    head = f'    <testcase classname="{in_xml(result.scenario.place.file)}" name="{in_xml(result.scenario.name)}"'
    if not result.differences:
        yield f"{head}/>"
        return
    yield f"{head}>"
    yield f'      <failure message="{in_xml(result.differences[0])}">'
    yield in_xml("\n".join(_told(variant, result)))
    yield "      </failure>"
    yield "    </testcase>"
