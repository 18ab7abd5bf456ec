"""`engine serve`: the gateway."""

import asyncio
import os
import shlex
import shutil
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import rich_click as click

from engine.cli.data import data_option
from engine.cli.environment import environ
from engine.cli.keys import new_key
from engine.cli.logs import FORMATS, Format, Logger, logger, speak_for_libraries
from engine.cli.worker_settings import WorkerSettings
from engine.errors import EngineError
from engine.live.compiled import SecretNeed
from engine.live.configuration import Source, StartRefused
from engine.live.supervisor import MOST_WORKERS, Settings, Supervisor
from engine.store.journal import SegmentWriter
from engine.store.layout import Layout
from engine.upstream import EnvAndFiles
from engine.values import SecretRef

__all__ = ["command"]

ENGINE = (sys.executable, "-P", "-m", "engine")
DEFAULT_WORKERS = min(len(os.sched_getaffinity(0)), 4)
"""One a processor; beyond four, an operator decides what the machine is for."""
MAX_BODY_BYTES = 64 << 20
MOST_WAIT_S = 86_400.0
"""A day: who waits longer for the end of requests waits for ever."""
"""A request with a dozen large pictures, in base64."""

F = TypeVar("F", bound=Callable[..., Any])


class Demo(NamedTuple):
    """The demo's key, made at this start, and its SHA-256 (hex)."""

    key: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line, as `command` declares it."""

    config: Path
    overlay: str
    data: Path
    host: str
    port: int
    workers: int
    drain_delay: float
    grace: float
    on_bad_config: str
    allow_missing_secrets: bool
    demo: bool
    node: str
    region: str
    max_body_bytes: int
    trusted_proxies: tuple[str, ...]
    log_format: Format


def _option(name: str, *, help: str, **words: Any) -> Callable[[F], F]:  # noqa: A002 - click's word
    """An option that may also be given as the variable of its name, `ENGINE_…`."""
    variable = f"ENGINE_{name.removeprefix('--').replace('-', '_').upper()}"
    return click.option(name, help=help, envvar=variable, show_envvar=True, **{"show_default": True, **words})


def _networks(_context: click.Context, _option: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what is no network while there is still someone to read it."""
    try:
        return tuple(str(ip_network(network)) for network in value)
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc


@click.command(
    epilog="Examples:\n\n    engine serve --demo --allow-missing-secrets\n\n"
    "    engine serve --config /etc/engine --overlay prod --host 0.0.0.0 --workers 4"
)
@_option("--config", default=".", type=click.Path(path_type=Path), help="The configuration root.")
@_option("--overlay", default="", help="The overlay in force, by its name in overlays/.")
@data_option
@_option("--host", default="127.0.0.1", help="Address to listen on.")
@_option("--port", default=8080, type=click.IntRange(0, 65535), help="Port; 0 for a free one.")
@_option("--workers", default=DEFAULT_WORKERS, type=click.IntRange(1, MOST_WORKERS), help="Serving processes.")
@_option(
    "--drain-delay",
    default=0.5,
    type=click.FloatRange(0, MOST_WAIT_S),
    help="Seconds from SIGTERM, while /ready says 503, until nothing more is accepted; Kubernetes needs 5 to 10.",
)
@_option(
    "--grace",
    default=30.0,
    type=click.FloatRange(0, MOST_WAIT_S),
    help="Seconds that requests may take to end after that.",
)
@_option(
    "--on-bad-config",
    default="last-good",
    type=click.Choice(["last-good", "exit"]),
    help="What a start on broken files does: serve the last good ones, or not start.",
)
@_option("--allow-missing-secrets", is_flag=True, help="Serve without the providers whose secrets are missing.")
@_option("--demo", is_flag=True, help="Lay a sandbox provider, and a caller whose key is made now, over the files.")
@_option("--node", default=socket.gethostname, show_default="the host's name", help="This host in usage rows.")
@_option("--region", default="", help="Where this host is, for `node.region` in rules.")
@_option("--max-body-bytes", default=MAX_BODY_BYTES, type=click.IntRange(1), help="Bound of a request's body.")
@_option(
    "--trusted-proxies",
    multiple=True,
    callback=_networks,
    help="Network whose X-Forwarded-For is believed; may be repeated.",
)
@_option(
    "--log-format",
    default=lambda: "console" if sys.stderr.isatty() else "json",
    show_default="console on a terminal, else json",
    type=click.Choice(FORMATS),
    help="How log lines are written.",
)
def command(**words: Any) -> None:
    """Serve a configuration until SIGTERM or Ctrl-C.

    Edits of its files are taken up while it runs; a broken one is reported and changes nothing. SIGHUP reads them at
    once.
    """
    options = Options(**words)
    log = logger(options.log_format)
    speak_for_libraries(log)
    try:
        options.data.mkdir(parents=True, exist_ok=True)
        journal = SegmentWriter(Layout(options.data).journal, "supervisor", log=log)
    except OSError as exc:
        raise EngineError(f"{options.data} cannot be written to: {exc.strerror}") from exc
    try:
        asyncio.run(_supervisor(options, journal, log).run())
    except StartRefused as exc:
        click.echo(str(exc), err=True)
        sys.exit(1)
    finally:
        journal.close()


