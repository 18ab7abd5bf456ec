"""The official SDKs in front of the running gateway, each before every provider's protocol.

One process stands in for all providers (`protocols.py`). A case is one client, one provider and one use: a plain
question, a stream, a tool and its result, a shape, a picture, thoughts, an error.
"""

import base64
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors, types

PROTOCOLS = (
    "openai",
    "openai-responses",
    "anthropic",
    "gemini",
    "bedrock",
    "bedrock-claude",
    "vertex-claude",
    "cohere",
    "ollama",
)
"""Those of `protocols.py`. Behind a dash stands what is asked of a cloud in its maker's words."""
TEXTUAL = (*PROTOCOLS, "template")
"""With those that know text alone."""
PATHS = {
    "openai": "/v1",
    "openai-responses": "/v1",
    "anthropic": "/v1",
    "gemini": "/v1beta",
    "vertex-claude": "/v1/locations/x",
}
PROVIDER = """
id: {name}
name: {name}
protocol: {protocol}
dialect: {{messages: {messages}}}
base_url: http://127.0.0.1:{port}/{name}{path}
allow_private: [127.0.0.0/8]
timeouts: {{connect: 1s, first_token: 5s, between_tokens: 5s, total: 10s}}
health: {{breaker: {{failures: 1000, min_requests: 100000}}}}
models:
  "m/*":
    upstream: "*"
    price: free
"""
TEMPLATE = """
template:
  chat:
    path: /talk
    body:
      engine: "{{ upstream.model }}"
      stream: "{{ request.stream }}"
      talk: {each: request.messages, item: {who: "{{ message.role }}", says: "{{ message.text }}"}}
    answer: {text: /said/text, finish: /why, usage: {input: /tokens/in, output: /tokens/out}}
    error: {message: /fault/text, code: /fault/word}
    stream: {path: /talk/stream, framing: lines, text: /piece}
"""
ROUTES = """
version: 1
defaults: {retry: {attempts: 1}, deadline: 10s}
"""
POLICIES = """
access: {{anonymous: deny}}
teams: {{testers: {{owner: "@testers"}}}}
consumers:
  tester: {{team: testers, roles: [admin], keys: {{k1: {{sha256: "{digest}"}}}}}}
"""
SAID = "Hello from the loopback."
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
DATA_URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
PICTURE = f"A picture of {len(PNG)} bytes"
CALL = ("weather", {"city": "Oslo"})


class Client(Protocol):
    """One SDK, used in the ways that the tests need; what comes back is plain."""

    client: Any
    """The SDK's own, to be closed."""

    def text(self, model: str) -> tuple[str, int, int]:
        """The answer, and its tokens in and out."""
        ...

    def stream(self, model: str) -> tuple[list[str], int, int]:
        """The pieces of the answer, and the same counts."""
        ...

    def error(self, model: str) -> int:
        """The status that the SDK's exception says."""
        ...


class Talker(Client, Protocol):
    """One that knows tools, shapes, pictures and thoughts."""

    def call(self, model: str, *, stream: bool) -> tuple[str, Any]:
        """Name and arguments of the tool that the model wants."""
        ...

    def round(self, model: str) -> str:
        """The answer after the tool's result."""
        ...

    def shape(self, model: str) -> Any:
        """An answer of the schema."""
        ...

    def picture(self, model: str) -> str:
        """The answer to a question on a picture."""
        ...

    def thought(self, model: str, *, stream: bool) -> tuple[str, str]:
        """Thought and answer."""
        ...


class Chat:
    """OpenAI's chat completions."""

    tools: Any = ({"type": "function", "function": {"name": "weather", "parameters": SCHEMA}},)

    def __init__(self, url: str, key: str) -> None:
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
        self.create: Any = self.client.chat.completions

    def ask(self, model: str, content: Any = "hello", **more: Any) -> Any:
        return self.create.create(model=model, messages=[{"role": "user", "content": content}], **more)

    def accumulated(self, model: str, **more: Any) -> Any:
        with self.create.stream(model=model, messages=[{"role": "user", "content": "hello"}], **more) as events:
            return events.get_final_completion().choices[0].message

    def text(self, model: str) -> tuple[str, int, int]:
        answer = self.ask(model)
        return answer.choices[0].message.content, answer.usage.prompt_tokens, answer.usage.completion_tokens

    def stream(self, model: str) -> tuple[list[str], int, int]:
        chunks = list(self.ask(model, stream=True, stream_options={"include_usage": True}))
        usage = chunks[-1].usage
        deltas = [choice.delta.content for chunk in chunks for choice in chunk.choices]
        return [delta for delta in deltas if delta], usage.prompt_tokens, usage.completion_tokens

    def error(self, model: str) -> int:
        with pytest.raises(openai.APIStatusError) as caught:
            self.ask(model)
        return caught.value.status_code

    def call(self, model: str, *, stream: bool) -> tuple[str, Any]:
        asked = {"tools": list(self.tools)}
        message = self.accumulated(model, **asked) if stream else self.ask(model, **asked).choices[0].message
        [call] = message.tool_calls
        return call.function.name, json.loads(call.function.arguments)

    def round(self, model: str) -> str:
        tools = list(self.tools)
        message = self.ask(model, tools=tools).choices[0].message
        result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "9 degrees"}
        messages = [{"role": "user", "content": "hello"}, message, result]
        content: str = self.create.create(model=model, messages=messages, tools=tools).choices[0].message.content
        return content

    def shape(self, model: str) -> Any:
        form = {"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": SCHEMA}}
        return json.loads(self.ask(model, response_format=form).choices[0].message.content)

    def picture(self, model: str) -> str:
        parts = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": DATA_URL}}]
        content: str = self.ask(model, parts).choices[0].message.content
        return content

    def thought(self, model: str, *, stream: bool) -> tuple[str, str]:
        message = self.accumulated(model) if stream else self.ask(model).choices[0].message
        return message.reasoning_content, message.content


