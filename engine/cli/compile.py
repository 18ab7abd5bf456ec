"""`engine _compile`: reads and compiles a configuration for `serve`, in a process of its own that then ends."""

import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import rich_click as click

from engine.cli.cache import DiskCache, cache_file
from engine.cli.garbage import never_collect
from engine.config import secrets
from engine.config.build import Built, build
from engine.config.bundle import Bundle, laid_over, read, with_overlay
from engine.config.diagnostics import render
from engine.errors import ConfigUnreadable, Problem
from engine.live.compiled import Compiled, CompiledPart, SecretNeed, decode_known, encode
from engine.live.slots import RETRY_BUDGET, names
from engine.sandbox.demo import demo_root
from engine.snapshot import Part, Parts, dump, part_hash

__all__ = ["command"]

ROOT_FILE = "routes.yaml"
BARE_ROOT = b"version: 1\ndefaults: {providers: [sandbox]}\n"


@click.command(epilog="Examples:\n\n    engine _compile --config . < /dev/null > compiled")
@click.option("--config", required=True, type=click.Path(path_type=Path), help="The configuration root.")
@click.option("--overlay", default="", help="The overlay in force.")
@click.option("--demo-digest", default="", help="SHA-256 (hex) of the demo's key; lays the demo over the root.")
def command(config: Path, overlay: str, demo_digest: str) -> None:
    """Compile a configuration and write the result to stdout, for `engine serve` to read.

    On stdin are the digests of the parts that it has; nothing at all when it has none.
    """
    never_collect()
    sys.stdout.buffer.write(encode(_compiled(config, overlay, demo_digest, decode_known(sys.stdin.buffer.read()))))


def _compiled(root: Path, overlay: str, demo_digest: str, known: Mapping[str, str]) -> Compiled:
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
    return _handed_over(built, bundle, own, demo, known)


def _demo(own: Bundle, digest: str) -> dict[str, bytes]:
    """The demo's files; in an empty directory the root file as well, so that the demo needs nothing."""
    demo = dict(demo_root(digest))
    return demo if ROOT_FILE in own.files else {ROOT_FILE: BARE_ROOT, **demo}


def _handed_over(
    built: Built, bundle: Bundle, own: Bundle, demo: dict[str, bytes], known: Mapping[str, str]
) -> Compiled:
    parts = built.parts
    return Compiled(
        bundle_hash=built.bundle_hash,
        git_rev=bundle.git_rev,
        files=dict(own.files),
        laid_over=demo,
        problems=tuple(_line(problem) for problem in built.problems),
        diagnostics=render(built.problems, bundle.files).rstrip("\n"),
        config_hash=built.config_hash,
        parts=tuple(_parts(parts, known)) if parts else (),
        secrets=tuple(_need(need) for need in secrets.needs(parts)) if parts else (),
        tables=msgspec.msgpack.encode(built.tables),
        retention_days=parts.root.privacy.retention_days if parts else None,
    )


def _line(problem: Problem) -> str:
    """The problem as its one sentence, without the excerpt."""
    return render([problem], {}).rstrip("\n")


def _parts(parts: Parts, known: Mapping[str, str]) -> Iterator[CompiledPart]:
    """The root, then the providers by name."""
    yield _part("root", parts.root, (RETRY_BUDGET,), known)
    for part in sorted(parts.providers, key=lambda part: part.provider.id):
        yield _part(f"provider/{part.provider.id}", part, names(part), known)


def _part(name: str, part: Part, slots: tuple[str, ...], known: Mapping[str, str]) -> CompiledPart:
    digest = part_hash(part)
    return CompiledPart(name, digest, b"" if known.get(name) == digest else dump(part), slots)


def _need(need: secrets.Need) -> SecretNeed:
    return SecretNeed(
        provider=need.provider,
        key=need.key,
        scheme=need.secret.scheme,
        name=need.secret.name,
        place=str(need.place),
        optional=need.optional,
    )
