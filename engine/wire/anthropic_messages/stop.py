"""Why an answer ended: the Messages API's `stop_reason` ↔ `Finish`.

Source: platform.claude.com/docs/en/build-with-claude/handling-stop-reasons, read 2026-11.
"""

from engine.hub import Finish

__all__ = ["finish_of", "reason_of"]

_FINISH = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "tool_use": Finish.TOOL_CALLS,
    "pause_turn": Finish.PAUSE,
    "compaction": Finish.PAUSE,  # beta: stopped after a compaction; callers send it back, as after a pause
    "refusal": Finish.CONTENT_FILTER,
}

_REASON = {
    Finish.STOP: "end_turn",
    Finish.LENGTH: "max_tokens",
    Finish.TOOL_CALLS: "tool_use",
    Finish.CONTENT_FILTER: "refusal",
    Finish.PAUSE: "pause_turn",
    Finish.ERROR: "max_tokens",  # no word of its own; this one says at least that the answer is not whole
}


def finish_of(reason: str, *, calls: bool) -> Finish:
    """What *reason* means. An answer that ends in *calls* wants tools, even where a look-alike names another reason."""
    finish = _FINISH.get(reason, Finish.ERROR)
    return Finish.TOOL_CALLS if calls and finish is Finish.STOP else finish


def reason_of(finish: Finish, *, raw: str, stop_sequence: str, calls: bool) -> str:
    """The word for *finish*: the provider's own, *raw*, where it is one of this protocol's and means the same."""
    if calls and finish is Finish.STOP:
        return "tool_use"
    if _FINISH.get(raw) is finish:
        return raw
    return "stop_sequence" if stop_sequence and finish is Finish.STOP else _REASON[finish]
