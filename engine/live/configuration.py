"""The configuration as the supervisor knows it: compiled beside, accepted or refused, and the one that is in force."""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from engine.errors import EngineError
from engine.gateway import Journal
from engine.live.board import Board, BoardFull, Directory
from engine.live.compiled import Compiled, CompileFailed, SecretNeed, compile_beside
from engine.live.control import Part
from engine.live.current import KEPT_HASHES, Result, Status
from engine.live.last_good import LastGood
from engine.live.log import Log
from engine.live.rests import wake
from engine.live.slots import inflight_slots, key_slots
from engine.live.watch import mark
from engine.live.worker_child import Loaded
from engine.values import ConfigRecord

__all__ = ["Configuration", "Source", "StartRefused"]


class StartRefused(EngineError):
    """There is no configuration to serve; the message says everything that must be mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the configuration comes from, and what is asked of it."""

    root: Path
    compile: Callable[[Path], Sequence[str]]
    """Configuration root → command line of the compile subprocess."""
    environ: Mapping[str, str]
    has_secret: Callable[[SecretNeed], bool]
    allow_missing_secrets: bool = False
    exit_on_bad: bool = False
    """Refuse to start on broken files instead of serving the last good ones."""


class Configuration:
    """What is in force, and the only way to change it. *node* names this host in the journal."""

    def __init__(
        self, source: Source, *, board: Board, last_good: LastGood, journal: Journal, log: Log, node: str
    ) -> None:
        self.loaded = Loaded(seq=0, parts={}, digests={}, status=Status())
        self._source = source
        self._board = board
        self._directory = Directory(board)
        self._last_good = last_good
        self._journal = journal
        self._log = log
        self._node = node
        self._needs: tuple[SecretNeed, ...] = ()
        self._secret_marks: dict[str, object] = {}
        self._lacks_secrets = False
        """What was read last is refused for the secrets that it needs: an earlier configuration needs them as well."""

    @property
    def status(self) -> Status:
        """Of what is in force."""
        return self.loaded.status

    def secret_files(self) -> tuple[Path, ...]:
        """Files that hold referenced secrets, to be watched."""
        return tuple(Path(need.name) for need in self._needs if need.scheme == "file")

    def inflight_slots(self) -> Iterator[int]:
        """Slots that count requests in flight."""
        for part in self.loaded.parts.values():
            yield from inflight_slots(part.slots)

    async def start(self) -> None:
        """Load the first configuration: what the files say, or else the last good one.

        Raises:
            StartRefused: neither can be served, or a secret is missing.
        """
        if await self.reload():
            self._wake(self._needs)
            return
        kept = None if self._source.exit_on_bad else self._last_good.root
        if kept is None or self._lacks_secrets:
            raise StartRefused(self.status.diagnostics)
        broken = self.status
        if not await self._load_from(kept):
            raise StartRefused(broken.diagnostics)
        self._set_status(
            replace(self.status, result=Result.REFUSED, diagnostics=broken.diagnostics, from_last_good=True, git_rev="")
        )
        self._log.error("serving_last_good_configuration", config_hash=self.status.config_hash)

    async def reload(self) -> bool:
        """Read the files. True: `loaded` is new and workers have to be told; False: refused, `status` says why."""
        return await self._load_from(self._source.root)

    def settle(self) -> None:
        """Free what only earlier configurations needed. To be called once every worker serves what is in force."""
        self._directory.retain(name for part in self.loaded.parts.values() for name in part.slots)

    async def _load_from(self, root: Path) -> bool:
        """Compile *root* and accept or refuse it."""
        try:
            compiled = await compile_beside(self._source.compile(root), self._source.environ, self.loaded.digests)
        except CompileFailed as exc:
            self._refuse(None, f"the configuration could not be compiled: {exc}")
            return False
        if not compiled.parts:
            self._refuse(compiled, compiled.diagnostics)
            return False
        missing = self._missing(compiled)
        self._lacks_secrets = bool(missing) and not self._source.allow_missing_secrets
        if self._lacks_secrets:
            self._refuse(compiled, "\n".join([MISSING, *map(_describe, missing), MISSING_HINT]))
            return False
        if missing:
            self._log.warning("providers_unconfigured", missing_secrets={need.provider: need.name for need in missing})
        try:
            parts = self._parts(compiled)
        except BoardFull as exc:
            self._refuse(compiled, str(exc))
            return False
        self._accept(compiled, parts)
        if root == self._source.root:
            self._keep(compiled.files)
        return True

    def _keep(self, files: Mapping[str, bytes]) -> None:
        """Have the files at hand for a start on broken ones. What is served does not depend on it."""
        try:
            self._last_good.keep(files)
        except OSError as exc:
            self._log.error("last_good_configuration_not_kept", reason=str(exc))

    def _missing(self, compiled: Compiled) -> list[SecretNeed]:
        """Secrets that are needed and not there."""
        return [need for need in compiled.secrets if not need.optional and not self._source.has_secret(need)]

    def _parts(self, compiled: Compiled) -> dict[str, Part]:
        """The parts as they are sent to workers. An unchanged one stays the same object, on the same slots."""
        parts = {}
        for part in compiled.parts:
            if self.loaded.digests.get(part.name) == part.digest:
                parts[part.name] = self.loaded.parts[part.name]
            else:
                parts[part.name] = Part(part.name, part.data, self._directory.assign(part.slots))
        return parts

    def _accept(self, compiled: Compiled, parts: dict[str, Part]) -> None:
        """Put it in force here, and write it down."""
        before, now = self.status, datetime.now(UTC)
        same = before.config_hash == compiled.config_hash
        status = Status(
            config_hash=compiled.config_hash,
            bundle_hash=compiled.bundle_hash,
            git_rev=compiled.git_rev,
            loaded_at=now,
            tried_at=now,
            result=Result.UNCHANGED if same else Result.LOADED,
            diagnostics=compiled.diagnostics,
            previous=before.previous if same or not before.config_hash else _earlier(before),
        )
        self.loaded = Loaded(
            seq=self.loaded.seq + 1,
            parts=parts,
            digests={part.name: part.digest for part in compiled.parts},
            status=status,
        )
        self._take_secrets(compiled.secrets)
        self._record(status, compiled)
        self._log.info(f"configuration_{status.result}", config_hash=status.config_hash, git_rev=status.git_rev)

    def _refuse(self, compiled: Compiled | None, diagnostics: str) -> None:
        """Keep what is in force, and say why loudly."""
        self._set_status(
            replace(self.status, result=Result.REFUSED, diagnostics=diagnostics, tried_at=datetime.now(UTC))
        )
        self._record(self.status, compiled)
        self._log.error("configuration_refused", diagnostics=diagnostics)

    def _set_status(self, status: Status) -> None:
        self.loaded = replace(self.loaded, status=status)

    def _take_secrets(self, needs: tuple[SecretNeed, ...]) -> None:
        """Remember what is needed; keys whose secret file has changed rest no longer."""
        marks: dict[str, object] = {need.name: mark(Path(need.name)) for need in needs if need.scheme == "file"}
        changed = {
            name for name, seen in marks.items() if name in self._secret_marks and self._secret_marks[name] != seen
        }
        self._needs, self._secret_marks = needs, marks
        self._wake(tuple(need for need in needs if need.name in changed))

    def _wake(self, needs: tuple[SecretNeed, ...]) -> None:
        """End the rests of the keys that these secrets belong to."""
        for need in needs:
            if part := self.loaded.parts.get(f"provider/{need.provider}"):
                wake(self._board, key_slots(need.provider, need.key, part.slots))

    def _record(self, status: Status, compiled: Compiled | None) -> None:
        """Write down what was loaded or refused."""
        loaded = status.result is not Result.REFUSED
        self._journal.append(
            ConfigRecord(
                record_id=str(uuid.uuid4()),
                at=status.tried_at or datetime.now(UTC),
                node=self._node,
                config_hash=compiled.config_hash if compiled else "",
                bundle_hash=compiled.bundle_hash if compiled else "",
                config_git_rev=compiled.git_rev if compiled else "",
                result=status.result,
                files=compiled.texts if compiled else {},
                problems=(compiled.problems if compiled else ()) or ((status.diagnostics,) if not loaded else ()),
                models=compiled.tables if compiled and loaded else b"",
                retention_days=compiled.retention_days if compiled and loaded else None,
            )
        )


MISSING = "secrets are missing:"
MISSING_HINT = "(set them, say `optional: true` on the provider, or start with --allow-missing-secrets)"


def _describe(need: SecretNeed) -> str:
    return f"  {need.place}: provider '{need.provider}' needs ${{{need.scheme}:{need.name}}}"


def _earlier(before: Status) -> tuple[str, ...]:
    return (before.config_hash, *before.previous)[:KEPT_HASHES]
