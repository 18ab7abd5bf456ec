"""Providers on loopback in one process, each answering in the shape of its own protocol's documentation.

    python protocols.py PORT

Written without the gateway's encoders, as plain JSON, so that both cannot be wrong alike. A path begins with the
protocol's name: `/anthropic/v1/messages`; `bedrock-claude` and `vertex-claude` are Anthropic's as the clouds have it.
What is answered follows from what is asked, read where the protocol has it: a tool's result is told, a tool is called,
a schema filled in, a picture described; else it says hello. The model's name makes it think (`think`) or fail
(`error-429`). Requests that it would not take in earnest are refused: unknown ids of calls, a call of Gemini's without
its signature, a picture that is none.
"""

import asyncio
import base64
import json
import struct
import sys
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote
from zlib import crc32

WORDS = ["Hello", " from", " the", " loopback", "."]
ARGUMENTS = {"city": "Oslo"}
PNG = b"\x89PNG\r\n\x1a\n"


class Refused(Exception):
    """What a provider would not take."""


class Asked(NamedTuple):
    """A request, as far as the answer follows from it."""

    tool: str = ""
    schema: dict[str, Any] | None = None
    picture: str = ""
    result: str = ""


class Told(NamedTuple):
    """What is answered."""

    words: list[str]
    call: str = ""
    thought: str = ""


def answer(model: str, asked: Asked) -> Told:
    if asked.result:
        return Told(["It is ", asked.result])
    if asked.tool:
        return Told([], call=asked.tool)
    if asked.schema:
        [name, *_] = asked.schema["properties"]
        return Told(['{"', name, '": "Oslo"}'])
    if asked.picture:
        data = base64.b64decode(asked.picture, validate=True)
        if not data.startswith(PNG):
            raise Refused("no picture")
        return Told(["A picture of ", f"{len(data)} bytes"])
    return Told(WORDS, thought="Be polite." if "think" in model else "")


def expect(condition: object, what: str) -> None:
    if not condition:
        raise Refused(what)


def data_of(url: str) -> str:
    kind, _, data = url.partition(";base64,")
    expect(kind == "data:image/png", "not a picture in base64")
    return data


def texts(content: Any, kind: str = "text") -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content if part["type"] == kind)


def parts(messages: list[dict[str, Any]], key: str = "content") -> list[dict[str, Any]]:
    """The content parts of all messages, where they are lists."""
    return [part for message in messages if isinstance(message.get(key), list) for part in message[key]]


# Each protocol: what is asked; a whole answer; the events of a stream.


def read_openai(body: dict[str, Any]) -> Asked:
    pictures = [part["image_url"]["url"] for part in parts(body["messages"]) if part["type"] == "image_url"]
    last = body["messages"][-1]
    if last["role"] == "tool":
        expect(last["tool_call_id"] == body["messages"][-2]["tool_calls"][0]["id"] == "call_w1", "an unknown call")
    return Asked(
        body["tools"][0]["function"]["name"] if body.get("tools") else "",
        body.get("response_format", {}).get("json_schema", {}).get("schema"),
        data_of(pictures[0]) if pictures else "",
        texts(last["content"]) if last["role"] == "tool" else "",
    )


def whole_openai(model: str, told: Told) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "".join(told.words) or None, "refusal": None}
    if told.call:
        function = {"name": told.call, "arguments": json.dumps(ARGUMENTS)}
        message["tool_calls"] = [{"id": "call_w1", "type": "function", "function": function}]
    if told.thought:
        message["reasoning_content"] = told.thought
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if told.call else "stop"}
    base = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1764000000, "model": model}
    return {**base, "choices": [choice], "usage": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}}


