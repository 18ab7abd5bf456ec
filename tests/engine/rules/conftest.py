"""What the rules' tests share: a small market of offers, programs made of it, and a world that is a few dicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from msgspec import structs

from engine.errors import OutcomeKind, Place
from engine.health import BreakerSettings
from engine.pricing import Price, Rates
from engine.rules.decide import decide
from engine.rules.decision import Decision
from engine.rules.match import Globs
from engine.rules.outcomes import FAILOVER_ON, RETRY_ON
from engine.rules.program import (
    Auth,
    Bounds,
    Caller,
    Connections,
    Key,
    Offer,
    OfferPattern,
    Pool,
    Program,
    Provider,
    ProviderLimits,
    RetryPolicy,
    Rule,
    Scheme,
    Strategy,
    Target,
    Timeouts,
    VirtualModel,
    WhenFull,
)
from engine.snapshot import Parts, Privacy, ProviderPart, Recording, RootPart, assemble
from engine.values import Facts, ModelId, Outcome, ProviderId, SecretRef, Surface

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NOW_S = 1000.0
HERE = Place("routes.yaml", 1)

RETRY = RetryPolicy(
    attempts=2,
    backoff_min_s=0.1,
    backoff_max_s=2.0,
    honor_retry_after_s=10.0,
    retry_on=RETRY_ON,
    failover_on=FAILOVER_ON,
    deadline_s=600.0,
)


@dataclass(slots=True)
class World:
    """A world that is what it is told to be; every dict is keyed by the offer's or provider's id."""

    unconfigured: set[str] = field(default_factory=set)
    blocked: dict[str, float] = field(default_factory=dict)
    rests: dict[tuple[str, str], float] = field(default_factory=dict)
    full: dict[str, float] = field(default_factory=dict)
    outputs: dict[str, float] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    retries_left: int = 1000
    epoch: int = 0

    def configured(self, provider: Provider) -> bool:
        return provider.id not in self.unconfigured

    def is_calm(self, offer: Offer, now_s: float) -> bool:
        stands_against = {offer.id, offer.provider.id} & {*self.blocked, *self.full, *self.unconfigured}
        return not stands_against and not self.rests

    def blocked_until_s(self, offer: Offer, now_s: float) -> float:
        return self.blocked.get(offer.id, 0.0)

    def rests_until_s(self, offer: Offer, key_label: str) -> float:
        return self.rests.get((offer.provider.id, key_label), 0.0)

    def full_until_s(self, offer: Offer, now_s: float) -> float:
        return self.full.get(offer.provider.id, 0.0)

    def expected_output_tokens(self, offer: Offer) -> float | None:
        return self.outputs.get(offer.id)

    def turn(self, pool: str) -> int:
        return self.turns.get(pool, 0)

    def may_retry(self, now_s: float) -> bool:
        self.retries_left -= 1
        return self.retries_left >= 0


def provider(name: str, **changed: Any) -> Provider:
    """A provider with one key, `main`, no limits and no quirks, but for what is *changed*."""
    plain = Provider(
        id=ProviderId(name),
        name=name,
        protocol="openai",
        base_url=f"https://{name}.example/v1",
        auth=Auth(scheme=Scheme.BEARER, keys=(Key(label="main", secret=SecretRef("env", "KEY")),)),
        place=Place(f"providers.d/{name}.yaml", 1),
        paths=MappingProxyType({Surface.CHAT: "/chat/completions"}),
        timeouts=Timeouts(connect_s=3, first_token_s=30, between_tokens_s=30, total_s=300),
        connections=Connections(max=10, keepalive_s=60),
        limits=ProviderLimits(),
        when_full=WhenFull(wait_s=0.2, then="next"),
        breaker=BreakerSettings(),
        data=MappingProxyType({"region": "us", "retention": 30, "trains": False}),
    )
    return replace(plain, **changed)


def price(input_pusd: int = 400_000, output_pusd: int = 800_000) -> Price:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    return Price(id="p/m/2025-01-01", from_at=start, rates=Rates(input=input_pusd, output=output_pusd))


def offer(at: Provider, model: str, **changed: Any) -> Offer:
    """*model* at a provider: 100,000 tokens of context, every feature, a price since 2025."""
    plain = Offer(
        provider=at,
        model=ModelId(model),
        upstream_model=model.partition("/")[2],
        place=replace(at.place, line=10),
        context=100_000,
        features=frozenset({"tools", "json_schema", "reasoning", "streaming"}),
        prices=(price(),),
    )
    return structs.replace(plain, **changed)


def target(text: str, *, weight: int = 1, virtual: bool = False, carried: bool = False) -> Target:
    return Target(
        text=text,
        place=HERE,
        virtual=text if virtual else "",
        carried=text if carried else "",
        weight=weight,
    )


def pool(
    *targets: str | Target,
    strategy: Strategy = Strategy.ORDERED,
    fallback: Sequence[str | Target] = (),
    fallback_for: Mapping[OutcomeKind, Sequence[str]] = MappingProxyType({}),
) -> Pool:
    def made(texts: Sequence[str | Target]) -> tuple[Target, ...]:
        return tuple(target(text) if isinstance(text, str) else text for text in texts)

    return Pool(
        targets=made(targets),
        strategy=strategy,
        fallback=made(fallback),
        fallback_for=MappingProxyType({kind: made(texts) for kind, texts in fallback_for.items()}),
        place=HERE,
    )


def virtual(name: str, of: Pool, **changed: Any) -> VirtualModel:
    return structs.replace(VirtualModel(name=name, pool=of, place=Place("routes.yaml", 20), retry=RETRY), **changed)


def rule(name: str, *models: str, to: Pool, **changed: Any) -> Rule:
    plain = Rule(index=0, name=name, models=Globs(models), pool=to, place=Place("routes.yaml", 50))
    return structs.replace(plain, **changed)


def bounds(subject: str = "team health", deny: Sequence[str] = (), **require: Any) -> Bounds:
    return Bounds(
        subject=subject,
        place=Place("policies/teams.yaml", 3),
        deny=Globs(tuple(deny)) if deny else None,
        require=MappingProxyType(
            {fact: value if isinstance(value, tuple) else (value,) for fact, value in require.items()}
        ),
    )


def program(
    *offers: Offer,
    order: Sequence[str] | None = None,
    virtuals: Sequence[VirtualModel] = (),
    rules: Sequence[Rule] = (),
    aliases: Mapping[str, str] = MappingProxyType({}),
    alias_patterns: Sequence[tuple[str, str]] = (),
    patterns: Sequence[OfferPattern] = (),
) -> Program:
    """The program of these offers; *order* is `defaults.providers`, by default every provider as it appears."""
    providers = {one.provider.id: one.provider for one in (*offers, *(p.template for p in patterns))}
    parts = tuple(
        ProviderPart(
            provider=at,
            offers=tuple(one for one in offers if one.provider.id == name),
            patterns=tuple(one for one in patterns if one.template.provider.id == name),
            aliases=MappingProxyType({}),
            source_hash="",
        )
        for name, at in providers.items()
    )
    root = RootPart(
        order=tuple(ProviderId(name) for name in (providers if order is None else order)),
        retry=RETRY,
        aliases=MappingProxyType(dict(aliases)),
        alias_patterns=tuple(alias_patterns),
        virtual=tuple(virtuals),
        rules=tuple(structs.replace(one, index=at) for at, one in enumerate(rules)),
        callers=MappingProxyType({}),
        anonymous=None,
        recording=Recording(),
        privacy=Privacy(retention_days=30),
        config_hash="",
        bundle_hash="",
    )
    return assemble(Parts(root=root, providers=parts)).program


def asked(
    of: Program,
    model: str,
    *,
    world: World | None = None,
    caller: Caller | None = None,
    draw: float = 0.5,
    **facts: Any,
) -> Decision:
    """What is decided for a request for *model* by a caller who may use every name."""
    return decide(
        of,
        caller or Caller(id="anyone"),
        Facts(model=model, at=facts.pop("at", AT), **facts),
        world or World(),
        NOW_S,
        draw,
        lambda path: False,
    )


def ids(decision: Decision) -> list[str]:
    """The chain as it is tried."""
    return [candidate.offer.id for candidate in decision.chain]


def failed(kind: OutcomeKind, *, status: int | None = None, retry_after_s: float | None = None) -> Outcome:
    return Outcome(kind=kind, status=status, retry_after_s=retry_after_s)


@dataclass(frozen=True)
class Make:
    """The builders of this file, for tests to ask for by one name."""

    provider = staticmethod(provider)
    price = staticmethod(price)
    offer = staticmethod(offer)
    target = staticmethod(target)
    pool = staticmethod(pool)
    virtual = staticmethod(virtual)
    rule = staticmethod(rule)
    bounds = staticmethod(bounds)
    program = staticmethod(program)
    asked = staticmethod(asked)
    ids = staticmethod(ids)
    failed = staticmethod(failed)
    world = World
    retry = RETRY
    at = AT
    now_s = NOW_S


@pytest.fixture(scope="session")
def make() -> Make:
    return Make()


@pytest.fixture
def market(make: Make) -> list[Offer]:
    """Three providers: two models at `openai`, the same two at `groq`, one of a third kind at `xai`."""
    openai, groq, xai = make.provider("openai"), make.provider("groq"), make.provider("xai")
    return [
        make.offer(openai, "openai/mini"),
        make.offer(openai, "openai/maxi"),
        make.offer(groq, "openai/mini"),
        make.offer(groq, "qwen/small"),
        make.offer(xai, "xai/grok"),
    ]
