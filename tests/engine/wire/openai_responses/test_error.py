import msgspec
import pytest
from openai.types.responses import ResponseErrorEvent

from engine.errors import OutcomeKind
from engine.wire import sse
from engine.wire.openai_responses.error import error_body, error_event, failure, read_error, read_reply_error
from engine.wire.told import Told


def test_an_error_of_ours_in_a_stream_is_raised_by_the_sdk() -> None:
    """openai-python raises on an object under `error`, whatever the event; its type for the event is kept, too."""
    event = error_event(Told(status=502, type="api_error", code="upstream_failed", message="It broke.", request_id="r"))
    said = msgspec.json.decode(sse.data_of(event))

    assert said["error"]["message"] == "It broke."
    assert ResponseErrorEvent.model_validate(said).message == "It broke."


def test_an_error_event_has_its_fields_in_both_places() -> None:
    """At the top as in the reference, and under `error` as OpenAI sends them, with request id and rule."""
    event = error_event(
        Told(status=400, type="t", code="c", message="m", param="p", request_id="r", rule="a:1"), sequence_number=2
    )
    said = msgspec.json.decode(sse.data_of(event))

    assert event.startswith(b"event: error\n")
    assert said["sequence_number"] == 2
    assert (said["code"], said["message"], said["param"]) == ("c", "m", "p")
    assert said["error"]["request_id"] == "r"
    assert said["error"]["rule"] == "a:1"


def test_an_error_body_is_that_of_chat() -> None:
    """Both protocols share the object."""
    body = error_body(Told(status=429, type="t", code="c", message="m", request_id="r"))
    assert msgspec.json.decode(body)["error"]["code"] == "c"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error": {"code": "insufficient_quota", "message": "x"}}', OutcomeKind.PAYMENT_REQUIRED),
        (b'{"code": "invalid-argument", "error": "Incorrect API key provided."}', OutcomeKind.PROVIDER_AUTH),
        (b"<html>", OutcomeKind.BAD_REQUEST),
    ],
)
def test_errors_of_providers_are_classed(body: bytes, kind: OutcomeKind) -> None:
    """By their code, by their message, or by the status alone."""
    assert read_error(400, [], body).kind is kind


@pytest.mark.parametrize("body", [b'{"error": null}', b"{}", b'{"error"', b'["error"]', b'{"status": "completed"}'])
def test_answers_without_an_error(body: bytes) -> None:
    """Most answers carry `error: null`; what cannot be read is not an error of the provider's."""
    assert read_reply_error(body) is None


def test_a_failed_answer_is_an_outcome() -> None:
    """A bare text counts as well."""
    assert failure({"code": "rate_limit_exceeded", "message": "Slow down."}).kind is OutcomeKind.RATE_LIMITED
    assert failure("It broke.").message == "It broke."
