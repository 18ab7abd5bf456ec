"""What an answer of each surface says, read plainly: nothing here is shared with the gateway's own readers.

A reader also notes what its protocol forbids (`faults`): a delta of a block that is not open, a stream without its end.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Json = Any

_MEDIA_LINK = re.compile(r"!?\[[^\]]*\]\((?:data:|audio_)[^)]*\)")
"""Anthropic has no place for pictures and sound in answers: they come as links in the text."""


class Counts(NamedTuple):
    """Tokens: all that went in, how many of them came from a cache, and all that came out."""

    input: int
    cached: int
    output: int


@dataclass(slots=True)
class Said:
    """What an answer says, in its own protocol's words."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: list[tuple[str, Json]] = field(default_factory=list)
    """(name, arguments), the arguments as JSON values, or as text where they are none."""
    finish: str = ""
    counts: Counts | None = None
    error: str = ""
    """What went wrong, as an event inside the stream tells it."""
    faults: list[str] = field(default_factory=list)


def events_of(body: bytes) -> list[tuple[str, str]]:
    """The (name, data) of every server-sent event."""
    found, name, data = list[tuple[str, str]](), "", list[str]()
    for line in body.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                found.append((name, "\n".join(data)))
            name, data = "", []
        elif key == "data":
            data.append(value)
        elif key == "event":
            name = value
    return [*found, (name, "\n".join(data))] if data else found


def arguments(text: str) -> Json:
    """The value that *text* is as JSON; itself where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def chat(body: bytes) -> Said:
    """A `chat.completion`; of its answers the first."""
    answer = json.loads(body)
    choice = min(answer["choices"], key=lambda each: each["index"])
    message = choice["message"]
    calls = [_chat_call(call) for call in message.get("tool_calls") or ()]
    return Said(
        text=_chat_text(message.get("content")),
        reasoning=message.get("reasoning_content") or "",
        refusal=message.get("refusal") or "",
        calls=calls,
        finish=choice["finish_reason"],
        counts=_chat_counts(answer.get("usage")),
    )


def _chat_text(content: Json) -> str:
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content)
    return content or ""


def _chat_call(call: Mapping[str, Json]) -> tuple[str, Json]:
    if call["type"] == "custom":
        return call["custom"]["name"], call["custom"]["input"]
    return call["function"]["name"], arguments(call["function"]["arguments"])


def _chat_counts(usage: Mapping[str, Json] | None) -> Counts | None:
    if not usage:
        return None
    return Counts(usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"], usage["completion_tokens"])


def chat_stream(body: bytes) -> Said:
    """A stream of `chat.completion.chunk`, put together as OpenAI's SDKs do it."""
    said, calls = Said(), dict[int, list[str]]()
    *events, (_, last) = events_of(body) or [("", "")]
    for _, data in events if last == "[DONE]" else [*events, ("", last)]:
        chunk = json.loads(data)
        if "error" in chunk:
            said.error = chunk["error"]["code"]
            return said
        said.counts = _chat_counts(chunk.get("usage")) or said.counts
        for choice in chunk["choices"]:
            if choice["index"] == 0:
                _chat_delta(said, calls, choice)
    if last != "[DONE]":
        said.faults.append("no [DONE]")
    said.calls = [(name, text if kind == "custom" else arguments(text)) for kind, name, text in calls.values()]
    return said


def _chat_delta(said: Said, calls: dict[int, list[str]], choice: Mapping[str, Json]) -> None:
    delta = choice["delta"]
    if said.finish and delta:
        said.faults.append("a delta after the finish")
    said.text += delta.get("content") or ""
    said.reasoning += delta.get("reasoning_content") or ""
    said.refusal += delta.get("refusal") or ""
    for call in delta.get("tool_calls") or ():
        if "id" in call:
            if call["index"] in calls:
                said.faults.append("a call that begins twice")
            calls[call["index"]] = [call["type"], call[call["type"]]["name"], ""]
        known = calls[call["index"]]
        known[2] += call[known[0]].get("input" if known[0] == "custom" else "arguments") or ""
    said.finish = choice["finish_reason"] or said.finish


