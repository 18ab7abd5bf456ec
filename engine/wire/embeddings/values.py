"""What is meant by a request for embeddings and by its answer, in no protocol's words."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from engine.hub import NO_EXTRA, Json
from engine.values import Usage

__all__ = ["EmbedReply", "EmbedRequest", "Input", "InputType"]

Input = str | tuple[int, ...]
"""A text, or the tokens of one."""


class InputType(StrEnum):
    """What the vectors are for. Models that ask for it put a prompt of their own around the text."""

    QUERY = "query"
    DOCUMENT = "document"
    CLASSIFICATION = "classification"
    CLUSTERING = "clustering"
    SIMILARITY = "similarity"


class EmbedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request for vectors, one for each input. What is None or empty was not said."""

    model: str
    """By the time the request is encoded, the provider's name for the model: Bedrock's bodies depend on it."""
    inputs: tuple[Input, ...]
    dimensions: int | None = None
    input_type: InputType | None = None
    as_base64: bool | None = None
    """Whether vectors are to be base64 of little-endian 32-bit floats, or lists of numbers."""
    user: str = ""
    extra: Mapping[str, Json] = NO_EXTRA
    """What only OpenAI's protocol and its look-alikes know, by name."""


class EmbedReply(msgspec.Struct, frozen=True, kw_only=True):
    """The vectors, in the order of the inputs."""

    model: str = ""
    """The provider's name for the model; empty where it does not say."""
    vectors: tuple[Json, ...]
    """As they came: a JSON list of numbers, or base64 in a JSON string. `vector` turns one into the other."""
    usage: Usage | None = None
    """None where the provider reports none."""
