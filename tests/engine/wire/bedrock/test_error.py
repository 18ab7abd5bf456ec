import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import OutcomeKind
from engine.wire.bedrock.error import read_error, read_exception

LONG = "ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/"

ERRORS = [
    (400, LONG, "The provided model identifier is invalid.", OutcomeKind.MODEL_NOT_FOUND),
    (400, "", "The provided model identifier is invalid.", OutcomeKind.MODEL_NOT_FOUND),
    (400, LONG, "Input Tokens Exceeded: Number of input tokens exceeds maximum length.", OutcomeKind.CONTEXT_LENGTH),
    (400, LONG, "Input is too long for requested model.", OutcomeKind.CONTEXT_LENGTH),
    (400, LONG, "Output blocked by content filtering policy", OutcomeKind.CONTENT_FILTER),
    (400, LONG, "This model doesn't support the video content block.", OutcomeKind.BAD_REQUEST),
    (
        400,
        LONG,
        "Invocation of model ID x with on-demand throughput isn\u2019t supported.",
        OutcomeKind.MODEL_NOT_FOUND,
    ),
    (403, "ExpiredTokenException", "The security token included in the request is expired", OutcomeKind.PROVIDER_AUTH),
    (403, "UnrecognizedClientException", "The security token is invalid.", OutcomeKind.PROVIDER_AUTH),
    (403, "AccessDeniedException", "You don't have access to the model x.", OutcomeKind.MODEL_NOT_FOUND),
    (403, "AccessDeniedException", "User is not authorized to perform bedrock:InvokeModel", OutcomeKind.PROVIDER_AUTH),
    (404, "ResourceNotFoundException", "Model not found.", OutcomeKind.MODEL_NOT_FOUND),
    (408, "ModelTimeoutException", "", OutcomeKind.SERVER_ERROR),
    (424, "ModelErrorException", "The model failed.", OutcomeKind.SERVER_ERROR),
    (429, "ThrottlingException", "Too many tokens per day, please wait", OutcomeKind.RATE_LIMITED),
    (429, "ModelNotReadyException", "not ready", OutcomeKind.OVERLOADED),
    (400, "ServiceQuotaExceededException", "quota", OutcomeKind.RATE_LIMITED),
    (500, "InternalServerException", "", OutcomeKind.SERVER_ERROR),
    (503, "ServiceUnavailableException", "Bedrock is unable to process your request.", OutcomeKind.OVERLOADED),
]


@pytest.mark.parametrize(("status", "type_", "message", "kind"), ERRORS)
def test_errors_are_classed(status: int, type_: str, message: str, kind: OutcomeKind) -> None:
    """The type stands in a header, the words in the body, and together they come to one row of the outcome table."""
    headers = [(b"x-amzn-errortype", type_.encode())] if type_ else []
    outcome = read_error(status, headers, b'{"message":"%b"}' % message.encode())
    assert (outcome.kind, outcome.status, outcome.received) == (kind, status, True)
    assert outcome.code == type_.partition(":")[0]
    assert outcome.message


def test_the_type_may_stand_in_the_body() -> None:
    """Where the header is missing, `__type` says it, with or without its namespace."""
    body = b'{"__type":"com.amazon.coral.service#ThrottlingException","Message":"Slow down"}'
    outcome = read_error(400, [(b"retry-after", b"3")], body)
    assert (outcome.kind, outcome.message) == (OutcomeKind.RATE_LIMITED, "Slow down")
    assert (outcome.code, outcome.retry_after_s) == ("ThrottlingException", 3.0)


def test_a_body_that_is_no_json_is_shown_as_text() -> None:
    """A load balancer's page is cleaned and classed by its status."""
    outcome = read_error(503, [], b"<html><head><title>503 Service Unavailable</title></head></html>")
    assert (outcome.kind, outcome.message) == (OutcomeKind.OVERLOADED, "503 Service Unavailable")


@pytest.mark.parametrize(
    ("type_", "message", "kind"),
    [
        ("throttlingException", "Too many requests", OutcomeKind.RATE_LIMITED),
        ("modelStreamErrorException", "The model broke", OutcomeKind.SERVER_ERROR),
        ("serviceUnavailableException", "Later", OutcomeKind.OVERLOADED),
        ("validationException", "Input is too long for requested model.", OutcomeKind.CONTEXT_LENGTH),
        ("validationException", "No", OutcomeKind.BAD_REQUEST),
        ("somethingElse", "?", OutcomeKind.SERVER_ERROR),
    ],
)
def test_exceptions_inside_a_stream_are_classed(type_: str, message: str, kind: OutcomeKind) -> None:
    """An exception is classed as the error with its name would have been, though the answer had status 200."""
    headers = {":message-type": "exception", ":exception-type": type_}
    outcome = read_exception(headers, b'{"message":"%b"}' % message.encode())
    assert (outcome.kind, outcome.status, outcome.code) == (kind, 200, type_)
    assert outcome.message == message


def test_an_error_inside_a_stream_has_its_words_in_headers() -> None:
    """A message of type `error` has no payload."""
    headers = {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "Oops"}
    outcome = read_exception(headers, b"")
    assert (outcome.kind, outcome.code, outcome.message) == (OutcomeKind.SERVER_ERROR, "InternalFailure", "Oops")


@given(st.integers(400, 599), st.binary(max_size=60), st.binary(max_size=80))
def test_no_error_crashes_it(status: int, type_: bytes, body: bytes) -> None:
    """Whatever stands in the header and the body, an outcome comes out."""
    assert read_error(status, [(b"x-amzn-errortype", type_)], body).kind is not OutcomeKind.OK
    assert read_exception({":exception-type": type_}, body).kind is not OutcomeKind.OK
