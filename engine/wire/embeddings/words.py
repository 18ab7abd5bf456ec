"""What several protocols cannot say in a request for embeddings."""

from collections.abc import Collection

from engine.errors import BadRequest
from engine.wire.embeddings.values import EmbedRequest

__all__ = ["dropped_of", "only_texts"]


def only_texts(request: EmbedRequest, speaker: str) -> tuple[str, ...]:
    """The inputs of *request*, which must be texts; *speaker* names the protocol that takes nothing else.

    Raises:
        BadRequest: `content_not_supported`: some are tokens, which have a meaning only in one vocabulary.
    """
    texts = tuple(each for each in request.inputs if isinstance(each, str))
    if len(texts) != len(request.inputs):
        message = f"input: {speaker} embeds texts and takes no tokens; send the text"
        raise BadRequest(message, code="content_not_supported", param="input")
    return texts


def dropped_of(request: EmbedRequest, names: Collection[str]) -> tuple[str, ...]:
    """What a protocol that lacks *names* cannot say of *request*: those of them that are set, and all extra fields."""
    said = {"dimensions": request.dimensions is not None, "input_type": bool(request.input_type)}
    said["user"] = bool(request.user)
    return (*(name for name, is_said in said.items() if is_said and name in names), *request.extra)
