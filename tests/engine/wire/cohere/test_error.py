import pytest

from engine.errors import OutcomeKind
from engine.wire.cohere.error import read_error, read_reply_error


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"message":"too many tokens: size limit exceeded by 9 tokens."}', OutcomeKind.CONTEXT_LENGTH),
        (400, b'{"message":"no way","error_type":"TOO_MANY_TOKENS"}', OutcomeKind.CONTEXT_LENGTH),
        (
            400,
            b'{"message":"too many tokens: max tokens must be less than or equal to 4096"}',
            OutcomeKind.BAD_REQUEST,
        ),
        (400, b'{"id":"1","message":"invalid request: list of documents must not be empty"}', OutcomeKind.BAD_REQUEST),
        (401, b'{"id":"1","message":"invalid api token"}', OutcomeKind.PROVIDER_AUTH),
        (402, b'{"message":"please add or update your payment method"}', OutcomeKind.PAYMENT_REQUIRED),
        (404, b'{"message":"model \'command\' was removed"}', OutcomeKind.MODEL_NOT_FOUND),
        (429, b'{"message":"You are using a Trial key"}', OutcomeKind.RATE_LIMITED),
        (498, b'{"message":"blocked"}', OutcomeKind.CONTENT_FILTER),
        (500, b"<html><title>Oops</title></html>", OutcomeKind.SERVER_ERROR),
        (503, b"", OutcomeKind.OVERLOADED),
    ],
)
def test_errors_are_classed(status: int, body: bytes, kind: OutcomeKind) -> None:
    """Each documented error is what its message and status say."""
    outcome = read_error(status, [], body)
    assert outcome.kind is kind
    assert outcome.message


def test_a_pause_is_read() -> None:
    """What the provider says of when to come back is kept."""
    assert read_error(429, [(b"retry-after", b"7")], b'{"message":"slow down"}').retry_after_s == 7


def test_an_error_inside_an_answer() -> None:
    """A text where an answer has its message is an error; an answer is none."""
    error = read_reply_error(b'{"id":"1","message":"internal server error"}')
    assert error
    assert error.kind is OutcomeKind.SERVER_ERROR
    assert read_reply_error(b'{"id":"1","message":{"role":"assistant"}}') is None
    assert read_reply_error(b"<html>") is None
