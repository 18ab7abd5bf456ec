import msgspec

from engine.errors import OutcomeKind
from engine.wire.openai_completions.error import error_body, error_event, read_error, read_reply_error
from engine.wire.told import Told


def test_they_are_those_of_openais_chat() -> None:
    """Callers of completions use the same SDK, and providers answer with the same object."""
    body = error_body(
        Told(status=404, type="invalid_request_error", code="model_not_found", message="no", request_id="r", rule=None)
    )
    assert msgspec.json.decode(body)["error"]["code"] == "model_not_found"
    assert error_event(Told(status=500, type="api_error", code="x", message="no", request_id="r")).startswith(
        b"data: {"
    )
    assert read_error(404, [], body).kind is OutcomeKind.MODEL_NOT_FOUND
    assert read_reply_error(b'{"choices":[]}') is None
