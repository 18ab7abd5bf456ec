"""Streams of pictures: unfinished ones first, then the picture with its usage."""

from engine.values import Measures
from engine.wire.measures import read_tokens
from engine.wire.media_stream import MediaStream, Said

__all__ = ["ImageStream"]


class ImageStream(MediaStream):
    """`image_generation.*` and `image_edit.*` events. Each picture that was asked for has an end of its own."""

    __slots__ = ()

    def _end(self, said: Said) -> None:
        self.measures = Measures(images=self.measures.images + 1)
        self.usage = read_tokens(said.usage, made="image") or self.usage
