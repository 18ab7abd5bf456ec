"""What a caller must be told of a case, whatever surface asks: the truth in the words of each protocol."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.corpus.cases import Case
from tests.corpus.read import Said, arguments, events_of

STATUSES: Mapping[int, int] = {400: 400, 401: 503, 402: 503, 403: 503, 404: 404, 413: 400, 429: 429, 500: 502, 503: 503}
"""What a provider answers → what its caller gets (the outcome table)."""

OTHERWISE: tuple[tuple[int, str, int], ...] = (
    (400, r"API key not valid|Incorrect API key", 503),
    (400, r"insufficient_quota", 503),
    (400, r"model_not_found|model identifier is invalid", 404),
    (429, r"insufficient_quota", 503),
)
"""(status, what its body says, what the caller gets), where the status alone does not tell."""

FINISHES: Mapping[object, str] = {
    "stop": "stop",
    "complete": "stop",
    1: "stop",
    "length": "length",
    "incomplete:None": "length",
    2: "length",
    "tool_calls": "tool_calls",
    "content_filter": "filter",
    "refusal": "filter",
    "pause": "pause",
    "OTHER": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "error": "error",
    None: "",
    "": "",
    "queued": "",
}
"""The truth's word → how an answer ended; empty where nobody said."""

WORDS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "chat": {
        "stop": frozenset({"stop"}),
        "length": frozenset({"length"}),
        "tool_calls": frozenset({"tool_calls"}),
        "filter": frozenset({"content_filter"}),
        "pause": frozenset({"stop"}),
        "error": frozenset({"length"}),
    },
    "messages": {
        "stop": frozenset({"end_turn", "stop_sequence"}),
        "length": frozenset({"max_tokens", "model_context_window_exceeded"}),
        "tool_calls": frozenset({"tool_use"}),
        "filter": frozenset({"refusal"}),
        "pause": frozenset({"pause_turn"}),
        "error": frozenset({"max_tokens"}),
    },
    "responses": {
        "stop": frozenset({"completed"}),
        "length": frozenset({"incomplete:max_output_tokens"}),
        "tool_calls": frozenset({"completed"}),
        "filter": frozenset({"incomplete:content_filter"}),
        "pause": frozenset({"completed"}),
        "error": frozenset({"failed"}),
    },
    "generate": {
        "stop": frozenset({"STOP"}),
        "length": frozenset({"MAX_TOKENS"}),
        "tool_calls": frozenset({"STOP"}),
        "filter": frozenset({"SAFETY"}),
        "pause": frozenset({"STOP"}),
        "error": frozenset({"OTHER"}),
    },
}
"""Surface → how an answer ended → its words for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What the provider said."""

    text: str
    reasoning: str
    refusal: str
    calls: list[tuple[str, Any]]
    finish: str
    input: int | None = None
    """All tokens that went in; None where nobody counted."""
    cached: int | None = None
    """How many of them came from a cache; None where the truth did not look."""
    outputs: frozenset[int] = frozenset()
    """All tokens that came out: more than one figure where providers differ on whether reasoning is among them."""


def failed(case: Case) -> bool:
    """Whether a provider said with status 200 that it failed, before its answer or in the middle."""
    truth = case.truth or {}
    if truth.get("finish") == "failed" or truth.get("error"):
        return True
    return case.protocol in {"openai", "azure"} and any(told.get("error") for told in _documents(case))


def status_of(case: Case) -> int:
    """The status that a caller gets for a case whose provider refused."""
    text = case.body.decode("utf-8", "replace")
    for status, pattern, told in OTHERWISE:
        if case.status == status and re.search(pattern, text):
            return told
    return STATUSES[case.status]