def stream_openai(model: str, told: Told) -> list[str]:
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1764000000, "model": model}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None if told.call else ""}]
    deltas += [{"reasoning_content": told.thought}] if told.thought else []
    deltas += [{"content": word} for word in told.words]
    if told.call:
        function = {"name": told.call, "arguments": ""}
        deltas.append({"tool_calls": [{"index": 0, "id": "call_w1", "type": "function", "function": function}]})
        pieces = ['{"city":', ' "Oslo"}']
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces]
    events = [{**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    end = {"index": 0, "delta": {}, "finish_reason": "tool_calls" if told.call else "stop"}
    usage = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
    events += [{**base, "choices": [end]}, {**base, "choices": [], "usage": usage}]
    return [*map(json.dumps, events), "[DONE]"]


def read_responses(body: dict[str, Any]) -> Asked:
    items = body["input"] if isinstance(body["input"], list) else []
    pictures = [part["image_url"] for part in parts(items) if part["type"] == "input_image"]
    results = [item for item in items if item.get("type") == "function_call_output"]
    if results:
        calls = {item["call_id"] for item in items if item.get("type") == "function_call"}
        expect({result["call_id"] for result in results} <= calls == {"call_w1"}, "an unknown call")
    return Asked(
        body["tools"][0]["name"] if body.get("tools") else "",
        body.get("text", {}).get("format", {}).get("schema"),
        data_of(pictures[0]) if pictures else "",
        texts(results[0]["output"], "input_text") if results else "",
    )


def output_of(told: Told) -> list[dict[str, Any]]:
    output: list[dict[str, Any]] = []
    if told.thought:
        output.append({"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": told.thought}]})
    if told.words:
        content = {"type": "output_text", "text": "".join(told.words), "annotations": [], "logprobs": []}
        output.append(
            {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [content]}
        )
    if told.call:
        call = {"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_w1", "name": told.call}
        output.append({**call, "arguments": json.dumps(ARGUMENTS)})
    return output


