"""What is meant by a request for reranking and by its answer, in no protocol's words."""

from collections.abc import Mapping

import msgspec

from engine.hub import NO_EXTRA, Json
from engine.values import Measures, Usage

__all__ = ["Ranked", "RerankReply", "RerankRequest"]


class RerankRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request for the order of documents. What is None was not said."""

    model: str
    query: str
    documents: tuple[str | Json, ...]
    """Texts, or objects as they came, which version 1 of Cohere's API and Jina take."""
    top_n: int | None = None
    """How many of the best are wanted; all if None."""
    return_documents: bool | None = None
    """Whether the answer is to repeat the texts."""
    extra: Mapping[str, Json] = NO_EXTRA
    """What only Cohere's protocol and its look-alikes know, by name."""


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """One document's place."""

    index: int
    """Its index among the request's documents."""
    score: float
    """Between 0 and 1; comparable only within one answer."""
    document: Json | None = None
    """The document, repeated as Cohere does, `{"text": ...}`; None where it is not."""


class RerankReply(msgspec.Struct, frozen=True, kw_only=True):
    """The best documents, the best first."""

    id: str = ""
    model: str = ""
    """The provider's name; empty where it does not say."""
    results: tuple[Ranked, ...]
    usage: Usage | None = None
    """None where tokens are not reported."""
    measures: Measures = Measures()
    """Search units, where those are charged."""
