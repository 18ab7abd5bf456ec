"""Which secrets a configuration needs before it can serve: references only, nothing is read here."""

from collections.abc import Iterator, Mapping

import msgspec

from engine.config.scalars import references
from engine.errors import Place
from engine.rules.program import Pool, Provider
from engine.snapshot import Parts
from engine.values import ProviderId, SecretRef

__all__ = ["Need", "needs"]


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """One secret that one provider needs."""

    provider: ProviderId
    key: str
    """Label of the key it belongs to; empty for a reference elsewhere in the file."""
    part: str = "secret"
    """Under which word of the key it stands."""
    secret: SecretRef
    place: Place
    """Of the key, or of the provider."""
    optional: bool
    """Without it the provider is unconfigured, and that is all."""


def needs(parts: Parts) -> tuple[Need, ...]:
    """What the providers need that a declared name can reach, by provider and in the order of its file.

    Reached are the providers of `defaults.providers` and those that a pin in a pool, rule or alias names; disabled
    ones are not.
    """
    providers = {part.provider.id: part.provider for part in parts.providers if not part.provider.disabled}
    reached = (providers[name] for name in sorted(_reached(parts, providers)))
    return tuple(need for provider in reached for need in _needs(provider))


def _reached(parts: Parts, providers: Mapping[ProviderId, Provider]) -> set[ProviderId]:
    root = parts.root
    names = [*root.aliases.values(), *(target for _, target in root.alias_patterns)]
    names += [text for model in root.virtual for text in _targets(model.pool)]
    names += [text for rule in root.rules for text in _targets(rule.pool)]
    pinned = {ProviderId(name.rpartition("@")[2]) for name in names if "@" in name}
    return (set(root.order) | pinned) & providers.keys()


def _targets(pool: Pool) -> Iterator[str]:
    for targets in (pool.targets, pool.fallback, *pool.fallback_for.values()):
        yield from (target.text for target in targets)


def _needs(provider: Provider) -> Iterator[Need]:
    for key in provider.auth.keys:
        place, optional = key.place or provider.place, provider.optional
        for part, ref in key.references.items():
            yield Need(provider=provider.id, key=key.label, part=part, secret=ref, place=place, optional=optional)
    texts = (provider.base_url, provider.auth.tenant, *(text for _, text in (*provider.headers, *provider.query)))
    for secret in dict.fromkeys(secret for text in texts for secret in references(text)):
        yield Need(provider=provider.id, key="", secret=secret, place=provider.place, optional=provider.optional)