def truth_of(case: Case) -> Truth | None:
    """What the provider said in *case*, which has status 200; None where nobody knows."""
    if case.protocol == "cohere":
        return _cohere(case)
    if case.protocol == "ollama":
        return _ollama(case)
    truth = case.truth
    if truth is None:
        return None
    calls = [(call["name"], _arguments(call["args"])) for call in truth["tool_calls"] if call["name"]]
    calls = calls or _custom_calls(case)
    finish = FINISHES[truth["finish"]]
    if calls and finish == "stop" and case.protocol not in {"anthropic", "bedrock"}:
        finish = "tool_calls"
    usage = truth["usage"] or {}
    counted = usage.get("in") is not None
    into = (usage["in"] + _beside(case, usage)) if counted else None
    outputs = {usage.get("out") or 0}
    if counted and (usage.get("total") or 0) > usage["in"]:
        outputs.add(usage["total"] - usage["in"])
    if (usage.get("reasoning") or 0) > (usage.get("out") or 0):
        outputs.add(usage["reasoning"] + (usage.get("out") or 0))
    return Truth(
        text=_cited_text(case) or truth["text"] or "",
        reasoning=truth["reasoning"] or "",
        refusal=truth["refusal"] or _explanation(case),
        calls=calls,
        finish=finish,
        input=into,
        cached=usage.get("cache_read"),
        outputs=frozenset(outputs),
    )


def _arguments(args: Any) -> Any:
    if args is None:
        return {}
    return arguments(args) if isinstance(args, str) else args


def _as_object(args: Any) -> Any:
    """Arguments as the protocols want them whose arguments are objects."""
    return args if isinstance(args, dict) else {"input": args}


def _documents(case: Case) -> list[Any]:
    """The answer's JSON: the whole of it, or each event."""
    texts = [data for _, data in events_of(case.body)] if case.is_stream else [case.body.decode()]
    return [json.loads(text) for text in texts if text.startswith("{")]


def _custom_calls(case: Case) -> list[tuple[str, Any]]:
    """Calls of custom tools, which the truth leaves out."""
    if case.protocol not in {"openai", "openai-responses"} or b"custom" not in case.body:
        return []
    found = []
    for told in _documents(case):
        done = [told["item"]] if told.get("type") == "response.output_item.done" else told.get("output") or ()
        found += [(item["name"], item["input"]) for item in done if item.get("type") == "custom_tool_call"]
        said = [choice.get("message") or {} for choice in told.get("choices") or ()]
        calls = [call for message in said for call in message.get("tool_calls") or ()]
        found += [(call["custom"]["name"], call["custom"]["input"]) for call in calls if call.get("type") == "custom"]
    return found


def _explanation(case: Case) -> str:
    """Why Anthropic's model refused, in words, which the truth leaves out."""
    if case.protocol != "anthropic" or b"explanation" not in case.body:
        return ""
    endings = [told.get("delta") or told for told in _documents(case)]
    return "".join((ending.get("stop_details") or {}).get("explanation") or "" for ending in endings)


def _cited_text(case: Case) -> str:
    """The text of Converse's whole answers with what carries citations, which the truth leaves out."""
    if case.record["endpoint"] != "converse" or b"citationsContent" not in case.body:
        return ""
    content = json.loads(case.body)["output"]["message"]["content"]
    return "".join(block.get("text") or _text_within(block) for block in content)


def _text_within(block: Mapping[str, Any]) -> str:
    return "".join(part["text"] for part in block.get("citationsContent", {}).get("content", ()))


def _beside(case: Case, usage: Mapping[str, Any]) -> int:
    """Input tokens that the truth's `in` leaves out, as the protocols do."""
    if case.protocol in {"anthropic", "bedrock"}:
        return (usage["cache_read"] or 0) + (usage["cache_write"] or 0)
    if case.protocol in {"gemini", "vertex"}:
        by_tools = re.findall(rb'"toolUsePromptTokenCount": ?(\d+)', case.body)
        return int(by_tools[-1]) if by_tools else 0
    return 0


