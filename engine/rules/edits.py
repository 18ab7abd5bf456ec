"""Request edits: what a virtual model, a provider's quirks and a single model change in the caller's request."""

from collections.abc import Callable
from functools import partial

from engine.rules.program import Caller, Offer, Quirk
from engine.values import Facts
from engine.wire.envelope import Encoded
from engine.wire.json_edit import Edit, Fields, apply, sets

__all__ = ["edited"]


Translate = Callable[[Fields], Encoded]
"""The caller's fields → the provider's, where they speak two protocols."""


def edited(  # noqa: PLR0917 - what decides, then what is edited
    offer: Offer,
    candidate_edits: tuple[Edit, ...],
    fields: Fields,
    facts: Facts,
    caller: Caller,
    translate: Translate | None = None,
) -> tuple[Fields, tuple[str, ...]]:
    """The request's *fields* as they are to reach *offer*, and the names of what was dropped on the way.

    Virtual models' edits come first, inner ones before outer ones, in the caller's protocol; then, after *translate*,
    the provider's quirks and the model's own, in the provider's.
    A quirk's conditions see the request after the edits before it. *fields* itself is left as it is.
    """
    dropped: tuple[str, ...] = ()
    for edit in candidate_edits:
        fields, gone = apply(fields, edit)
        dropped += gone
    if translate is not None:
        fields, gone = translate(fields)
        dropped += gone
    for quirk in offer.provider.quirks:
        if _holds(quirk, offer, fields, facts, caller):
            fields, gone = apply(fields, quirk.edit)
            dropped += gone
    for edit in offer.edits:
        fields, gone = apply(fields, edit)
        dropped += gone
    return fields, dropped


def _holds(quirk: Quirk, offer: Offer, fields: Fields, facts: Facts, caller: Caller) -> bool:
    is_set = partial(sets, fields)
    return (quirk.when is None or quirk.when(facts, caller, is_set, offer)) and not (
        quirk.unless is not None and quirk.unless(facts, caller, is_set, offer)
    )