class Completions:
    """OpenAI's older completions."""

    def __init__(self, url: str, key: str) -> None:
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
        self.create: Any = self.client.completions.create

    def text(self, model: str) -> tuple[str, int, int]:
        answer = self.create(model=model, prompt="hello")
        return answer.choices[0].text, answer.usage.prompt_tokens, answer.usage.completion_tokens

    def stream(self, model: str) -> tuple[list[str], int, int]:
        chunks = list(self.create(model=model, prompt="hello", stream=True, stream_options={"include_usage": True}))
        usage = chunks[-1].usage
        texts = [choice.text for chunk in chunks for choice in chunk.choices]
        return [text for text in texts if text], usage.prompt_tokens, usage.completion_tokens

    def error(self, model: str) -> int:
        with pytest.raises(openai.APIStatusError) as caught:
            self.create(model=model, prompt="hello")
        return caught.value.status_code


class Responses:
    """OpenAI's Responses API."""

    tools: Any = ({"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True},)

    def __init__(self, url: str, key: str) -> None:
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
        self.responses: Any = self.client.responses

    def ask(self, model: str, asked: Any = "hello", **more: Any) -> Any:
        return self.responses.create(model=model, input=asked, **more)

    def accumulated(self, model: str, **more: Any) -> tuple[Any, list[Any]]:
        with self.responses.stream(model=model, input="hello", **more) as stream:
            events = list(stream)
            return stream.get_final_response(), events

    def text(self, model: str) -> tuple[str, int, int]:
        answer = self.ask(model)
        return answer.output_text, answer.usage.input_tokens, answer.usage.output_tokens

    def stream(self, model: str) -> tuple[list[str], int, int]:
        answer, events = self.accumulated(model)
        deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
        assert answer.output_text == "".join(deltas)
        return deltas, answer.usage.input_tokens, answer.usage.output_tokens

    def error(self, model: str) -> int:
        with pytest.raises(openai.APIStatusError) as caught:
            self.ask(model)
        return caught.value.status_code

    def call(self, model: str, *, stream: bool) -> tuple[str, Any]:
        tools = list(self.tools)
        answer = self.accumulated(model, tools=tools)[0] if stream else self.ask(model, tools=tools)
        [call] = [item for item in answer.output if item.type == "function_call"]
        return call.name, json.loads(call.arguments)

    def round(self, model: str) -> str:
        tools = list(self.tools)
        output = self.ask(model, tools=tools).output
        [call] = [item for item in output if item.type == "function_call"]
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "9 degrees"}
        text: str = self.ask(model, [{"role": "user", "content": "hello"}, *output, result], tools=tools).output_text
        return text

    def shape(self, model: str) -> Any:
        form = {"format": {"type": "json_schema", "name": "place", "strict": True, "schema": SCHEMA}}
        return json.loads(self.ask(model, text=form).output_text)

    def picture(self, model: str) -> str:
        parts = [{"type": "input_text", "text": "What?"}, {"type": "input_image", "image_url": DATA_URL}]
        text: str = self.ask(model, [{"role": "user", "content": parts}]).output_text
        return text

    def thought(self, model: str, *, stream: bool) -> tuple[str, str]:
        answer = self.accumulated(model)[0] if stream else self.ask(model)
        [thought] = [item for item in answer.output if item.type == "reasoning"]
        return thought.summary[0].text, answer.output_text


class Messages:
    """Anthropic's messages."""

    tools: Any = ({"name": "weather", "description": "The weather", "input_schema": SCHEMA},)

    def __init__(self, url: str, key: str) -> None:
        self.client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)
        self.messages: Any = self.client.messages

    def ask(self, model: str, content: Any = "hello", **more: Any) -> Any:
        asked = [{"role": "user", "content": content}]
        return self.messages.create(**{"model": model, "max_tokens": 99, "messages": asked, **more})

    def accumulated(self, model: str, **more: Any) -> tuple[Any, list[str]]:
        asked = [{"role": "user", "content": "hello"}]
        with self.messages.stream(model=model, max_tokens=99, messages=asked, **more) as stream:
            texts = list(stream.text_stream)
            return stream.get_final_message(), texts

    def text(self, model: str) -> tuple[str, int, int]:
        answer = self.ask(model)
        return answer.content[0].text, answer.usage.input_tokens, answer.usage.output_tokens

    def stream(self, model: str) -> tuple[list[str], int, int]:
        answer, texts = self.accumulated(model)
        assert answer.stop_reason == "end_turn"
        assert answer.content[0].text == "".join(texts)
        return texts, answer.usage.input_tokens, answer.usage.output_tokens

    def error(self, model: str) -> int:
        with pytest.raises(anthropic.APIStatusError) as caught:
            self.ask(model)
        return caught.value.status_code

    def call(self, model: str, *, stream: bool) -> tuple[str, Any]:
        tools = list(self.tools)
        answer = self.accumulated(model, tools=tools)[0] if stream else self.ask(model, tools=tools)
        assert answer.stop_reason == "tool_use"
        [call] = [block for block in answer.content if block.type == "tool_use"]
        return call.name, call.input

    def round(self, model: str) -> str:
        tools = list(self.tools)
        content = self.ask(model, tools=tools).content
        [call] = [block for block in content if block.type == "tool_use"]
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "9 degrees"}
        turns = [("user", "hello"), ("assistant", content), ("user", [result])]
        messages = [{"role": role, "content": said} for role, said in turns]
        text: str = self.ask(model, messages=messages, tools=tools).content[0].text
        return text

    def shape(self, model: str) -> Any:
        form = {"format": {"type": "json_schema", "schema": SCHEMA}}
        return json.loads(self.ask(model, output_config=form).content[0].text)

    def picture(self, model: str) -> str:
        source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()}
        text: str = (
            self.ask(model, [{"type": "image", "source": source}, {"type": "text", "text": "What?"}]).content[0].text
        )
        return text

    def thought(self, model: str, *, stream: bool) -> tuple[str, str]:
        asked = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4096}
        if stream:
            with self.messages.stream(model=model, messages=[{"role": "user", "content": "hello"}], **asked) as events:
                answer = events.get_final_message()
        else:
            answer = self.ask(model, **asked)
        thought, text = answer.content
        return thought.thinking, text.text


