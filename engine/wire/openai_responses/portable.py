"""Whether a request of this protocol can be served by a provider that speaks another one."""

from engine import hub
from engine.errors import BadRequest

__all__ = ["check_portable"]

UNPORTABLE = ("previous_response_id", "conversation", "prompt")
"""Fields that stand for a part of the conversation which is kept at the provider."""


def check_portable(request: hub.Request) -> None:
    """Nothing, where *request* says its whole conversation and so may be served by another protocol.

    Raises:
        BadRequest: it points at what a provider keeps, or is to run in the background; left out, the answer would be
            one to another conversation.
    """
    for name in UNPORTABLE:
        if name in request.extra:
            raise _bound(name)
    if bytes(request.extra.get("background", b"null")) == b"true":
        raise _bound("background")
    kinds = {part.kind for message in request.messages for part in message.parts if isinstance(part, hub.Foreign)}
    if "item_reference" in kinds:
        raise _bound("input")


def _bound(name: str) -> BadRequest:
    what = "item_reference in input" if name == "input" else name
    return BadRequest(
        f"{what} needs a provider that speaks OpenAI's Responses API itself, which this model is not served by; send "
        "the whole conversation in input",
        code="parameter_not_supported",
        param=name,
    )
