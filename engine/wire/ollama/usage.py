"""Token counts as Ollama reports them, and `Usage`.

`prompt_eval_count` counts the whole prompt, `eval_count` all that was written, thoughts included; neither is divided
further (docs.ollama.com/api/usage, read 2026-11).
"""

from engine.values import Usage

__all__ = ["encode_usage", "usage_of"]

MOST_TOKENS = 10**12
"""More than any answer has; a larger figure is noise and not a count."""


def usage_of(prompt: int | None, written: int | None) -> Usage | None:
    """The usage; None where neither count was reported.

    Ollama may leave out the prompt's count when all of it was still in memory: it is 0 then.
    """
    if prompt is None and written is None:
        return None
    return Usage(input=_count(prompt), output=_count(written))


def encode_usage(usage: Usage) -> dict[str, int]:
    """*usage* in Ollama's words."""
    return {"prompt_eval_count": usage.total_input, "eval_count": usage.total_output}


def _count(count: int | None) -> int:
    return count if count is not None and 0 <= count <= MOST_TOKENS else 0
