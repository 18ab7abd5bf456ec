"""A row of usage as one request of the rig makes it."""

from datetime import UTC, datetime

from engine.values import NOTHING, AttemptRecord, RequestRecord, Role, Usage

USAGE = Usage(input=40, output=160)
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ATTEMPT = AttemptRecord(
    request_id="req_1",
    at=START,
    n=1,
    role=Role.FIRST,
    reason="pool, ordered",
    provider="mock",
    model="bench/mock",
    upstream_model="mock",
    address="127.0.0.1:9",
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
    received_bytes=1024,
    usage=USAGE,
    price_id="mock/bench/mock/2026-01-01",
    list_cost_pusd=340_000_000,
    cost_pusd=340_000_000,
    cost_problem=None,
)


def row(n: int) -> RequestRecord:
    """The *n*-th of them; its attempt is `ATTEMPT`."""
    return RequestRecord(
        request_id=f"req_{n}",
        at=START,
        node="bench",
        consumer="rig",
        team="bench",
        cost_center="1",
        key_label="main",
        end_user="",
        source_ip_prefix="127.0.0.0/24",
        tags=NOTHING,
        headers=NOTHING,
        metadata=NOTHING,
        trace_id="",
        surface="chat",
        stream=False,
        requested_model="bench/mock",
        resolved_model="bench/mock",
        provider="mock",
        route="bench/mock",
        rule_place="",
        config_hash="c0ffee",
        config_git_rev="",
        has_tools=False,
        has_images=False,
        has_audio=False,
        has_files=False,
        wants_json=False,
        reasoning=False,
        input_tokens_estimate=60,
        max_tokens=256,
        decision="{}",
        dropped_params=(),
        ttft_ms=None,
        total_ms=801.5,
        status=200,
        error_kind=None,
        error_code=None,
        finish_reason="stop",
        usage=USAGE,
        unlisted=False,
        price_id="mock/bench/mock/2026-01-01",
        cost_pusd=340_000_000,
        cost_problem=None,
    )
