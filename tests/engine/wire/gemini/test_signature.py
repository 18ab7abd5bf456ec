from base64 import b64decode, urlsafe_b64encode

import pytest

from engine import hub
from engine.wire.gemini.signature import MARK, thinking, thought_signature

SIGNED = [
    hub.Thinking(text="a", signature="c2ln", origin="gemini"),
    hub.Thinking(text="a", signature="sig/+é", origin="anthropic"),
    hub.Thinking(redacted="x" * 50, origin="anthropic"),
    hub.Thinking(text="a", signature="s", origin="openai-responses", id="rs_1"),
]


@pytest.mark.parametrize("signed", SIGNED)
def test_signatures_come_back(signed: hub.Thinking) -> None:
    """Whoever signed it, the next turn brings it back, also through an SDK that knows the other alphabet."""
    carried = thought_signature(signed)
    assert thinking(signed.text, carried) == signed
    if carried.startswith(MARK):
        assert thinking(signed.text, urlsafe_b64encode(b64decode(carried)).decode()) == signed


def test_geminis_own_are_left_alone() -> None:
    """Only other protocols' are wrapped; without one there is nothing to carry."""
    assert thought_signature(SIGNED[0]) == "c2ln"
    assert thought_signature(hub.Thinking(text="a")) == ""
    assert thinking("a", "") == hub.Thinking(text="a")


@pytest.mark.parametrize("tail", ["", "?", "e30=", "é"])
def test_what_was_tampered_with_is_no_signature(tail: str) -> None:
    """The thought is read as unsigned."""
    assert thinking("a", MARK + tail) == hub.Thinking(text="a")