def _cohere(case: Case) -> Truth:
    """What Cohere's bytes say. It counts twice; what is charged is what counts."""
    ends = {"COMPLETE": "stop", "STOP_SEQUENCE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "tool_calls"}
    text, thought, calls, finish, usage = "", "", list[list[str]](), "", dict[str, Any]()
    if not case.is_stream:
        answer = json.loads(case.body)
        message = answer["message"]
        content = message.get("content") or []
        text = "".join(block.get("text", "") for block in content)
        thought = (message.get("tool_plan") or "") + "".join(block.get("thinking", "") for block in content)
        calls = [[c["function"]["name"], c["function"]["arguments"]] for c in message.get("tool_calls") or []]
        finish, usage = answer["finish_reason"], answer["usage"]
    for _, data in events_of(case.body) if case.is_stream else ():
        if not data.startswith("{"):
            continue
        event = json.loads(data)
        message = (event.get("delta") or {}).get("message") or {}
        match event["type"]:
            case "content-delta":
                text += message["content"].get("text", "")
                thought += message["content"].get("thinking", "")
            case "tool-plan-delta":
                thought += message["tool_plan"]
            case "tool-call-start":
                function = message["tool_calls"]["function"]
                calls.append([function["name"], function["arguments"]])
            case "tool-call-delta":
                calls[-1][1] += message["tool_calls"]["function"]["arguments"]
            case "message-end":
                finish, usage = event["delta"]["finish_reason"], event["delta"]["usage"]
    billed = usage["billed_units"]
    return Truth(
        text=text,
        reasoning=thought,
        refusal="",
        calls=[(name, arguments(args) or {}) for name, args in calls],
        finish=ends[finish],
        input=int(billed["input_tokens"]),
        outputs=frozenset({int(billed["output_tokens"])}),
    )


def _ollama(case: Case) -> Truth:
    lines = [json.loads(line) for line in case.body.splitlines() if line.strip()]
    last, told = lines[-1], [line["message"] for line in lines]
    calls = [(c["function"]["name"], c["function"]["arguments"]) for m in told for c in m.get("tool_calls") or ()]
    finish = {"stop": "stop", "length": "length"}[last["done_reason"]]
    return Truth(
        text="".join(message.get("content") or "" for message in told),
        reasoning="".join(message.get("thinking") or "" for message in told),
        refusal="",
        calls=calls,
        finish="tool_calls" if calls and finish == "stop" else finish,
        input=last.get("prompt_eval_count", 0) if "eval_count" in last else None,
        outputs=frozenset({last.get("eval_count", 0)}),
    )


def differences(surface: str, truth: Truth, said: Said) -> Iterator[str]:
    """Where what *said* says on *surface* is not the truth."""
    yield from said.faults
    if said.error and truth.finish != "error":
        yield f"error {said.error}"
    text, refusal = (truth.text + truth.refusal, "") if surface == "generate" else (truth.text, truth.refusal)
    pairs = (("text", said.text, text), ("refusal", said.refusal, refusal))
    yield from (f"{name} {_cut(got)} for {_cut(wanted)}" for name, got, wanted in pairs if got != wanted)
    if said.reasoning.replace("\n\n", "") != truth.reasoning.replace("\n\n", ""):
        yield f"reasoning {_cut(said.reasoning)} for {_cut(truth.reasoning)}"
    calls = truth.calls
    if surface in {"messages", "generate"}:
        calls = [(name, _as_object(args)) for name, args in calls]
    if said.calls != calls:
        yield f"calls {_cut(said.calls)} for {_cut(calls)}"
    wanted = truth.finish or ("tool_calls" if truth.calls else "stop")
    if surface == "messages" and refusal and wanted == "stop":
        wanted = "filter"
    if said.finish not in WORDS[surface][wanted]:
        yield f"finish {said.finish} for {wanted}"
    if truth.input is not None:
        yield from _counted(truth, said)


def _counted(truth: Truth, said: Said) -> Iterator[str]:
    if said.counts is None:
        yield "no usage"
        return
    if said.counts.input != truth.input:
        yield f"{said.counts.input} tokens in for {truth.input}"
    if truth.cached is not None and said.counts.cached != min(truth.cached, truth.input or 0):
        yield f"{said.counts.cached} tokens cached for {truth.cached}"
    if said.counts.output not in truth.outputs:
        yield f"{said.counts.output} tokens out for {sorted(truth.outputs)}"


def _cut(value: object, most: int = 120) -> str:
    text = repr(value)
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 :]}"
