"""Names: what a caller's `model` stands for. Declared spellings only; nothing is guessed or rewritten."""

from collections.abc import Iterator

import msgspec

from engine.errors import NotFound
from engine.rules.nearest import nearest
from engine.rules.program import Caller, Offer, Program, VirtualModel
from engine.values import ModelId, ProviderId

__all__ = ["Named", "is_granted", "names_for", "offers_of", "resolve"]

_MAX_NAME_CHARS = 256
"""Longer names are unknown without being looked up: names come from callers, and go into messages and rows."""

_MAX_STEPS = 16
"""Aliases followed before a name is unknown: `validate` refuses cycles of exact ones, but patterns may go on."""


class Named(msgspec.Struct, frozen=True):
    """A name, resolved: a virtual model, or the offers of a canonical model or pin."""

    path: tuple[str, ...]
    """The name asked for and every alias it went through, the resolved name last."""
    virtual: VirtualModel | None
    offers: tuple[Offer, ...]
    """Empty for virtual models, and for canonical models that only a pin reaches."""
    pinned: bool = False


def resolve(program: Program, caller: Caller, asked: str) -> Named:
    """What *asked* stands for, after aliases.

    Raises:
        NotFound: it is no name; the message has the nearest ones that *caller* may ask for.
    """
    path: tuple[str, ...] = (asked,)
    while len(path) <= _MAX_STEPS and len(path[-1]) <= _MAX_NAME_CHARS:
        named = _exact(program, path)
        if named is not None:
            return named
        step = program.aliases.get(path[-1]) or _alias_by_pattern(program, path[-1])
        if step is None:
            named = _unlisted(program, path)
            if named is not None:
                return named
            break
        path = (*path, step)
    raise NotFound(_unknown(program, caller, asked), param="model")


def offers_of(program: Program, name: str) -> tuple[Offer, ...]:
    """The offers of a canonical model or pin, in the order of `defaults.providers`; empty when there are none."""
    named = _exact(program, (name,)) or _unlisted(program, (name,))
    return named.offers if named else ()


def is_granted(caller: Caller, path: tuple[str, ...]) -> bool:
    """Whether *caller* may ask for a name, as spelt or as one of the aliases on its *path* spells it."""
    grant = caller.grant
    return grant is None or any(grant.matches(name) for name in path)


def names_for(program: Program, caller: Caller) -> Iterator[str]:
    """Every name that *caller* may ask for: virtual models, canonical models, aliases, in this order.

    Last come pins of models that nothing but a pin reaches. There is no end to the names that patterns would also
    serve; they are not listed.
    """
    return (name for name in _all_names(program) if is_granted(caller, _path(program, name)))


def _all_names(program: Program) -> Iterator[str]:
    yield from program.virtual
    yield from (model for model, offers in program.offers.items() if offers)
    yield from program.aliases
    yield from (f"{model}@{provider}" for model, provider in program.pinned if not program.offers.get(model))


def _path(program: Program, name: str) -> tuple[str, ...]:
    path: tuple[str, ...] = (name,)
    while (step := program.aliases.get(path[-1])) is not None and len(path) <= _MAX_STEPS:
        path = (*path, step)
    return path


def _exact(program: Program, path: tuple[str, ...]) -> Named | None:
    """The virtual model, listed model or pin at the end of *path*; a pin may be of a model that a pattern offers."""
    name = path[-1]
    virtual = program.virtual.get(name)
    if virtual is not None:
        return Named(path, virtual, ())
    offers = program.offers.get(ModelId(name))
    if offers is not None:
        return Named(path, None, offers)
    model, at, provider = name.rpartition("@")
    if not at or provider not in program.providers:
        return None
    pin = program.pinned.get((ModelId(model), ProviderId(provider)))
    pin = pin or _by_pattern(program, ProviderId(provider), model)
    return Named(path, None, (pin,), pinned=True) if pin else None


def _alias_by_pattern(program: Program, name: str) -> str | None:
    for pattern, target in program.alias_patterns:
        head, _, tail = pattern.partition("*")
        if len(name) > len(head) + len(tail) and name.startswith(head) and name.endswith(tail):
            return target.replace("*", name[len(head) : len(name) - len(tail)], 1)
    return None


def _unlisted(program: Program, path: tuple[str, ...]) -> Named | None:
    """What patterns make of the end of *path* at the providers of `defaults.providers`; None when no pattern does."""
    name = path[-1]
    if "@" in name:
        return None
    made = {provider: offer for provider in program.patterns if (offer := _by_pattern(program, provider, name))}
    if not made:
        return None
    return Named(path, None, tuple(made[provider] for provider in program.order if provider in made))


def _by_pattern(program: Program, provider: ProviderId, name: str) -> Offer | None:
    if not name.isprintable() or " " in name:
        return None
    for pattern in program.patterns.get(provider, ()):
        offer = pattern.offer(name)
        if offer is not None:
            return offer
    return None


def _unknown(program: Program, caller: Caller, asked: str) -> str:
    if len(asked) > _MAX_NAME_CHARS:
        return f"the model name is longer than {_MAX_NAME_CHARS} characters"
    near = nearest(asked, names_for(program, caller))
    if not near:
        return f"there is no model '{asked}'; GET /v1/models lists the names this key may use"
    spelt = " or ".join(f"'{name}'" for name in near)
    return f"there is no model '{asked}'; did you mean {spelt}?"