def whole_responses(model: str, told: Told) -> dict[str, Any]:
    usage = {
        "input_tokens": 12,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 17,
    }
    base = {"id": "resp_1", "object": "response", "created_at": 1764000000, "status": "completed", "model": model}
    more: dict[str, Any] = {
        "error": None,
        "incomplete_details": None,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    return {**base, **more, "output": output_of(told), "usage": usage}


def stream_responses(model: str, told: Told) -> list[str]:
    whole = whole_responses(model, told)
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(output_of(told)):
        at = {"item_id": item["id"], "output_index": index}
        match item["type"]:
            case "reasoning":
                empty: dict[str, Any] = {**item, "summary": []}
                place = {**at, "summary_index": 0}
                said = [
                    {
                        "type": "response.reasoning_summary_part.added",
                        **place,
                        "part": {"type": "summary_text", "text": ""},
                    },
                    {"type": "response.reasoning_summary_text.delta", **place, "delta": told.thought},
                    {"type": "response.reasoning_summary_text.done", **place, "text": told.thought},
                    {"type": "response.reasoning_summary_part.done", **place, "part": item["summary"][0]},
                ]
            case "message":
                empty = {**item, "status": "in_progress", "content": []}
                place, part = {**at, "content_index": 0}, item["content"][0]
                said = [
                    {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
                    *({"type": "response.output_text.delta", **place, "delta": word} for word in told.words),
                    {"type": "response.output_text.done", **place, "text": part["text"]},
                    {"type": "response.content_part.done", **place, "part": part},
                ]
            case _:
                empty = {**item, "status": "in_progress", "arguments": ""}
                said = [
                    {"type": "response.function_call_arguments.delta", **at, "delta": item["arguments"]},
                    {"type": "response.function_call_arguments.done", **at, "arguments": item["arguments"]},
                ]
        events.append({"type": "response.output_item.added", "output_index": index, "item": empty})
        events += [*said, {"type": "response.output_item.done", "output_index": index, "item": item}]
    events.append({"type": "response.completed", "response": whole})
    return [json.dumps({**event, "sequence_number": number}) for number, event in enumerate(events)]


def read_anthropic(body: dict[str, Any]) -> Asked:
    expect(isinstance(body["max_tokens"], int), "max_tokens: Field required")
    expect(all(message["role"] in {"user", "assistant"} for message in body["messages"]), "roles")
    blocks = parts(body["messages"])
    pictures = [block["source"] for block in blocks if block["type"] == "image"]
    results = [block for block in blocks if block["type"] == "tool_result"]
    if results:
        calls = {block["id"] for block in blocks if block["type"] == "tool_use"}
        expect({result["tool_use_id"] for result in results} <= calls == {"toolu_w1"}, "an unknown call")
    return Asked(
        body["tools"][0]["name"] if body.get("tools") else "",
        body.get("output_config", {}).get("format", {}).get("schema"),
        pictures[0]["data"] if pictures and pictures[0]["media_type"] == "image/png" else "",
        texts(results[0]["content"]) if results else "",
    )


def blocks_of(told: Told) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if told.thought:
        blocks.append({"type": "thinking", "thinking": told.thought, "signature": "c2lnbmVk"})
    if told.words:
        blocks.append({"type": "text", "text": "".join(told.words)})
    if told.call:
        blocks.append({"type": "tool_use", "id": "toolu_w1", "name": told.call, "input": ARGUMENTS})
    return blocks


def whole_anthropic(model: str, told: Told) -> dict[str, Any]:
    base = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": blocks_of(told)}
    end = {"stop_reason": "tool_use" if told.call else "end_turn", "stop_sequence": None}
    return {**base, **end, "usage": {"input_tokens": 12, "output_tokens": 5}}


def stream_anthropic(model: str, told: Told) -> list[str]:
    whole = whole_anthropic(model, told)
    begun = {**whole, "content": [], "stop_reason": None, "usage": {"input_tokens": 12, "output_tokens": 1}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": begun}]
    for index, block in enumerate(blocks_of(told)):
        deltas: list[dict[str, Any]]
        empty: dict[str, Any]
        match block["type"]:
            case "thinking":
                empty = {"type": "thinking", "thinking": "", "signature": ""}
                deltas = [{"type": "thinking_delta", "thinking": told.thought}]
                deltas.append({"type": "signature_delta", "signature": block["signature"]})
            case "text":
                empty = {"type": "text", "text": ""}
                deltas = [{"type": "text_delta", "text": word} for word in told.words]
            case _:
                empty = {**block, "input": {}}
                deltas = [{"type": "input_json_delta", "partial_json": each} for each in ("", '{"city":', ' "Oslo"}')]
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    events.append({"type": "message_delta", "delta": end, "usage": {"output_tokens": 5}})
    return [json.dumps(event) for event in [*events, {"type": "message_stop"}]]


def read_gemini(body: dict[str, Any]) -> Asked:
    said = parts(body["contents"], "parts")
    config = body.get("generationConfig", {})
    pictures = [part["inlineData"] for part in said if "inlineData" in part]
    kinds = [picture.get("mimeType") or picture["mime_type"] for picture in pictures]  # both spellings are taken
    results = [part["functionResponse"] for part in said if "functionResponse" in part]
    if results:
        calls = [part for part in said if "functionCall" in part]
        expect([call["functionCall"]["name"] for call in calls] == [each["name"] for each in results], "unknown call")
        expect(calls[0].get("thoughtSignature"), "Function call is missing a thought_signature")
    if config.get("responseJsonSchema") or config.get("responseSchema"):
        expect(config["responseMimeType"] == "application/json", "a schema without its type")
    return Asked(
        body["tools"][0]["functionDeclarations"][0]["name"] if body.get("tools") else "",
        config.get("responseJsonSchema") or config.get("responseSchema"),
        pictures[0]["data"].translate(str.maketrans("-_", "+/")) if kinds == ["image/png"] else "",
        str(next(iter(results[0]["response"].values()))) if results else "",
    )


def parts_of(told: Told) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = [{"text": told.thought, "thought": True}] if told.thought else []
    said += [{"text": word} for word in told.words]
    if told.call:
        said.append({"functionCall": {"name": told.call, "args": ARGUMENTS}, "thoughtSignature": "c2lnbmVk"})
    return said


def whole_gemini(model: str, told: Told) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": parts_of(told)}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 12, "candidatesTokenCount": 5, "totalTokenCount": 17}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": "r1"}


def stream_gemini(model: str, told: Told) -> list[str]:
    chunks: list[dict[str, Any]] = [
        {"content": {"role": "model", "parts": [part]}, "index": 0} for part in parts_of(told)
    ]
    chunks[-1]["finishReason"] = "STOP"
    usage = {"promptTokenCount": 12, "candidatesTokenCount": 5, "totalTokenCount": 17}
    more = {"usageMetadata": usage, "modelVersion": model, "responseId": "r1"}
    return [json.dumps({"candidates": [chunk], **more}) for chunk in chunks]


def read_bedrock(body: dict[str, Any]) -> Asked:
    blocks = parts(body["messages"])
    pictures = [block["image"] for block in blocks if "image" in block]
    results = [block["toolResult"] for block in blocks if "toolResult" in block]
    if results:
        calls = {block["toolUse"]["toolUseId"] for block in blocks if "toolUse" in block}
        expect({result["toolUseId"] for result in results} <= calls == {"tooluse_w1"}, "an unknown call")
    form = body.get("outputConfig", {}).get("textFormat", {})
    content = results[0]["content"][0] if results else {}
    return Asked(
        body["toolConfig"]["tools"][0]["toolSpec"]["name"] if "toolConfig" in body else "",
        json.loads(form["structure"]["jsonSchema"]["schema"]) if form.get("type") == "json_schema" else None,
        pictures[0]["source"]["bytes"] if pictures and pictures[0]["format"] == "png" else "",
        content.get("text") or json.dumps(content["json"]) if content else "",
    )


def whole_bedrock(model: str, told: Told) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    if told.thought:
        content.append({"reasoningContent": {"reasoningText": {"text": told.thought, "signature": "c2lnbmVk"}}})
    if told.words:
        content.append({"text": "".join(told.words)})
    if told.call:
        content.append({"toolUse": {"toolUseId": "tooluse_w1", "name": told.call, "input": ARGUMENTS}})
    usage = {"inputTokens": 12, "outputTokens": 5, "totalTokens": 17}
    stop = "tool_use" if told.call else "end_turn"
    message = {"role": "assistant", "content": content}
    return {"output": {"message": message}, "stopReason": stop, "usage": usage, "metrics": {"latencyMs": 1}}


def stream_bedrock(model: str, told: Told) -> list[str]:
    whole, index = whole_bedrock(model, told), 0
    events: list[dict[str, Any]] = [{"messageStart": {"role": "assistant"}}]

    def block(deltas: list[dict[str, Any]], start: dict[str, Any] | None = None) -> None:
        nonlocal index
        if start:
            events.append({"contentBlockStart": {"contentBlockIndex": index, "start": start}})
        events.extend({"contentBlockDelta": {"contentBlockIndex": index, "delta": delta}} for delta in deltas)
        events.append({"contentBlockStop": {"contentBlockIndex": index}})
        index += 1

    if told.thought:
        block([{"reasoningContent": {"text": told.thought}}, {"reasoningContent": {"signature": "c2lnbmVk"}}])
    if told.words:
        block([{"text": word} for word in told.words])
    if told.call:
        pieces = [{"toolUse": {"input": piece}} for piece in ('{"city":', ' "Oslo"}')]
        block(pieces, {"toolUse": {"toolUseId": "tooluse_w1", "name": told.call}})
    events += [{"messageStop": {"stopReason": whole["stopReason"]}}, {"metadata": {"usage": whole["usage"]}}]
    return [json.dumps(event) for event in events]


def read_cohere(body: dict[str, Any]) -> Asked:
    pictures = [part["image_url"]["url"] for part in parts(body["messages"]) if part["type"] == "image_url"]
    last = body["messages"][-1]
    if last["role"] == "tool":
        expect(last["tool_call_id"] == body["messages"][-2]["tool_calls"][0]["id"] == "weather_w1", "an unknown call")
    form = body.get("response_format", {})
    return Asked(
        body["tools"][0]["function"]["name"] if body.get("tools") else "",
        form.get("json_schema") if form.get("type") == "json_object" else None,
        data_of(pictures[0]) if pictures else "",
        texts(last["content"]) if last["role"] == "tool" else "",
    )


def whole_cohere(model: str, told: Told) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": []}
    if told.thought:
        message["content"].append({"type": "thinking", "thinking": told.thought})
    if told.words:
        message["content"].append({"type": "text", "text": "".join(told.words)})
    if told.call:
        function = {"name": told.call, "arguments": json.dumps(ARGUMENTS)}
        message["tool_calls"] = [{"id": "weather_w1", "type": "function", "function": function}]
    counts = {"input_tokens": 12, "output_tokens": 5}
    finish = "TOOL_CALL" if told.call else "COMPLETE"
    return {
        "id": "c-1",
        "finish_reason": finish,
        "message": message,
        "usage": {"billed_units": counts, "tokens": counts},
    }


def stream_cohere(model: str, told: Told) -> list[str]:
    whole = whole_cohere(model, told)
    empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    events: list[dict[str, Any]] = [{"type": "message-start", "id": "c-1", "delta": {"message": empty}}]

    def content(index: int, kind: str, pieces: list[str]) -> None:
        start = {"type": kind, kind: ""}
        events.append({"type": "content-start", "index": index, "delta": {"message": {"content": start}}})
        events.extend(
            {"type": "content-delta", "index": index, "delta": {"message": {"content": {kind: piece}}}}
            for piece in pieces
        )
        events.append({"type": "content-end", "index": index})

    if told.thought:
        content(0, "thinking", [told.thought])
    if told.words:
        content(1 if told.thought else 0, "text", told.words)
    if told.call:
        call = {"id": "weather_w1", "type": "function", "function": {"name": told.call, "arguments": ""}}
        events.append({"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": call}}})
        for piece in ('{"city":', ' "Oslo"}'):
            said = {"tool_calls": {"function": {"arguments": piece}}}
            events.append({"type": "tool-call-delta", "index": 0, "delta": {"message": said}})
        events.append({"type": "tool-call-end", "index": 0})
    end = {"finish_reason": whole["finish_reason"], "usage": whole["usage"]}
    return [*map(json.dumps, [*events, {"type": "message-end", "delta": end}]), "[DONE]"]


