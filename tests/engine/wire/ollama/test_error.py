import pytest

from engine.errors import OutcomeKind
from engine.wire.ollama.error import read_error, read_reply_error


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, b'{"error":"model \'x\' not found"}', OutcomeKind.MODEL_NOT_FOUND),
        (400, b'{"error":"input length exceeds the context length"}', OutcomeKind.CONTEXT_LENGTH),
        (400, b'{"error":"registry.ollama.ai/library/x does not support tools"}', OutcomeKind.BAD_REQUEST),
        (401, b'{"error":"unauthorized"}', OutcomeKind.PROVIDER_AUTH),
        (429, b'{"error":"too many requests"}', OutcomeKind.RATE_LIMITED),
        (500, b'{"error":"model requires more system memory"}', OutcomeKind.SERVER_ERROR),
        (503, b'{"error":"server busy, please try again"}', OutcomeKind.OVERLOADED),
        (502, b"<html><title>Bad gateway</title></html>", OutcomeKind.SERVER_ERROR),
    ],
)
def test_errors_are_classed(status: int, body: bytes, kind: OutcomeKind) -> None:
    """Each error is what its text and status say."""
    outcome = read_error(status, [], body)
    assert outcome.kind is kind
    assert outcome.message


def test_an_error_inside_an_answer() -> None:
    """A key `error` makes it one."""
    error = read_reply_error(b'{"error":"CUDA error"}')
    assert error
    assert error.message == "CUDA error"
    assert read_reply_error(b'{"message":{"content":"Hi"}}') is None
    assert read_reply_error(b"[]") is None
