"""Whether a provider of another protocol can serve a request of this one."""

from engine import hub
from engine.errors import BadRequest

__all__ = ["check_portable"]

UNPORTABLE = ("previous_response_id", "conversation", "prompt")
"""Fields that stand for a part of the conversation that the provider keeps."""


def check_portable(request: hub.Request) -> None:
    """Returns if *request* contains its whole conversation, so that a provider of another protocol may serve it.

    Raises:
        BadRequest: it refers to what a provider keeps, without which the conversation would be another one; or it is to
            run in the background.
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
