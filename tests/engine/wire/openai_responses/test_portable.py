import json
from typing import Any

import pytest

from engine import hub
from engine.errors import BadRequest
from engine.wire.openai_responses.envelope import read_envelope
from engine.wire.openai_responses.portable import check_portable
from engine.wire.openai_responses.request import decode_request


def request(**more: Any) -> hub.Request:
    return decode_request(read_envelope(json.dumps({"model": "m", "input": "hi"} | more).encode()).fields)


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"background": True}, "background"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input"),
    ],
)
def test_what_is_kept_at_a_provider_cannot_be_served_by_another(more: dict[str, Any], param: str) -> None:
    """Left out in silence, the answer would be one to another conversation."""
    with pytest.raises(BadRequest, match="whole conversation") as caught:
        check_portable(request(**more))
    assert caught.value.param == param


def test_what_may_be_dropped_is_no_hindrance() -> None:
    """Storage, truncation and what is to be included do not change what is asked."""
    check_portable(request(store=True, truncation="auto", include=["x"], background=False, previous_response_id=None))
