"""The program: the frozen types that a configuration compiles to and that the rules execute.

Everything that can be resolved is resolved here: defaults are filled in, inheritance is gone, money is integers,
conditions are callables. `config.compile` builds the parts, `snapshot.assemble` puts them together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction
from ipaddress import IPv4Network, IPv6Network
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from engine.errors import OutcomeKind, Place
from engine.expr.regex import Regex
from engine.health import BreakerSettings
from engine.limits.bucket import Rate
from engine.pricing import Price
from engine.values import CONVERSATIONS, ModelId, ProviderId, SecretRef, Surface
from engine.wire.dialect import OPENAI, Dialect
from engine.wire.json_edit import Edit
from engine.wire.manner import Manner
from engine.wire.template.values import Template

if TYPE_CHECKING:
    from engine.expr import Condition
    from engine.rules.match import Globs, RuleIndex

__all__ = [
    "Auth",
    "Bounds",
    "Caller",
    "Connections",
    "ErrorRule",
    "Key",
    "Lifecycle",
    "Modality",
    "Offer",
    "OfferPattern",
    "OnUnpriced",
    "Pool",
    "Program",
    "Provider",
    "ProviderLimits",
    "Quirk",
    "RetryPolicy",
    "Rule",
    "Scheme",
    "Sticky",
    "Strategy",
    "Target",
    "Timeouts",
    "VirtualModel",
    "WhenFull",
]


class Modality(StrEnum):
    """What goes into a model or comes out of it."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    FILE = "file"
    VIDEO = "video"
    EMBEDDING = "embedding"


class Scheme(StrEnum):
    """How a provider wants its credential."""

    BEARER = "bearer"
    HEADER = "header"
    QUERY = "query"
    BASIC = "basic"
    AWS_SIGV4 = "aws-sigv4"
    GCP = "gcp"
    AZURE_AD = "azure-ad"
    NONE = "none"


class Strategy(StrEnum):
    """How a pool is ordered."""

    ORDERED = "ordered"
    WEIGHTED = "weighted"
    ROUND_ROBIN = "round-robin"
    CHEAPEST = "cheapest"


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One credential of a provider's pool, known by its label."""

    label: str
    secret: SecretRef
    id: SecretRef | None = None
    """What the secret belongs to: an access key id (`aws-sigv4`), a client id (`azure-ad`)."""
    session: SecretRef | None = None
    """The token of temporary credentials, `aws-sigv4` only."""
    weight: int = 1
    place: Place | None = None

    @property
    def references(self) -> Mapping[str, SecretRef]:
        """Each reference by the word it is written under."""
        named = {"id": self.id, "secret": self.secret, "session": self.session}
        return {name: ref for name, ref in named.items() if ref is not None}


class Auth(msgspec.Struct, frozen=True, kw_only=True):
    """How requests to a provider are authenticated. No keys under scheme `none`, and with `metadata`."""

    scheme: Scheme
    name: str = ""
    """Header or query parameter, for the schemes `header` and `query`."""
    prefix: str = ""
    """Text put before the secret in the header, `Key ` at some providers."""
    keys: tuple[Key, ...] = ()
    region: str = ""
    """The region that AWS signatures are made for, together with `service`."""
    service: str = ""
    tenant: str = ""
    """Of Azure AD; may be a reference."""
    authority: str = ""
    """Where Azure AD's tokens are asked for."""
    scope: str = ""
    """What a token is asked for, for the schemes `gcp` and `azure-ad`."""
    metadata: bool = False
    """Google's metadata server gives the tokens, and there is no key."""


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long each phase of an attempt may take; `first_token_s` and `between_tokens_s` hold for streams only."""

    connect_s: float
    first_token_s: float
    between_tokens_s: float
    total_s: float


class Connections(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the connection pool to one address, in each worker."""

    max: int
    keepalive_s: float


class WhenFull(msgspec.Struct, frozen=True, kw_only=True):
    """What happens when our own limit at a provider is reached: wait `wait_s`, then the `next` target or `reject`."""

    wait_s: float
    then: str


class ProviderLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What all workers of a host together may send to a provider; None is no limit."""

    requests: Rate | None = None
    tokens: Rate | None = None
    concurrency: int | None = None


class Quirk(msgspec.Struct, frozen=True, kw_only=True):
    """A request edit that a provider needs, with its reason and the condition under which it is made."""

    edit: Edit
    place: Place
    why: str = ""
    when: "Condition | None" = None
    unless: "Condition | None" = None


class ErrorRule(msgspec.Struct, frozen=True, kw_only=True):
    """Sharpens the protocol's own classification of an answer. Both conditions must hold; None holds always."""

    kind: OutcomeKind
    place: Place
    status: int | None = None
    body: Regex | None = None
    """Searched for in the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider, complete: how to speak to it and how to treat it."""

    id: ProviderId
    name: str
    protocol: str
    """A word of `wire.codecs`: `openai`, `anthropic`, `gemini`, `bedrock`, …"""
    base_url: str
    """May hold `${env:NAME}` references; `upstream` resolves them. No trailing slash."""
    auth: Auth
    place: Place
    paths: Mapping[Surface, str]
    """Surface → path below `base_url`, where it is not the protocol's own."""
    dialect: Dialect = OPENAI
    template: Template | None = None
    """Of the protocol `template`."""
    headers: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    forward_headers: frozenset[str] = frozenset()
    """The caller's headers that may pass, lower case."""
    timeouts: Timeouts
    connections: Connections
    limits: ProviderLimits
    when_full: WhenFull
    breaker: BreakerSettings
    data: Mapping[str, str | bool | int]
    """Facts that `require` asks about: region, retention (days, 0 for none), trains, and free ones."""
    discount: Fraction = Fraction(0)
    """Share of the list price that the contract takes off."""
    quirks: tuple[Quirk, ...] = ()
    errors: tuple[ErrorRule, ...] = ()
    transport: str = "own"
    """`own` or `httpx`."""
    allow_private: tuple[IPv4Network | IPv6Network, ...] = ()
    ca_file: str | None = None
    optional: bool = False
    """A missing secret makes it unconfigured instead of stopping the start."""
    disabled: str = ""
    """The reason it is not to be used; empty when it is."""

    manner: Manner = field(init=False, repr=False)
    """The fields above that decide how requests are written, grouped once when the provider is built."""

    def __post_init__(self) -> None:
        manner = Manner(protocol=self.protocol, paths=self.paths, dialect=self.dialect, template=self.template)
        object.__setattr__(self, "manner", manner)


class Lifecycle(msgspec.Struct, frozen=True, kw_only=True):
    """Dates a model's provider has announced."""

    deprecated: date | None = None
    retired: date | None = None
    successor: str = ""


class OnUnpriced(msgspec.Struct, frozen=True, kw_only=True):
    """What is done with requests to a model without a price: refuse, or go on and say so."""

    deny: bool = True
    reserve_pusd: int = 0
    alert: bool = False


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A model at a provider. Where the model overrides settings, `provider` is this offer's own copy with them."""

    provider: Provider
    model: ModelId
    upstream_model: str
    place: Place
    context: int | None = None
    """Tokens of input and output together; None when unknown (pattern offers)."""
    max_output: int | None = None
    input: frozenset[Modality] = frozenset({Modality.TEXT})
    output: frozenset[Modality] = frozenset({Modality.TEXT})
    features: frozenset[str] = frozenset()
    surfaces: frozenset[Surface] = CONVERSATIONS
    prices: tuple[Price, ...] = ()
    """By rising instant; empty when the price is unknown."""
    on_unpriced: OnUnpriced = OnUnpriced()
    lifecycle: Lifecycle = Lifecycle()
    edits: tuple[Edit, ...] = ()
    """The model's own request edits, applied last."""
    unlisted: bool = False
    """Made from a pattern for this request."""

    @property
    def id(self) -> str:
        """`model@provider`, the way a pin is written."""
        return f"{self.model}@{self.provider.id}"


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How persistently a request is pursued. The two sets are the outcome table's unless the files replace them."""

    attempts: int
    """Per offer, the first included."""
    backoff_min_s: float
    backoff_max_s: float
    honor_retry_after_s: float
    retry_on: frozenset[OutcomeKind]
    failover_on: frozenset[OutcomeKind]
    deadline_s: float


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a pool or fallback list, resolved.

    Exactly one of three: `virtual` names a nested virtual model; `carried` is a pattern whose `*` is filled with what
    the rule's pattern matched; otherwise `offers` holds the model at each provider, in the order to be tried.
    """

    text: str
    """As written."""
    place: Place
    offers: tuple[Offer, ...] = ()
    virtual: str = ""
    carried: str = ""
    weight: int = 1


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """Targets under a strategy, and what follows when they fail."""

    targets: tuple[Target, ...]
    strategy: Strategy = Strategy.ORDERED
    fallback: tuple[Target, ...] = ()
    fallback_for: Mapping[OutcomeKind, tuple[Target, ...]] = msgspec.field(default_factory=lambda: MappingProxyType({}))
    place: Place


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What binds every target that is reached: on a team, a consumer or a virtual model."""

    subject: str
    """`team support`, `consumer support-bot`, `model support`: for the reason."""
    place: Place
    deny: "Globs | None" = None
    """Over canonical models, pins `model@provider`, and `*@provider`."""
    require: Mapping[str, tuple[str | bool | int, ...]] = msgspec.field(default_factory=lambda: MappingProxyType({}))