def read_ollama(body: dict[str, Any]) -> Asked:
    expect(all(isinstance(message["content"], str) for message in body["messages"]), "content is text")
    pictures = [picture for message in body["messages"] for picture in message.get("images", [])]
    last = body["messages"][-1]
    form = body.get("format")
    return Asked(
        body["tools"][0]["function"]["name"] if body.get("tools") else "",
        form if isinstance(form, dict) else None,
        pictures[0] if pictures else "",
        last["content"] if last["role"] == "tool" else "",
    )


def lines_of(told: Told) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = [{"content": "", "thinking": told.thought}] if told.thought else []
    lines += [{"content": word} for word in told.words]
    if told.call:
        lines.append({"content": "", "tool_calls": [{"function": {"name": told.call, "arguments": ARGUMENTS}}]})
    return lines


def whole_ollama(model: str, told: Told) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "".join(told.words)}
    for line in lines_of(told):
        message |= {key: value for key, value in line.items() if key != "content"}
    end = {"done": True, "done_reason": "stop", "prompt_eval_count": 12, "eval_count": 5}
    return {"model": model, "created_at": "2025-11-24T16:00:00Z", "message": message, **end}


def stream_ollama(model: str, told: Told) -> list[str]:
    base = {"model": model, "created_at": "2025-11-24T16:00:00Z"}
    lines = [{**base, "message": {"role": "assistant", **line}, "done": False} for line in lines_of(told)]
    last = {**whole_ollama(model, told), "message": {"role": "assistant", "content": ""}}
    return [json.dumps(line) for line in [*lines, last]]


