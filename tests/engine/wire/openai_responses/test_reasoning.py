import msgspec
import pytest

from engine import hub
from engine.wire.openai_responses import PROTOCOL
from engine.wire.openai_responses.reasoning import NEXT_CALL, claimed, read_reasoning, reasoning_item, seal, seal_call


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def written(thought: hub.Thinking) -> msgspec.Raw:
    encrypted = seal(thought.signature, thought.redacted, thought.origin, alone=not thought.text)
    return raw(reasoning_item(id=thought.id or "rs_engine_a_0", text=thought.text, encrypted=encrypted))


@pytest.mark.parametrize(
    "thought",
    [
        hub.Thinking(text="Hm.", signature="gAAA", origin=PROTOCOL, id="rs_1"),
        hub.Thinking(redacted="gAAA", origin=PROTOCOL, id="rs_1"),
        hub.Thinking(text="Hm.", origin=PROTOCOL, id="rs_1"),
        hub.Thinking(text="Hm."),
        hub.Thinking(text="Hm.", signature="Eq:QB", origin="anthropic"),
        hub.Thinking(signature="EqQB", origin="anthropic"),
        hub.Thinking(redacted="EmwK", origin="anthropic"),
        hub.Thinking(text="Hm.", redacted="EmwK", origin="bedrock"),
        hub.Thinking(signature="gAAA", origin=PROTOCOL),
    ],
)
def test_a_thought_that_is_written_reads_the_same(thought: hub.Thinking) -> None:
    """Whoever signed it: other protocols' signatures travel sealed."""
    assert read_reasoning(written(thought)) == thought


def test_openais_own_seal_stands_bare() -> None:
    """It is what the provider must see again."""
    item = msgspec.json.decode(written(hub.Thinking(text="Hm.", signature="gAAA", origin=PROTOCOL, id="rs_1")))
    assert item["encrypted_content"] == "gAAA"


def test_paragraphs_of_a_summary_are_one_text() -> None:
    """With an empty line between them."""
    item = {"type": "reasoning", "id": "rs_1", "summary": [{"text": "A."}, {"text": ""}, {"text": "B."}]}
    assert read_reasoning(raw(item)) == hub.Thinking(text="A.\n\nB.", origin=PROTOCOL, id="rs_1")


def test_reasoning_that_says_nothing_is_a_reference() -> None:
    """It means something only where it is kept."""
    item = raw({"type": "reasoning", "id": "rs_1", "summary": []})
    assert read_reasoning(item) == hub.Foreign(protocol=PROTOCOL, kind="reasoning", raw=item)


def test_a_signature_before_a_call_is_the_calls() -> None:
    """Gemini signs calls; here they have no field for it."""
    call = hub.ToolCall(id="c", name="f", arguments="{}")
    sealed = read_reasoning(raw(reasoning_item(id="rs_engine_a_0", text="", encrypted=seal_call("CpcB"))))

    assert sealed == hub.Thinking(signature="CpcB", origin=NEXT_CALL)
    assert claimed([sealed, call, call]) == (msgspec.structs.replace(call, signature="CpcB"), call)