class Generate:
    """Google's generate_content."""

    def __init__(self, url: str, key: str) -> None:
        options = types.HttpOptions(base_url=url, retry_options=types.HttpRetryOptions(attempts=1))
        self.client = genai.Client(api_key=key, http_options=options)
        self.models: Any = self.client.models
        declared = {"name": "weather", "description": "The weather", "parameters_json_schema": SCHEMA}
        self.tools: Any = {"tools": [{"function_declarations": [declared]}]}

    def ask(self, model: str, contents: Any = "hello", config: Any = None, *, stream: bool = False) -> Any:
        if not stream:
            return self.models.generate_content(model=model, contents=contents, config=config)
        return list(self.models.generate_content_stream(model=model, contents=contents, config=config))

    def text(self, model: str) -> tuple[str, int, int]:
        answer = self.ask(model)
        usage = answer.usage_metadata
        return answer.text, usage.prompt_token_count, usage.candidates_token_count

    def stream(self, model: str) -> tuple[list[str], int, int]:
        chunks = self.ask(model, stream=True)
        usage = chunks[-1].usage_metadata
        assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
        return [c.text for c in chunks if c.text], usage.prompt_token_count, usage.candidates_token_count

    def error(self, model: str) -> int:
        with pytest.raises(errors.APIError) as caught:
            self.ask(model)
        return int(caught.value.code)

    def call(self, model: str, *, stream: bool) -> tuple[str, Any]:
        answers = self.ask(model, config=self.tools, stream=True) if stream else [self.ask(model, config=self.tools)]
        [call] = [call for answer in answers for call in answer.function_calls or ()]
        return call.name, call.args

    def round(self, model: str) -> str:
        answer = self.ask(model, config=self.tools)
        [call] = answer.function_calls
        response = types.FunctionResponse(id=call.id, name=call.name, response={"result": "9 degrees"})
        result = types.Content(role="user", parts=[types.Part(function_response=response)])
        asked = types.Content(role="user", parts=[types.Part(text="hello")])
        text: str = self.ask(model, [asked, answer.candidates[0].content, result], self.tools).text
        return text

    def shape(self, model: str) -> Any:
        config = {"response_mime_type": "application/json", "response_json_schema": SCHEMA}
        return self.ask(model, config=config).parsed

    def picture(self, model: str) -> str:
        text: str = self.ask(model, ["What?", types.Part.from_bytes(data=PNG, mime_type="image/png")]).text
        return text

    def thought(self, model: str, *, stream: bool) -> tuple[str, str]:
        config = {"thinking_config": {"include_thoughts": True}}
        answers = self.ask(model, config=config, stream=True) if stream else [self.ask(model, config=config)]
        parts = [part for answer in answers for part in answer.candidates[0].content.parts or ()]
        thoughts, texts = (["".join(p.text or "" for p in parts if bool(p.thought) is kind)] for kind in (True, False))
        return thoughts[0], texts[0]


