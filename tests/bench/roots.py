"""Configuration roots to measure on: a small one with one of everything, and a big one."""

from hashlib import sha256
from pathlib import Path

KEY = "eng_test_" + "b" * 43
MODEL = "bench/mock"
VIRTUAL = "small"
BIG_PROVIDERS = 200
BIG_MODELS = 25
"""Of each provider."""
BIG_ROUTES = 1_000

PROVIDER = """\
id: {id}
name: {id}
protocol: openai
base_url: http://127.0.0.1:{port}/v1
allow_private: [127.0.0.0/8]
auth: {{scheme: bearer, keys: {{main: {{secret: "${{env:BENCH_SECRET}}"}}}}}}
timeouts: {{connect: 3s, first_token: 30s, between_tokens: 30s, total: 5m}}
models:
"""

MODEL_LINES = """\
  {model}:
    upstream: {upstream}
    context: 131072
    max_output: 16384
    features: [tools, json_schema, streaming]
    price: [{{from: 2026-01-01, usd_per_mtok: {{input: {dollars}, cached_input: 0.05, output: 2}}}}]
"""

ROUTES = """\
version: 1
defaults:
  providers: [{providers}]
  retry: {{attempts: 2, backoff: 100ms..2s, honor_retry_after: 10s}}
  deadline: 10m
models:
  small:
    targets: [{model}]
    fallback: [bench/model-0]
"""

ROUTE = """\
  - name: route-{n}
    match: {{model: "{pattern}", when: request.input_tokens > {tokens}}}
    to: {target}
"""

POLICIES = f"""\
access: {{anonymous: deny}}
privacy: {{default: {{prompts: none, retention: 400d}}}}
teams:
  bench: {{owner: "@bench", cost_center: "1"}}
consumers:
  rig: {{team: bench, roles: [admin], keys: {{main: {{sha256: "{sha256(KEY.encode()).hexdigest()}"}}}}}}
"""


def write_small(root: Path, port: int) -> None:
    """One provider with five models, one virtual model, one caller with a key and every right."""
    models = [MODEL, *(f"bench/model-{n}" for n in range(4))]
    write(root / "providers.d/mock.yaml", provider("mock", port, models))
    write(root / "routes.yaml", ROUTES.format(providers="mock", model=MODEL))
    write(root / "policies/access.yaml", POLICIES)


def write_big(root: Path, port: int) -> None:
    """200 providers with 5,000 models and 1,000 routes beside the small root's."""
    write_small(root, port)
    ids = [f"p{n:03}" for n in range(BIG_PROVIDERS)]
    for id_ in ids:
        write(root / f"providers.d/{id_}.yaml", big_provider(id_, port))
    routes = (route(n, ids[n % len(ids)]) for n in range(BIG_ROUTES))
    listed = ROUTES.format(providers=", ".join(["mock", *ids]), model=MODEL)
    write(root / "routes.yaml", f"{listed}routes:\n{''.join(routes)}")


def big_provider(id_: str, port: int, dollars: str = "0.5") -> str:
    """The file of one of the big root's providers; another price makes it an edit."""
    return provider(id_, port, [f"{id_}/model-{n}" for n in range(BIG_MODELS)], dollars)


def provider(id_: str, port: int, models: list[str], dollars: str = "0.5") -> str:
    """The file of one provider."""
    rows = (MODEL_LINES.format(model=m, upstream=m.rpartition("/")[2], dollars=dollars) for m in models)
    return PROVIDER.format(id=id_, port=port) + "".join(rows)


def route(n: int, provider_id: str) -> str:
    """One rule; every second one is a pattern."""
    model = n // BIG_PROVIDERS
    pattern = f"{provider_id}/model-1{model}*" if n % 2 else f"{provider_id}/model-{model}"
    return ROUTE.format(n=n, pattern=pattern, tokens=100_000 + n, target=f"{provider_id}/model-24")


def write(path: Path, text: str) -> None:
    """Write a file as an editor does: beside it, then over it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.rename(path)