def read_template(body: dict[str, Any]) -> Asked:
    expect([turn["who"] for turn in body["talk"]] == ["user"], "a talk of one turn")
    expect(isinstance(body["talk"][0]["says"], str), "no text")
    return Asked()


def whole_template(model: str, told: Told) -> dict[str, Any]:
    return {"said": {"text": "".join(told.words)}, "why": "end", "tokens": {"in": 12, "out": 5}}


def stream_template(model: str, told: Told) -> list[str]:
    pieces: list[dict[str, Any]] = [{"piece": word} for word in told.words]
    return [json.dumps(piece) for piece in [*pieces, {"why": "end", "tokens": {"in": 12, "out": 5}}]]


def data_line(line: str) -> bytes:
    return f"data: {line}\n\n".encode()


def named_event(line: str) -> bytes:
    name = "" if line == "[DONE]" else f"event: {json.loads(line)['type']}\n"
    return f"{name}data: {line}\n\n".encode()


def json_line(line: str) -> bytes:
    return f"{line}\n".encode()


def chunk_of(line: str) -> bytes:
    """An event of Anthropic's as InvokeModelWithResponseStream sends it; the last one has metrics beside it."""
    event = json.loads(line)
    if event["type"] == "message_stop":
        event["amazon-bedrock-invocationMetrics"] = {"inputTokenCount": 99, "outputTokenCount": 99}
    wrapped = base64.b64encode(json.dumps(event).encode()).decode()
    return message_of(json.dumps({"chunk": {"bytes": wrapped, "p": "ab"}}))