CLIENTS: dict[str, Callable[[str, str], Client]] = {
    "completions": Completions,
    "chat": Chat,
    "responses": Responses,
    "messages": Messages,
    "generate": Generate,
}


@pytest.fixture(scope="module")
def provider(until: Callable[..., None]) -> Iterator[int]:
    """The port of the process that stands in for all providers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(Path(__file__).parent / "protocols.py"), str(port)])

    def answers() -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) == 0

    until(answers, "the providers answer")
    yield port
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="module")
def clients(make_gateway: Callable[..., Any], provider: int, key: str) -> Iterator[dict[str, Any]]:
    """Every client, before one gateway."""

    def file(name: str) -> str:
        protocol, claude, _ = name.partition("-claude")
        messages = "true" if claude else "false"
        path, more = PATHS.get(name, ""), TEMPLATE if name == "template" else ""
        return PROVIDER.format(name=name, protocol=protocol, messages=messages, port=provider, path=path) + more

    files = {f"providers.d/{name}.yaml": file(name) for name in TEXTUAL}
    gateway = make_gateway(files)
    gateway.write("routes.yaml", ROUTES)
    gateway.write("policies/access.yaml", POLICIES.format(digest=sha256(key.encode()).hexdigest()))
    gateway.start()
    made = {name: make(gateway.url, key) for name, make in CLIENTS.items()}
    yield made
    for one in made.values():
        one.client.close()
    gateway.stop()


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest, clients: dict[str, Any]) -> Client:
    found: Client = clients[request.param]
    return found


@pytest.fixture(params=[name for name in CLIENTS if name != "completions"])
def talker(request: pytest.FixtureRequest, clients: dict[str, Any]) -> Talker:
    found: Talker = clients[request.param]
    return found


@pytest.mark.parametrize("protocol", TEXTUAL)
def test_text(client: Client, protocol: str) -> None:
    """An answer comes back whole, with its usage."""
    assert client.text(f"m/text@{protocol}") == (SAID, 12, 5)


@pytest.mark.parametrize("protocol", TEXTUAL)
def test_stream(client: Client, protocol: str) -> None:
    """A stream arrives in the pieces that the provider sent, with its usage."""
    pieces, read, written = client.stream(f"m/text@{protocol}")

    assert "".join(pieces) == SAID
    assert len(pieces) == 5
    assert (read, written) == (12, 5)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_tool_call(talker: Talker, protocol: str, *, stream: bool) -> None:
    """A tool's call comes through, streamed or not."""
    assert talker.call(f"m/text@{protocol}", stream=stream) == CALL


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_tool_round(talker: Talker, protocol: str) -> None:
    """What the SDK sends back with a tool's result is what the provider needs: its ids, its signatures."""
    assert "9 degrees" in talker.round(f"m/text@{protocol}")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_structured_output(talker: Talker, protocol: str) -> None:
    """An answer has the shape that was asked for."""
    assert talker.shape(f"m/text@{protocol}") == {"city": "Oslo"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_picture(talker: Talker, protocol: str) -> None:
    """A picture reaches the provider byte for byte."""
    assert talker.picture(f"m/text@{protocol}") == PICTURE


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_thoughts(talker: Talker, protocol: str, *, stream: bool) -> None:
    """Thoughts are shown apart from the answer, where the SDK looks for them."""
    assert talker.thought(f"m/think@{protocol}", stream=stream) == ("Be polite.", SAID)


@pytest.mark.parametrize(("told", "seen"), [(400, 400), (404, 404), (429, 429), (500, 502)])
@pytest.mark.parametrize("protocol", TEXTUAL)
def test_error(client: Client, protocol: str, told: int, seen: int) -> None:
    """A provider's refusal is the SDK's own exception, with the status that callers see of it."""
    assert client.error(f"m/error-{told}@{protocol}") == seen
