"""The `models` of a provider → its offers, patterns and the aliases that stand at them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from engine.config import scalars
from engine.config.compile import providers
from engine.config.compile.prices import on_unpriced, prices
from engine.config.compile.texts import edit
from engine.config.placed import Placed
from engine.config.report import Report
from engine.rules.match import specificity
from engine.rules.program import Lifecycle, Modality, Offer, OfferPattern, Provider
from engine.snapshot import ProviderPart
from engine.values import CONVERSATIONS, ModelId, Surface

__all__ = ["part"]


def part(at: Placed, source_hash: str, report: Report) -> ProviderPart:
    """One provider file, compiled."""
    provider = providers.provider(at, report)
    offers = {name: _offer(name, provider, at, model, report) for name, model in at["models"].items()}
    for name, offer in offers.items():
        _check_pattern(name, offer, at["models"][name], report)
    return ProviderPart(
        provider=provider,
        offers=tuple(offer for name, offer in offers.items() if "*" not in name),
        patterns=tuple(
            OfferPattern(glob=name, upstream=offers[name].upstream_model, template=offers[name])
            for name in sorted(offers, key=specificity)
            if "*" in name
        ),
        aliases=MappingProxyType(
            {alias: ModelId(name) for name in offers for alias in at["models"][name]["aliases"].value}
        ),
        source_hash=source_hash,
    )


def _offer(name: str, provider: Provider, at: Placed, model: Placed, report: Report) -> Offer:
    output = frozenset(map(Modality, model["output"].value))
    return Offer(
        provider=providers.overridden(provider, at, model, report),
        model=ModelId(name),
        upstream_model=model["upstream"].value if "upstream" in model else name,
        place=model.key_place,
        context=_count(model, "context"),
        max_output=_count(model, "max_output"),
        input=frozenset(map(Modality, model["input"].value)),
        output=output,
        features=frozenset(model["features"].value),
        surfaces=_surfaces(provider, model, output),
        prices=prices(model["price"], f"{provider.id}/{name}", report),
        on_unpriced=on_unpriced(model["on_unpriced"], report),
        lifecycle=_lifecycle(model["lifecycle"]),
        edits=(edit(model["request"]),) if "request" in model else (),
    )


def _count(model: Placed, key: str) -> int | None:
    return scalars.count(model[key].value) if key in model else None


OF_OUTPUT: Final[Mapping[Modality, frozenset[Surface]]] = MappingProxyType(
    {
        Modality.TEXT: CONVERSATIONS,
        Modality.EMBEDDING: frozenset({Surface.EMBEDDINGS}),
        Modality.IMAGE: frozenset({Surface.IMAGES, Surface.IMAGE_EDITS}),
        Modality.AUDIO: frozenset({Surface.SPEECH}),
    }
)
"""The endpoints that a model serves by what it puts out; reranking, moderation and transcripts have to be said."""


def _surfaces(provider: Provider, model: Placed, output: frozenset[Modality]) -> frozenset[Surface]:
    """The endpoints that a model serves: those named, or else what follows from its output and a template has."""
    if "surfaces" in model:
        return frozenset(map(Surface, model["surfaces"].value))
    served = frozenset(surface for kind in output for surface in OF_OUTPUT.get(kind, ()))
    return served if provider.template is None else served & provider.template.surfaces


def _lifecycle(at: Placed) -> Lifecycle:
    days = {key: scalars.day(at[key].value) for key in ("deprecated", "retired") if key in at}
    return Lifecycle(**days, successor=at["successor"].value if "successor" in at else "")


def _check_pattern(name: str, offer: Offer, model: Placed, report: Report) -> None:
    """A pattern has one `*`, and its upstream name has one as well when it has any."""
    if name.count("*") > 1 or any(character in name for character in "?[]{}"):
        report.key_error("bad-pattern", model, f"'{name}' is not a name with one '*'", hint="use a single '*'")
        return
    upstream = offer.upstream_model
    if upstream.count("*") > name.count("*"):
        message = f"'{upstream}' has more '*' than '{name}'"
        report.error(
            "bad-pattern", model.get("upstream") or model, message, hint="what '*' matched is put in its place once"
        )