def message_of(line: str) -> bytes:
    """A message of AWS's event stream: lengths and their CRC, headers, payload, the CRC of it all."""
    [(name, payload)] = json.loads(line).items()
    head = b""
    for key, value in ((":event-type", name), (":content-type", "application/json"), (":message-type", "event")):
        head += bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    body = json.dumps(payload).encode()
    lengths = struct.pack(">II", 16 + len(head) + len(body), len(head))
    message = lengths + struct.pack(">I", crc32(lengths)) + head + body
    return message + struct.pack(">I", crc32(message))


class Protocol(NamedTuple):
    """How one of them is spoken."""

    read: Callable[[dict[str, Any]], Asked]
    whole: Callable[[str, Told], dict[str, Any]]
    stream: Callable[[str, Told], list[str]]
    framed: Callable[[str], bytes]
    error: Callable[[int, str], dict[str, Any]]
    stream_type: str = "text/event-stream"


def read_invoked(body: dict[str, Any]) -> Asked:
    expect(body["anthropic_version"] == "bedrock-2023-05-31", "anthropic_version: Field required")
    expect(not {"model", "stream"} & body.keys(), "model, stream: Extra inputs are not permitted")
    return read_anthropic(body)


def read_predicted(body: dict[str, Any]) -> Asked:
    expect(body["anthropic_version"] == "vertex-2023-10-16", "anthropic_version: Field required")
    expect("model" not in body, "model: Extra inputs are not permitted")
    return read_anthropic(body)


def openai_error(status: int, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}


