from typing import Any

import msgspec

from engine.sandbox.answer import MOST_TOKENS, ChatAnswer, answer
from engine.wire.openai_chat.envelope import read_envelope

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def answered(prompt: object = "hello  there", **fields: Any) -> ChatAnswer:
    body = {"model": "instant", "messages": [{"role": "user", "content": prompt}]} | fields
    encoded = msgspec.json.encode(body)
    return answer(read_envelope(encoded), encoded)


def test_the_prompt_is_echoed() -> None:
    """The answer says what was said, in pieces that join to it."""
    said = answered()
    assert said.text == "You said: hello  there"
    assert said.finish_reason == "stop"
    assert said.completion_tokens == len(said.pieces) == 4


def test_the_same_request_gets_the_same_answer() -> None:
    """Answers are deterministic, ids included; another request has another id."""
    assert answered() == answered()
    assert answered().id != answered("other").id


def test_parts_of_text_are_echoed() -> None:
    """A message in parts is read by its texts."""
    assert answered(
        [{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}]
    ).text.endswith("a b")


def test_max_tokens_cuts() -> None:
    """An answer longer than `max_tokens` is cut and says so; so is one that is longer than any."""
    said = answered(max_tokens=2)
    assert (said.text, said.finish_reason, said.completion_tokens) == ("You said: ", "length", 2)
    assert answered("word " * 10_000).completion_tokens == MOST_TOKENS


def test_a_named_tool_is_called() -> None:
    """A prompt that names a tool gets a call of it, with arguments that its schema allows."""
    said = answered("please Get_Weather", tools=[WEATHER])
    assert said.tool_call is not None
    assert (said.tool_call.name, said.tool_call.arguments) == ("get_weather", '{"city":"sandbox"}')
    assert (said.finish_reason, said.text) == ("tool_calls", "")


def test_a_demanded_tool_is_called() -> None:
    """`tool_choice` decides where it speaks."""
    by_name = {"type": "function", "function": {"name": "get_weather"}}
    assert answered(tools=[WEATHER], tool_choice="required").tool_call is not None
    assert answered(tools=[WEATHER], tool_choice=by_name).tool_call is not None
    assert answered("get_weather", tools=[WEATHER], tool_choice="none").tool_call is None
    assert answered(tools=[WEATHER]).tool_call is None


def test_a_tools_result_is_echoed() -> None:
    """After a tool's answer comes text, so that a loop of calls ends."""
    messages = [{"role": "user", "content": "get_weather"}, {"role": "tool", "content": "sunny"}]
    said = answered(messages=messages, tools=[WEATHER])
    assert said.text == "The tool answered: sunny"


def test_json_in_the_form_asked_for() -> None:
    """A JSON schema gets its smallest instance, a JSON object an echo in one."""
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": WEATHER["function"]["parameters"]}}
    assert msgspec.json.decode(answered(response_format=schema).text) == {"city": "sandbox"}
    assert msgspec.json.decode(answered("x", response_format={"type": "json_object"}).text) == {"echo": "x"}


def test_blanks_are_read_in_a_moment() -> None:
    """A prompt of nothing but blanks is no trap for the pattern that cuts pieces."""
    assert answered(" " * 1_000_000).text.startswith("You said:")
