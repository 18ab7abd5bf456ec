"""Where a model is asked: at Bedrock its name stands in the path, and so does whether the answer is streamed."""

from urllib.parse import quote

__all__ = ["converse_path", "invoke_path"]


def converse_path(model: str, *, stream: bool) -> str:
    """The path that asks *model*, an id, an inference profile or an ARN, by Converse.

    Colons and slashes are quoted, as AWS's own SDKs do; whoever signs the request signs the path as it is here.

    Source: Amazon Bedrock API reference, "Converse" and "ConverseStream", 2026-11.
    """
    return f"/model/{quote(model, safe='')}/{'converse-stream' if stream else 'converse'}"


def invoke_path(model: str, *, stream: bool) -> str:
    """The path that asks *model* in its maker's own protocol.

    Source: Amazon Bedrock API reference, "InvokeModel" and "InvokeModelWithResponseStream", 2026-11.
    """
    return f"/model/{quote(model, safe='')}/{'invoke-with-response-stream' if stream else 'invoke'}"
