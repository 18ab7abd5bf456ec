"""A small configuration in YAML, compiled as in production, and scenarios against it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from engine.config.build import build
from engine.config.bundle import Bundle
from engine.errors import Place
from engine.planning.run import Result, run
from engine.planning.scenario import Expected, Scenario
from engine.snapshot import Snapshot, assemble

ROUTES = """
version: 1
defaults:
  providers: [one, two]
  retry: {attempts: 2, backoff: 100ms..2s, honor_retry_after: 10s}
aliases: {old: org/small}
models:
  support:
    targets: [org/small]
    fallback: [org/large]
    fallback_for: {context_length: [org/large]}
    request: {default: {temperature: 0.2}}
  split:
    targets: [{model: org/small@one, weight: 50}, {model: org/small@two, weight: 50}]
    strategy: weighted
    sticky: request.user
  turns:
    targets: [org/small@one, org/small@two]
    strategy: round-robin
routes:
  - name: health-stays-at-two
    match: {model: support, when: consumer.team == 'health'}
    to: org/small@two
  - name: long-requests
    match: {model: support, when: request.input_tokens > 5000}
    to: org/large
"""

PROVIDER = """
id: {name}
name: {name}
protocol: openai
base_url: https://{name}.example/v1
auth: {{scheme: bearer, keys: {{a: {{secret: "${{env:KEY_A}}"}}, b: {{secret: "${{env:KEY_B}}"}}}}}}
data: {{region: {region}, trains: false}}
health: {{breaker: {{failures: {failures}}}}}
quirks:
  - why: it refuses the new name
    request: {{rename: {{max_completion_tokens: max_tokens}}, drop: [logit_bias]}}
  - why: hybrid models think unless told not to
    when: upstream.model is matching('small')
    unless: request.sets('reasoning_effort')
    request: {{default: {{disable_reasoning: true}}}}
models:
  org/small:
    upstream: small-1
    context: 8000
    features: [tools, json_schema, reasoning, streaming]
    price: [{{from: 2025-01-01, usd_per_mtok: {{input: 1, output: 2}}}}]
  org/large:
    upstream: large-1
    context: 1M
    features: [tools, json_schema, reasoning, streaming]
    price: [{{from: 2025-01-01, usd_per_mtok: {{input: 3, output: 6}}}}]
"""

POLICIES = """
teams:
  health: {models: [support], require: {region: eu}}
consumers:
  clinic:
    team: health
    keys: {k: {sha256: "849a83690ae6425f8c13e9a624183673d9d53cd174b2223ddf54249268ebb6fe", expires: 2027-05-01}}
    networks: [10.0.0.0/8]
"""

PLAIN = Scenario(
    name="a request",
    place=Place("tests/routing/a.yaml", 3),
    body=b"{}",
    at=datetime(2026, 11, 23, 12, tzinfo=UTC),
    expected=Expected(),
)


@pytest.fixture(scope="session")
def snapshot() -> Snapshot:
    """Two providers with the same two models; the first one's breakers open at the third failure."""
    files = {
        "routes.yaml": ROUTES,
        "providers.d/one.yaml": PROVIDER.format(name="one", region="us", failures=3),
        "providers.d/two.yaml": PROVIDER.format(name="two", region="eu", failures=5),
        "policies/all.yaml": POLICIES,
    }
    built = build(Bundle({name: text.lstrip().encode() for name, text in sorted(files.items())}))
    assert built.parts is not None, built.problems
    return assemble(built.parts)


@pytest.fixture
def planned(snapshot: Snapshot) -> Callable[..., Result]:
    """`planned(request, **scenario)`: what comes of a request; its messages are filled in."""

    def plan(request: dict[str, Any], **changed: Any) -> Result:
        body = msgspec.json.encode({"messages": [{"role": "user", "content": "hello"}], **request})
        return run(snapshot, replace(PLAIN, body=body, **changed))

    return plan
