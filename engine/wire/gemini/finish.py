"""Why an answer ended, in Gemini's words and in the hub's.

Source: https://ai.google.dev/api/generate-content#FinishReason and #BlockReason, and Vertex AI's `MODEL_ARMOR`, read
2026-11.
"""

from engine.hub import Finish

__all__ = ["BLOCKED", "finish_of", "word_of", "written"]

_FILTERED = (
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MODEL_ARMOR",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
)

_FAILED = (
    "LANGUAGE",
    "OTHER",
    "MALFORMED_FUNCTION_CALL",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MISSING_THOUGHT_SIGNATURE",
    "MALFORMED_RESPONSE",
    "NO_IMAGE",
    "IMAGE_OTHER",
    "ESCALATION",
)

_FINISHES = {
    "STOP": Finish.STOP,
    "MAX_TOKENS": Finish.LENGTH,
    **dict.fromkeys(_FILTERED, Finish.CONTENT_FILTER),
    **dict.fromkeys(_FAILED, Finish.ERROR),
}
"""Any word that is not listed is an error, too."""

_NUMBERS = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY", 4: "RECITATION", 5: "OTHER"}
"""Numbers that AI Studio and Vertex agree on."""

BLOCKED = "BLOCK_REASON_UNSPECIFIED"
"""The reason for a prompt that was blocked without one, or with a number for it."""

_WORDS = {
    Finish.STOP: "STOP",
    Finish.TOOL_CALLS: "STOP",
    Finish.PAUSE: "STOP",
    Finish.LENGTH: "MAX_TOKENS",
    Finish.CONTENT_FILTER: "SAFETY",
    Finish.ERROR: "OTHER",
}


def word_of(reason: str | int | None) -> str:
    """*reason* as a word, translated if it is a number; empty while the answer goes on."""
    if isinstance(reason, int):
        return _NUMBERS.get(reason, str(reason)) if reason else ""
    return "" if reason is None or reason == "FINISH_REASON_UNSPECIFIED" else reason


def finish_of(word: str, *, has_calls: bool) -> Finish:
    """What *word*, which is not empty, means. Gemini says STOP even where it wants functions called."""
    finish = _FINISHES.get(word, Finish.ERROR)
    return Finish.TOOL_CALLS if has_calls and finish is Finish.STOP else finish


def written(finish: Finish, raw: str, *, has_calls: bool) -> str:
    """Gemini's word for *finish*: *raw* itself if it is one of Gemini's words and means the same."""
    own = raw in _FINISHES and finish_of(raw, has_calls=has_calls) is finish
    return raw if own else _WORDS[finish]