def anthropic_error(status: int, message: str) -> dict[str, Any]:
    kinds = {400: "invalid_request_error", 404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error"}
    return {"type": "error", "error": {"type": kinds.get(status, "api_error"), "message": message}}


def gemini_error(status: int, message: str) -> dict[str, Any]:
    kinds = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
    return {"error": {"code": status, "message": message, "status": kinds.get(status, "INTERNAL")}}


PROTOCOLS = {
    "openai": Protocol(read_openai, whole_openai, stream_openai, data_line, openai_error),
    "openai-responses": Protocol(read_responses, whole_responses, stream_responses, named_event, openai_error),
    "anthropic": Protocol(read_anthropic, whole_anthropic, stream_anthropic, named_event, anthropic_error),
    "gemini": Protocol(read_gemini, whole_gemini, stream_gemini, data_line, gemini_error),
    "bedrock": Protocol(
        read_bedrock,
        whole_bedrock,
        stream_bedrock,
        message_of,
        lambda _, message: {"message": message},
        "application/vnd.amazon.eventstream",
    ),
    "bedrock-claude": Protocol(
        read_invoked,
        whole_anthropic,
        stream_anthropic,
        chunk_of,
        lambda _, message: {"message": message},
        "application/vnd.amazon.eventstream",
    ),
    "vertex-claude": Protocol(read_predicted, whole_anthropic, stream_anthropic, named_event, anthropic_error),
    "cohere": Protocol(
        read_cohere, whole_cohere, stream_cohere, named_event, lambda _, message: {"id": "e-1", "message": message}
    ),
    "ollama": Protocol(
        read_ollama,
        whole_ollama,
        stream_ollama,
        json_line,
        lambda _, message: {"error": message},
        "application/x-ndjson",
    ),
    "template": Protocol(
        read_template,
        whole_template,
        stream_template,
        json_line,
        lambda status, message: {"fault": {"text": message, "word": str(status)}},
        "application/x-ndjson",
    ),
}
PATHS = {
    "openai": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
    "anthropic": "/v1/messages",
    "cohere": "/v2/chat",
    "ollama": "/api/chat",
}


def understood(path: str, body: dict[str, Any]) -> tuple[str, str, bool]:
    """The protocol, the model, and whether a stream is wanted, from where each says it."""
    _, name, rest = path.split("/", 2)
    if name == "gemini":
        model, _, verb = rest.removeprefix("v1beta/models/").partition(":")
        expect(verb in {"generateContent", "streamGenerateContent?alt=sse"}, verb)
        return name, unquote(model), verb.startswith("stream")
    if name == "bedrock":
        _, model, verb = rest.split("/")
        expect(verb in {"converse", "converse-stream"}, verb)
        return name, unquote(model), verb == "converse-stream"
    if name == "bedrock-claude":
        _, model, verb = rest.split("/")
        expect(verb in {"invoke", "invoke-with-response-stream"}, verb)
        return name, unquote(model), verb != "invoke"
    if name == "vertex-claude":
        publisher, _, rest = rest.removeprefix("v1/locations/x/publishers/").partition("/models/")
        model, _, verb = rest.partition(":")
        expect((publisher, body.get("stream", False)) == ("anthropic", verb == "streamRawPredict"), "another stream")
        expect(verb in {"rawPredict", "streamRawPredict"}, verb)
        return name, unquote(model), verb != "rawPredict"
    if name == "template":
        expect(rest == ("talk/stream" if body["stream"] else "talk"), path)
        return name, body["engine"], body["stream"]
    expect(f"/{rest}" == PATHS[name], path)
    return name, body["model"], bool(body.get("stream", name == "ollama"))


def head(status: int, kind: str, framing: str) -> bytes:
    return f"HTTP/1.1 {status} Whatever\r\ncontent-type: {kind}\r\n{framing}\r\n\r\n".encode()


def sent(status: int, value: object) -> bytes:
    encoded = json.dumps(value).encode()
    return head(status, "application/json", f"content-length: {len(encoded)}") + encoded


async def respond(path: str, body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    protocol = PROTOCOLS[path.split("/")[1]]
    try:
        name, model, stream = understood(path, body)
        _, is_error, status = model.partition("error-")
        if is_error:
            writer.write(sent(int(status), protocol.error(int(status), f"no {name}: {status}")))
            return
        told = answer(model, protocol.read(body))
    except (Refused, KeyError, TypeError, IndexError) as exc:
        writer.write(sent(400, protocol.error(400, f"{type(exc).__name__}: {exc}")))
        return
    if not stream:
        writer.write(sent(200, protocol.whole(model, told)))
        return
    writer.write(head(200, protocol.stream_type, "transfer-encoding: chunked"))
    for line in protocol.stream(model, told):
        frame = protocol.framed(line)
        writer.write(f"{len(frame):x}\r\n".encode() + frame + b"\r\n")
        await writer.drain()
    writer.write(b"0\r\n\r\n")


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, path, _ = request.split(" ", 2)
            headers = dict(line.lower().split(": ", 1) for line in request.split("\r\n")[1:] if line)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            if method == "GET":
                writer.write(sent(200, {}))
            else:
                await respond(path, json.loads(body), writer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(port: int) -> None:
    async with await asyncio.start_server(serve, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