class Sticky(msgspec.Struct, frozen=True):
    """The fact whose value keeps a caller on one arm, such as `request.user` or `consumer.id`."""

    fact: str


class VirtualModel(msgspec.Struct, frozen=True, kw_only=True):
    """A name that callers ask for, with everything that is decided by it."""

    name: str
    pool: Pool
    place: Place
    retry: RetryPolicy
    bounds: Bounds | None = None
    sticky: Sticky | None = None
    edits: tuple[Edit, ...] = ()
    description: str = ""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `routes`: names it is for, a condition, and the pool it puts in place."""

    index: int
    name: str
    models: "Globs"
    pool: Pool
    place: Place
    when: "Condition | None" = None


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, as rules see them. One frozen value per declared key, made by `config.compile`."""

    id: str
    team: str = ""
    plan: str = ""
    key_label: str = ""
    cost_center: str = ""
    roles: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    anonymous: bool = False
    grant: "Globs | None" = None
    """Names this caller may ask for; None is every name."""
    bounds: tuple[Bounds, ...] = ()
    """The team's, then the consumer's."""
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Where requests may come from; empty is anywhere."""
    origins: frozenset[str] = frozenset()
    expires: date | None = None
    """First day (UTC) on which the key no longer works."""
    place: Place | None = None


_STEPS: Final = frozenset({".", ".."})
"""Parts of a path that lead elsewhere (RFC 3986, section 5.2.4): no name of a model has them."""


class OfferPattern(msgspec.Struct, frozen=True, kw_only=True):
    """A pattern of a provider's `models`: offers what is not listed, loudly."""

    glob: str
    """Over canonical names, with one `*`."""
    upstream: str
    """The provider's name for it; a `*` is filled with what the glob's matched."""
    template: Offer
    """An offer whose `model` and `upstream_model` are still the patterns."""

    def offer(self, name: str) -> Offer | None:
        """The offer that *name* gets from this pattern, marked unlisted; None when the pattern does not cover it."""
        head, _, tail = self.glob.partition("*")
        if len(name) <= len(head) + len(tail) or not name.startswith(head) or not name.endswith(tail):
            return None
        carried = name[len(head) : len(name) - len(tail)]
        if not _STEPS.isdisjoint(name.split("/")):  # it is the caller's word, and may become part of a path
            return None
        upstream = self.upstream.replace("*", carried)
        return replace(self.template, model=ModelId(name), upstream_model=upstream, unlisted=True)


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `decide` needs, with exact indexes. Only `snapshot.assemble` builds one."""

    order: tuple[ProviderId, ...]
    """`defaults.providers`: where unpinned names are looked for."""
    retry: RetryPolicy
    """`defaults`, for names without a virtual model."""
    providers: Mapping[ProviderId, Provider]
    offers: Mapping[ModelId, tuple[Offer, ...]]
    """Canonical model → its offers at the providers of `order`, in that order. Models that only a pin reaches are
    present with an empty tuple."""
    pinned: Mapping[tuple[ModelId, ProviderId], Offer]
    """Every listed offer, at any provider."""
    patterns: Mapping[ProviderId, tuple[OfferPattern, ...]]
    aliases: Mapping[str, str]
    """Exact alias → name, one step; the name may be an alias again. Cycles have been refused."""
    alias_patterns: tuple[tuple[str, str], ...]

    virtual: Mapping[str, VirtualModel]
    rules: tuple[Rule, ...]
    rule_index: "RuleIndex"
