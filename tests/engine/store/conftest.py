"""What the store's tests share: records to write, and a log that remembers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from types import MappingProxyType

import msgspec
import pytest
from msgspec.structs import replace

from engine.values import AttemptRecord, ConfigRecord, RequestRecord, Role, Usage

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

ATTEMPT = AttemptRecord(
    n=1,
    role=Role.FIRST,
    reason="pool, ordered",
    provider="openai",
    model="openai/gpt-4o",
    upstream_model="gpt-4o",
    address="api.openai.com:443",
    key_label="main",
    upstream_request_id="req_1",
    started_ms=0.4,
    connect_ms=None,
    ttfb_ms=210.5,
    total_ms=800.25,
    status=200,
    error_kind=None,
    error_detail="",
    sent_bytes=208,
    received_bytes=733,
    usage=Usage(input=100, output=20),
    price_id="openai/gpt-4o/2026-01-01",
    list_cost_pusd=450_000_000,
    cost_pusd=450_000_000,
    cost_problem=None,
)

REQUEST = RequestRecord(
    request_id="r0",
    at=START,
    node="n1",
    consumer="support-bot",
    team="support",
    cost_center="cc-7",
    key_label="main",
    end_user="",
    source_ip_prefix="192.0.2.0/24",
    tags=MappingProxyType({"feature": "search"}),
    headers=MappingProxyType({}),
    metadata=MappingProxyType({}),
    trace_id="",
    surface="chat",
    stream=False,
    requested_model="gpt-4o",
    resolved_model="openai/gpt-4o",
    provider="openai",
    route="chat",
    rule_place="routes.yaml:12",
    config_hash="c0ffee",
    config_git_rev="abc1234",
    has_tools=False,
    has_images=False,
    has_audio=False,
    has_files=False,
    wants_json=False,
    reasoning=False,
    input_tokens_estimate=60,
    max_tokens=None,
    decision="{}",
    dropped_params=("logprobs",),
    ttft_ms=211.0,
    total_ms=801.5,
    status=200,
    error_kind=None,
    error_code=None,
    finish_reason="stop",
    usage=Usage(input=100, output=20),
    unlisted=False,
    price_id="openai/gpt-4o/2026-01-01",
    cost_pusd=450_000_000,
    cost_problem=None,
    attempts=(ATTEMPT,),
)

CONFIG = ConfigRecord(
    record_id="c0",
    at=START,
    node="n1",
    config_hash="c0ffee",
    bundle_hash="b0b",
    config_git_rev="abc1234",
    result="loaded",
    files={"routes.yaml": "version: 1\n"},
    problems=(),
)


@dataclass
class Lines:
    """A log that keeps what it is told, as (event, fields)."""

    lines: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def info(self, event: str, /, **fields: object) -> None:
        self.lines.append((event, fields))

    def error(self, event: str, /, **fields: object) -> None:
        self.lines.append((event, fields))

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.lines]


@pytest.fixture
def log() -> Lines:
    return Lines()


@pytest.fixture
def make_request() -> Callable[..., RequestRecord]:
    """`make_request(**changes)`: a request like any other, with an id of its own, a second after the last."""
    numbers = count(1)

    def make(**changes: object) -> RequestRecord:
        n = next(numbers)
        at = START + timedelta(seconds=n)
        return replace(REQUEST, **({"request_id": f"r{n:06}", "at": at} | changes))

    return make


@pytest.fixture
def make_config() -> Callable[..., ConfigRecord]:
    """`make_config(rows, **changes)`: a configuration that was loaded, and what it declares."""
    numbers = count(1)

    def make(rows: Sequence[object] = (), **changes: object) -> ConfigRecord:
        declared = {"models": msgspec.msgpack.encode(rows)} if rows else {}
        return replace(CONFIG, **({"record_id": f"c{next(numbers)}"} | declared | changes))

    return make
