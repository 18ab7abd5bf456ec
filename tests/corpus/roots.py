"""The configuration that recorded traffic is replayed through: one provider for each protocol, one caller."""

from hashlib import sha256
from pathlib import Path

from tests.bench.roots import write

KEY = "eng_test_" + "c" * 43

PROTOCOLS = ("openai", "azure", "openai-responses", "anthropic", "gemini", "vertex", "bedrock", "cohere", "ollama")

PROVIDER = """\
id: {id}
name: {id}
protocol: {id}
base_url: http://127.0.0.1:{port}{base}
allow_private: [127.0.0.0/8]
timeouts: {{connect: 3s, first_token: 30s, between_tokens: 30s, total: 60s}}
health: {{breaker: {{failures: 1000, min_requests: 100000}}}}
models:
  "{id}/*":
    upstream: "*"
    price: unknown
    on_unpriced: {{reserve_usd: 0.50, alert: true}}
"""

ROUTES = f"""\
version: 1
defaults:
  providers: [{", ".join(PROTOCOLS)}]
  retry: {{attempts: 1}}
  deadline: 60s
"""

POLICIES = f"""\
access: {{anonymous: deny}}
teams:
  corpus: {{owner: "@corpus", cost_center: "1"}}
consumers:
  caller: {{team: corpus, roles: [admin], keys: {{main: {{sha256: "{sha256(KEY.encode()).hexdigest()}"}}}}}}
"""


def write_root(root: Path, port: int) -> None:
    """Everything, at a provider that listens on *port* for all protocols."""
    for protocol in PROTOCOLS:
        base = "" if protocol in {"azure", "bedrock", "cohere", "ollama"} else "/v1"
        write(root / f"providers.d/{protocol}.yaml", PROVIDER.format(id=protocol, port=port, base=base))
    write(root / "routes.yaml", ROUTES)
    write(root / "policies/access.yaml", POLICIES)