def messages(body: bytes) -> Said:
    """A `message` of Anthropic's."""
    answer = json.loads(body)
    said = Said(finish=answer["stop_reason"], counts=_message_counts(answer["usage"]), refusal=_explained(answer))
    for block in answer["content"]:
        _message_block(said, block, block.get("input"))
    return said


def _message_block(said: Said, block: Mapping[str, Json], given: Json) -> None:
    match block["type"]:
        case "text":
            said.text += _MEDIA_LINK.sub("", block["text"])
        case "thinking":
            said.reasoning += block["thinking"]
        case "tool_use":
            said.calls.append((block["name"], given))


def _explained(ending: Mapping[str, Json]) -> str:
    """A refusal in words stands beside the reason for it."""
    return (ending.get("stop_details") or {}).get("explanation") or ""


def _message_counts(usage: Mapping[str, int]) -> Counts:
    cached = usage["cache_read_input_tokens"]
    return Counts(usage["input_tokens"] + usage["cache_creation_input_tokens"] + cached, cached, usage["output_tokens"])


def messages_stream(body: bytes) -> Said:
    """Anthropic's events, put together as its SDKs do it."""
    said, blocks, is_open = Said(), list[dict[str, Json]](), False
    events = [(name, json.loads(data)) for name, data in events_of(body)]
    for name, event in events:
        index = event.get("index", len(blocks) - 1)
        match event["type"]:
            case "error":
                said.error = event["error"]["type"]
                return said
            case "content_block_start":
                blocks.append({**event["content_block"], "json": ""})
                in_turn, is_open = not is_open and index == len(blocks) - 1, True
            case "content_block_delta":
                in_turn = is_open and index == len(blocks) - 1
                _message_delta(blocks[index], event["delta"])
            case "content_block_stop":
                in_turn, is_open = is_open and index == len(blocks) - 1, False
            case _:
                in_turn = not is_open
        if name != event["type"] or not in_turn:
            said.faults.append(f"{event['type']} of block {index} is out of turn")
    order = [name for name, _ in events]
    if order[:1] != ["message_start"] or order[-2:] != ["message_delta", "message_stop"]:
        said.faults.append("no proper beginning or end")
    for block in blocks:
        _message_block(said, block, arguments(block["json"] or "{}"))
    ending = events[-2][1] if len(events) > 1 else {}
    delta = ending.get("delta") or {}
    said.finish, said.refusal = delta.get("stop_reason") or "", _explained(delta)
    said.counts = _message_counts(ending["usage"]) if "usage" in ending else None
    return said


def _message_delta(block: dict[str, Json], delta: Mapping[str, Json]) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "input_json_delta":
            block["json"] += delta["partial_json"]


def responses(body: bytes) -> Said:
    """A `response` object of OpenAI's."""
    return _response(json.loads(body))


def _response(answer: Mapping[str, Json]) -> Said:
    said = Said(finish=answer["status"])
    if answer["incomplete_details"]:
        said.finish += f":{answer['incomplete_details']['reason']}"
    if answer["error"]:
        said.error = answer["error"]["code"]
    for item in answer["output"]:
        match item["type"]:
            case "message":
                for part in item["content"]:
                    said.text += part["text"] if part["type"] == "output_text" else ""
                    said.refusal += part["refusal"] if part["type"] == "refusal" else ""
            case "reasoning":
                said.reasoning += "".join(part["text"] for part in item["summary"])
                said.reasoning += "".join(part["text"] for part in item.get("content") or ())
            case "function_call":
                said.calls.append((item["name"], arguments(item["arguments"])))
            case "custom_tool_call":
                said.calls.append((item["name"], item["input"]))
    usage = answer["usage"]
    if usage:
        cached = usage["input_tokens_details"]["cached_tokens"]
        said.counts = Counts(usage["input_tokens"], cached, usage["output_tokens"])
    return said


