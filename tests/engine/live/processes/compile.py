"""A compile subprocess for tests: `routes.yaml` that says `broken` is refused; each file of providers.d is a provider.

A provider file holds its models, one a line; a line `secret NAME` asks for that environment variable.
"""

import hashlib
import sys
from pathlib import Path
from types import MappingProxyType

from engine.errors import Place
from engine.health import BreakerSettings
from engine.live.compiled import Compiled, CompiledPart, SecretNeed, encode
from engine.live.slots import RETRY_BUDGET, names
from engine.rules.outcomes import FAILOVER_ON, RETRY_ON
from engine.rules.program import (
    Auth,
    Connections,
    Offer,
    Provider,
    ProviderLimits,
    RetryPolicy,
    Scheme,
    Timeouts,
    WhenFull,
)
from engine.snapshot import Privacy, ProviderPart, Recording, RootPart, dump, part_hash
from engine.values import ModelId, ProviderId, Surface


def provider_part(path: Path) -> ProviderPart:
    place = Place(f"providers.d/{path.name}", 1)
    provider = Provider(
        id=ProviderId(path.stem),
        name=path.stem,
        protocol="openai",
        base_url="https://api.example.com/v1",
        auth=Auth(scheme=Scheme.NONE),
        place=place,
        paths=MappingProxyType({Surface.CHAT: "/chat/completions"}),
        timeouts=Timeouts(connect_s=3.0, first_token_s=30.0, between_tokens_s=30.0, total_s=300.0),
        connections=Connections(max=10, keepalive_s=60.0),
        limits=ProviderLimits(),
        when_full=WhenFull(wait_s=0.2, then="next"),
        breaker=BreakerSettings(),
        data=MappingProxyType({}),
    )
    models = [line for line in path.read_text().split("\n") if line and not line.startswith("secret ")]
    offers = tuple(Offer(provider=provider, model=ModelId(m), upstream_model=m, place=place) for m in models)
    return ProviderPart(
        provider=provider,
        offers=offers,
        aliases=MappingProxyType({}),
        source_hash=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def root_part(config_hash: str, bundle_hash: str) -> RootPart:
    return RootPart(
        order=(),
        retry=RetryPolicy(
            attempts=2,
            backoff_min_s=0.1,
            backoff_max_s=2.0,
            honor_retry_after_s=10.0,
            retry_on=RETRY_ON,
            failover_on=FAILOVER_ON,
            deadline_s=600.0,
        ),
        aliases=MappingProxyType({}),
        alias_patterns=(),
        virtual=(),
        rules=(),
        callers=MappingProxyType({}),
        anonymous=None,
        recording=Recording(),
        privacy=Privacy(retention_days=400),
        config_hash=config_hash,
        bundle_hash=bundle_hash,
    )


def compiled(root: Path) -> Compiled:
    files = {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*.yaml"))}
    bundle_hash = hashlib.sha256(repr(files).encode()).hexdigest()
    if b"broken" in files.get("routes.yaml", b"broken"):
        line = "routes.yaml:1:1: it is broken  [broken]"
        return Compiled(
            bundle_hash=bundle_hash, git_rev="", files=files, laid_over={}, problems=(line,), diagnostics=line
        )
    meaning = {path: data.partition(b"#")[0] for path, data in files.items()}
    config_hash = hashlib.sha256(repr(meaning).encode()).hexdigest()
    providers = [provider_part(path) for path in sorted((root / "providers.d").glob("*.yaml"))]
    root_made = root_part(config_hash, bundle_hash)
    parts = (
        CompiledPart("root", part_hash(root_made), dump(root_made), (RETRY_BUDGET,)),
        *(CompiledPart(f"provider/{p.provider.id}", part_hash(p), dump(p), names(p)) for p in providers),
    )
    return Compiled(
        bundle_hash=bundle_hash,
        git_rev="",
        files=files,
        laid_over={},
        problems=(),
        diagnostics="",
        config_hash=config_hash,
        parts=parts,
        secrets=tuple(_secrets(root)),
    )


def _secrets(root: Path) -> list[SecretNeed]:
    return [
        SecretNeed(path.stem, "", "env", line.removeprefix("secret "), f"providers.d/{path.name}:{n}:1", False)
        for path in sorted((root / "providers.d").glob("*.yaml"))
        for n, line in enumerate(path.read_text().split("\n"), 1)
        if line.startswith("secret ")
    ]


sys.stdout.buffer.write(encode(compiled(Path(sys.argv[1]))))