def _supervisor(options: Options, journal: SegmentWriter, log: Logger) -> Supervisor:
    """The supervisor that the options ask for."""
    demo = Demo(*new_key("dev")) if options.demo else None
    return Supervisor(
        _settings(options),
        _source(options, demo),
        journal=journal,
        log=log,
        serving=lambda port: _say(_welcome(f"http://{_typed(options.host)}:{port}", options.data, demo)),
    )


def _settings(options: Options) -> Settings:
    """Where this process runs, and how workers and projector are started."""

    def worker(slot: int, listener: int, control: int) -> Sequence[str]:
        told = WorkerSettings(
            slot=slot,
            workers=options.workers,
            listener=listener,
            control=control,
            data=str(options.data),
            drain_delay_s=options.drain_delay,
            grace_s=options.grace,
            node=options.node,
            region=options.region,
            max_body_bytes=options.max_body_bytes,
            trusted_proxies=options.trusted_proxies,
            log_format=options.log_format,
        )
        return (*ENGINE, "_worker", msgspec.json.encode(told).decode())

    return Settings(
        data=options.data,
        host=options.host,
        port=options.port,
        workers=options.workers,
        grace_s=options.drain_delay + options.grace,
        environ=dict(environ()),
        worker=worker,
        projector=(*ENGINE, "project", "--child", "--data", str(options.data), "--log-format", options.log_format),
        node=options.node,
    )


def _source(options: Options, demo: Demo | None) -> Source:
    """Where the configuration comes from."""
    secrets = EnvAndFiles(environ())

    def has_secret(need: SecretNeed) -> bool:
        return secrets.read(SecretRef(need.scheme, need.name)) is not None

    def compiler(root: Path) -> Sequence[str]:
        words = (*ENGINE, "_compile", "--config", str(root), "--overlay", options.overlay)
        return (*words, "--demo-digest", demo.digest) if demo else words

    return Source(
        root=options.config,
        compile=compiler,
        environ=dict(environ()),
        has_secret=has_secret,
        allow_missing_secrets=options.allow_missing_secrets,
        exit_on_bad=options.on_bad_config == "exit",
    )


DEMO = """\
serving on {url}

Three things to try, as they stand; the key is this start's own.

curl {url}/v1/chat/completions -H 'authorization: Bearer {key}' \\
  -H 'content-type: application/json' \\
  -d '{{"model": "demo", "messages": [{{"role": "user", "content": "hello"}}]}}'

{python} - <<'END'
from openai import OpenAI
client = OpenAI(base_url="{url}/v1", api_key="{key}")
reply = client.chat.completions.create(model="demo", messages=[{{"role": "user", "content": "hello"}}])
print(reply.choices[0].message.content)
END

{engine} sql --data {data} \\
  'SELECT ts, consumer, requested_model, provider, cost_usd FROM requests ORDER BY ts DESC LIMIT 5'
"""


def _welcome(url: str, data: Path, demo: Demo | None) -> str:
    """What is printed once requests are answered."""
    if demo is None:
        return f"serving on {url}"
    python = shlex.quote(_relative(sys.executable))
    return DEMO.format(url=url, key=demo.key, python=python, engine=_engine(), data=shlex.quote(str(data)))


def _say(text: str) -> None:
    with suppress(OSError):  # nobody listens any more, which is no reason not to serve
        click.echo(text)


def _typed(host: str) -> str:
    """What to type on this machine to reach what listens on *host*."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - looked up, not bound
    return everywhere.get(host, f"[{host}]" if ":" in host else host)


def _engine() -> str:
    """The words that run this program in a shell: its name, when that finds it, else its interpreter."""
    found = shutil.which("engine")
    if found is not None and Path(found).parent == Path(sys.executable).parent:
        return "engine"
    return f"{shlex.quote(_relative(sys.executable))} -m engine"


def _relative(path: str) -> str:
    """A path below the working directory as people type it."""
    return path.removeprefix(f"{Path.cwd()}/")
