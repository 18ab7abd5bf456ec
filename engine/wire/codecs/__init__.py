"""Every caller's protocol and every provider's, side by side."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

import msgspec

from engine.values import Surface
from engine.wire.codecs import conversations, counting, media, templates
from engine.wire.codecs.shapes import Answered, Beside, CallerCodec, ProviderCodec, Sent, content_type
from engine.wire.manner import Manner

__all__ = [
    "Answered",
    "Beside",
    "CallerCodec",
    "ProviderCodec",
    "Sent",
    "Spoken",
    "caller_codec",
    "content_type",
    "spoken",
]

_CALLERS: Final[Mapping[Surface, CallerCodec]] = MappingProxyType(
    {**conversations.CALLERS, **counting.CALLERS, **media.CALLERS}
)


class Spoken(msgspec.Struct, frozen=True, gc=False):
    """How one provider is asked for the callers of one surface."""

    codec: ProviderCodec
    native: bool
    """The provider speaks the surface's own protocol, so nothing is translated."""
    path: str
    """Path below `base_url`, with the model's name filled in."""


def caller_codec(surface: Surface, *, array: bool = False) -> CallerCodec:
    """The protocol of *surface*; *array* is Gemini's other way to stream, one JSON array."""
    return conversations.ARRAY_CALLER if array else _CALLERS[surface]


def spoken(surface: Surface, manner: Manner, *, model: str, stream: bool) -> Spoken | None:
    """How a provider of that *manner* is asked for *model*.

    A surface of conversations that has a path in *manner* is spoken natively, whatever the provider's main protocol,
    unless the dialect has another take its place. None where the provider cannot be asked on this surface: then an
    estimate answers, or the provider is of no use.
    """
    paths = manner.paths
    if manner.template is not None:
        own = templates.codec(surface, manner.template)
        path = own and ((stream and own.stream_path) or own.path)
        return Spoken(own, native=False, path=_filled(path, model, safe="/")) if own and path else None
    if surface not in conversations.CALLERS:
        if surface in counting.CALLERS:
            special = counting.spoken(manner.protocol, surface, manner.dialect)
        else:
            special = media.spoken(manner.protocol, surface, manner.dialect, model)
        if special is None or (stream and not special.streams):
            return None
        return Spoken(special, native=not special.is_translated, path=_filled(paths.get(surface, special.path), model))
    main, codec = conversations.main(manner.protocol, manner.dialect)
    path = (stream and codec.stream_path) or codec.path
    if paths:
        if surface in paths and surface is not main and surface is not conversations.own(manner.protocol):
            return Spoken(conversations.NATIVE[surface], native=True, path=_filled(paths[surface], model))
        path = (paths.get(main) if main else None) or path
    return Spoken(codec, main is surface, _filled(path, model) if "{" in path else path)


def _filled(path: str, model: str, *, safe: str = "") -> str:
    return path.replace("{model}", quote(model, safe=safe)) if "{" in path else path
