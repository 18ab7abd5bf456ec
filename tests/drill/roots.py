"""The configuration that is drilled: two scripted providers, one caller with every right."""

from hashlib import sha256
from pathlib import Path

from tests.bench.roots import write

KEY = "eng_test_" + "d" * 43

PROVIDER = """\
id: {id}
name: {id}
protocol: openai
base_url: http://127.0.0.1:{port}/v1
allow_private: [127.0.0.0/8]
auth: {{scheme: bearer, keys: {{main: {{secret: "${{env:BENCH_SECRET}}"}}}}}}
timeouts: {{connect: 1s, first_token: 1s, between_tokens: 2s, total: 60s}}
models:
  t/ok:
    upstream: ok
    context: 100000
    features: [tools, json_schema, streaming]
    price: [{{from: 2026-01-01, usd_per_mtok: {{input: {dollars}, cached_input: 0.05, output: 2}}}}]
  "t/*":
    upstream: "*"
    price: unknown
    on_unpriced: {{reserve_usd: 0.50, alert: true}}
"""

ROUTES = """\
version: 1
defaults:
  providers: [a, b]
  retry: {attempts: 2, backoff: 10ms..50ms, honor_retry_after: 1s}
  deadline: 60s
"""

POLICIES = f"""\
access: {{anonymous: deny}}
teams:
  drill: {{owner: "@drill", cost_center: "1"}}
consumers:
  caller: {{team: drill, roles: [admin], keys: {{main: {{sha256: "{sha256(KEY.encode()).hexdigest()}"}}}}}}
"""


def write_root(root: Path, port: int) -> None:
    """Providers a and b, both the scripted one on *port*."""
    write(root / "providers.d/a.yaml", provider("a", port))
    write(root / "providers.d/b.yaml", provider("b", port))
    write(root / "routes.yaml", ROUTES)
    write(root / "policies/access.yaml", POLICIES)


def provider(id_: str, port: int, dollars: str = "1") -> str:
    """A provider's file; another price makes it an edit."""
    return PROVIDER.format(id=id_, port=port, dollars=dollars)