_DELTAS = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_summary_text.delta": "reasoning",
    "response.reasoning_text.delta": "reasoning",
}
_CALL_DELTAS = frozenset({"response.function_call_arguments.delta", "response.custom_tool_call_input.delta"})
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})


def responses_stream(body: bytes) -> Said:
    """OpenAI's typed events; the last one repeats the answer, and the deltas before it have to say the same."""
    told, written, faults = {"text": "", "refusal": "", "reasoning": ""}, dict[str, str](), list[str]()
    events = [(name, json.loads(data)) for name, data in events_of(body)]
    for number, (name, event) in enumerate(events):
        kind = event["type"]
        if kind == "error":
            return Said(error=event["code"], faults=faults)
        if name != kind or event["sequence_number"] != number or (number == 0) != (kind == "response.created"):
            faults.append(f"{kind} as event {number} is out of turn")
        if kind in _DELTAS:
            told[_DELTAS[kind]] += event["delta"]
        elif kind in _CALL_DELTAS:
            written[event["item_id"]] = written.get(event["item_id"], "") + event["delta"]
    if not events or events[-1][1]["type"] not in _ENDS:
        return Said(faults=[*faults, "no end"])
    whole = events[-1][1]["response"]
    said = _response(whole)
    said.faults = faults
    if told != {"text": said.text, "refusal": said.refusal, "reasoning": said.reasoning}:
        faults.append("the deltas say something else than the whole")
    if any(written.get(id_, text) != text for id_, text in _written_calls(whole)):
        faults.append("the deltas of a call say something else than the whole")
    indices = {
        at: [event["output_index"] for name, event in events if name == f"response.output_item.{at}"]
        for at in ("added", "done")
    }
    if sorted(indices["added"]) != sorted(indices["done"]) or indices["added"] != list(range(len(whole["output"]))):
        faults.append("items are not opened and closed in turn")
    return said


def _written_calls(answer: Mapping[str, Json]) -> list[tuple[str, str]]:
    """(id, what the model wrote) of every call."""
    fields = {"function_call": "arguments", "custom_tool_call": "input"}
    return [(item["id"], item[fields[item["type"]]]) for item in answer["output"] if item["type"] in fields]


def generate(body: bytes) -> Said:
    """An answer of Gemini's; of its candidates the first."""
    said = Said()
    _candidate(said, json.loads(body))
    return said


def generate_stream(body: bytes) -> Said:
    """Gemini's chunks as server-sent events."""
    said = Said()
    for _, data in events_of(body):
        if said.finish and "candidates" in json.loads(data):
            said.faults.append("a candidate after the finish")
        _candidate(said, json.loads(data))
    if not said.finish and not said.error:
        said.faults.append("no finish")
    return said


def _candidate(said: Said, answer: Mapping[str, Json]) -> None:
    if "error" in answer:
        said.error = answer["error"]["status"]
    for candidate in answer.get("candidates") or ():
        if candidate.get("index", 0) != 0:
            continue
        for part in (candidate.get("content") or {}).get("parts") or ():
            if "functionCall" in part:
                said.calls.append((part["functionCall"]["name"], part["functionCall"].get("args", {})))
            elif part.get("thought"):
                said.reasoning += part.get("text", "")
            else:
                said.text += part.get("text", "")
        said.finish = candidate.get("finishReason") or said.finish
    usage = answer.get("usageMetadata")
    if usage:
        said.counts = Counts(
            usage.get("promptTokenCount", 0) + usage.get("toolUsePromptTokenCount", 0),
            usage.get("cachedContentTokenCount", 0),
            usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0),
        )


READERS: Mapping[tuple[str, bool], Callable[[bytes], Said]] = {
    ("chat", False): chat,
    ("chat", True): chat_stream,
    ("messages", False): messages,
    ("messages", True): messages_stream,
    ("responses", False): responses,
    ("responses", True): responses_stream,
    ("generate", False): generate,
    ("generate", True): generate_stream,
}
"""(surface, whether it is streamed) → how its answers are read."""
