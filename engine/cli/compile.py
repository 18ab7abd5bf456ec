"""`engine _compile`: reads and compiles a configuration for `serve`, in a process of its own that then ends."""

import gc
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import rich_click as click

from engine.cli.cache import DiskCache, cache_file
from engine.config import secrets
from engine.config.build import Built, build
from engine.config.bundle import Bundle, laid_over, read, with_overlay
from engine.config.diagnostics import render
from engine.errors import ConfigUnreadable, Problem
from engine.live.compiled import Compiled, CompiledPart, SecretNeed, encode
from engine.live.slots import RETRY_BUDGET, names
from engine.sandbox.demo import demo_root
from engine.snapshot import Parts, dump, part_hash

__all__ = ["command"]

NICENESS = 10
"""Requests come first where the processors are shared."""

ROOT_FILE = "routes.yaml"
BARE_ROOT = b"version: 1\ndefaults: {providers: [sandbox]}\n"


@click.command(epilog="Examples:\n\n    engine _compile --config . > compiled")
@click.option("--config", required=True, type=click.Path(path_type=Path), help="The configuration root.")
@click.option("--overlay", default="", help="The overlay in force.")
@click.option("--demo-digest", default="", help="SHA-256 (hex) of the demo's key; lays the demo over the root.")
def command(config: Path, overlay: str, demo_digest: str) -> None:
    """Compile a configuration and write the result to stdout, for `engine serve` to read."""
    os.nice(NICENESS)
    gc.disable()  # the process ends with the result: collecting would take a quarter of its time and free nothing
    sys.stdout.buffer.write(encode(_compiled(config, overlay, demo_digest)))


def _compiled(root: Path, overlay: str, demo_digest: str) -> Compiled:
    """What became of the configuration under *root*; one that cannot be read is a refusal like any other."""
    try:
        own = read(root)
        demo = _demo(own, demo_digest) if demo_digest else {}
        bundle = laid_over(own, demo)
        bundle = with_overlay(bundle, overlay) if overlay else bundle
    except ConfigUnreadable as exc:
        line = str(exc)
        return Compiled(bundle_hash="", git_rev="", files={}, laid_over={}, problems=(line,), diagnostics=line)
    cache = DiskCache(cache_file(root, "files"))
    built = build(bundle, cache, today=datetime.now(UTC).date())
    cache.save()
    return _handed_over(built, bundle, own, demo)


def _demo(own: Bundle, digest: str) -> dict[str, bytes]:
    """The demo's files; in an empty directory the root file as well, so that the demo needs nothing."""
    demo = dict(demo_root(digest))
    return demo if ROOT_FILE in own.files else {ROOT_FILE: BARE_ROOT, **demo}


def _handed_over(built: Built, bundle: Bundle, own: Bundle, demo: dict[str, bytes]) -> Compiled:
    parts = built.parts
    return Compiled(
        bundle_hash=built.bundle_hash,
        git_rev=bundle.git_rev,
        files=dict(own.files),
        laid_over=demo,
        problems=tuple(_line(problem) for problem in built.problems),
        diagnostics=render(built.problems, bundle.files).rstrip("\n"),
        config_hash=built.config_hash,
        parts=tuple(_parts(parts)) if parts else (),
        secrets=tuple(_need(need) for need in secrets.needs(parts)) if parts else (),
        tables=tuple(cast("dict[str, object]", row) for row in built.tables),
        retention_days=parts.root.privacy.retention_days if parts else None,
    )


def _line(problem: Problem) -> str:
    """The problem as its one sentence, without the excerpt."""
    return render([problem], {}).rstrip("\n")


def _parts(parts: Parts) -> list[CompiledPart]:
    root = CompiledPart("root", part_hash(parts.root), dump(parts.root), (RETRY_BUDGET,))
    by_id = sorted(parts.providers, key=lambda part: part.provider.id)
    return [root, *(CompiledPart(f"provider/{p.provider.id}", part_hash(p), dump(p), names(p)) for p in by_id)]


def _need(need: secrets.Need) -> SecretNeed:
    return SecretNeed(
        provider=need.provider,
        key=need.key,
        scheme=need.secret.scheme,
        name=need.secret.name,
        place=str(need.place),
        optional=need.optional,
    )
