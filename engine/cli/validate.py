"""`engine validate`: the whole configuration checked, base and overlays, without touching a network."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import rich_click as click

from engine.cli.cache import DiskCache, cache_file
from engine.cli.environment import environ, forbids_colour
from engine.cli.garbage import never_collect
from engine.config import bundle as bundles
from engine.config import schemas
from engine.config.bundle import Bundle
from engine.config.diagnostics import FORMATS, Format, render
from engine.errors import ConfigUnreadable, Problem, Severity

__all__ = ["Verdict", "command", "verdicts"]


class Verdict(NamedTuple):
    """The outcome of one check; kept in caches as a plain tuple."""

    problems: tuple[Problem, ...]
    counts: dict[str, int]
    secrets: tuple[tuple[str, str, Problem], ...]
    """Scheme and name of every secret that is needed, and the problem that it is when it is not there."""


@click.command(
    epilog="Examples:\n\nengine validate\n\nengine validate --config ./gateway --strict\n\n"
    "engine validate --format github providers.d/openai.yaml\n\nengine validate --require-secrets --overlay prod",
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--config",
    "root",
    envvar="ENGINE_CONFIG",
    default=".",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The configuration root.",
)
@click.option("--overlay", help="Check this overlay only, instead of the base and every overlay.")
@click.option(
    "--format", "style", type=click.Choice(FORMATS), default="human", show_default=True, help="Of the report."
)
@click.option("--strict", is_flag=True, help="Warnings fail as well.")
@click.option("--require-secrets", is_flag=True, help="Every secret that is needed must be present.")
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[Path, ...],
    root: Path,
    overlay: str | None,
    style: Format,
    *,
    strict: bool,
    require_secrets: bool,
) -> None:
    """Check a configuration and report every problem at once.

    With PATHS only the problems in those files and folders are reported. Exit code 0 is clean (warnings allowed),
    1 means problems, 2 that nothing could be checked.
    """
    never_collect()
    bundle = bundles.read(root)
    chosen = _chosen(bundle, root, paths)
    made = verdicts(root, _variants(bundle, overlay), datetime.now(UTC).date())
    found = set(_problems(made, require_secrets=require_secrets))
    problems = [problem for problem in found if chosen is None or problem.place.file in chosen]
    report = render(problems, bundle.files, style, root=root, colour=_has_colour())
    click.echo(report, nl=False, err=style == "human")
    fails = any(strict or problem.severity is Severity.ERROR for problem in problems)
    if style == "human" and not fails:
        click.echo(_summary(made[0].counts, len(made), len(problems)))
    ctx.exit(1 if fails else 0)


def _variants(bundle: Bundle, overlay: str | None) -> list[Bundle]:
    """What is checked: one overlay, or the base and all of them."""
    if overlay is not None:
        return [bundles.with_overlay(bundle, overlay)]
    return [bundle, *(bundles.with_overlay(bundle, name) for name in bundles.overlays(bundle))]


def _chosen(bundle: Bundle, root: Path, paths: Iterable[Path]) -> set[str] | None:
    """The files of the configuration that *paths* name; None for all.

    Raises:
        ConfigUnreadable: a path names no file of it.
    """
    chosen: set[str] = set()
    for path in paths:
        within = os.path.relpath(path.absolute(), root.absolute())
        found = {name for name in bundle.files if within in {".", name} or name.startswith(f"{within}/")}
        if not found:
            raise ConfigUnreadable(f"{path} is no file of the configuration at {root}")
        chosen |= found
    return chosen or None


def verdicts(root: Path, variants: Sequence[Bundle], today: date) -> list[Verdict]:
    """A verdict on each variant, made only where there is none of the same files, schemas, day and code.

    *today* (UTC) decides which keys have expired, which models are retired and which prices are in force.
    """
    known, files = DiskCache(cache_file(root, "verdicts")), DiskCache(cache_file(root, "files"))
    made = [_verdict(one, known, files, today) for one in variants]
    files.save()
    known.save()
    return made


def _verdict(bundle: Bundle, known: DiskCache, files: DiskCache, today: date) -> Verdict:
    key = f"{bundle.bundle_hash}:{schemas.digest()}:{today}"
    kept = known.get(key)
    if kept is None:
        kept = import_module("engine.cli.verdict").verdict(bundle, files, today)
        known.put(key, kept)
    return Verdict(*kept)


def _problems(made: Iterable[Verdict], *, require_secrets: bool) -> Iterator[Problem]:
    for verdict in made:
        yield from verdict.problems
        if require_secrets:
            yield from (problem for scheme, name, problem in verdict.secrets if not _is_present(scheme, name))


def _is_present(scheme: str, name: str) -> bool:
    return bool(environ().get(name)) if scheme == "env" else Path(name).is_file()


def _has_colour() -> bool:
    return sys.stderr.isatty() and not forbids_colour()


def _summary(counts: Mapping[str, int], variants: int, warnings: int) -> str:
    """One line with what was checked: `ok: 11 providers, 97 models, 2 overlays, 1 warning`."""
    extra = {"overlays": variants - 1, "warnings": warnings}
    nouns = {**counts, **{noun: count for noun, count in extra.items() if count}}
    return f"ok: {', '.join(_counted(count, noun) for noun, count in nouns.items())}"


def _counted(count: int, noun: str) -> str:
    singular = {"aliases": "alias"}.get(noun, noun.removesuffix("s"))
    return f"{count} {singular if count == 1 else noun}"
