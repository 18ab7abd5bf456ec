"""Provider texts made fit to show: no markup, no credential, no account id, no control character, bounded."""

import html
import re

__all__ = ["clean"]

MOST_CHARACTERS = 1_000
"""Long enough for every provider message recorded; the longest real ones are schema complaints of about 600."""

_MARKUP = re.compile(r"<(script|style|head)\b.*?</\1\s*>|<!--.*?-->|<[a-zA-Z/!][^<>]*>", re.DOTALL | re.IGNORECASE)
_CREDENTIAL = re.compile(
    r"\b(?:sk|pk|rk|gsk|csk|xai|pplx|hf|r8|fw|key|eng|tgp|nvapi|AIza|ya29|eyJ)[-_.]?[A-Za-z0-9*][A-Za-z0-9*_.-]{11,}"
    r"|(?<=provided: )[^\s.,;]+"  # OpenAI and xAI repeat the key, partly starred: "Incorrect API key provided: a*z"
    r"|(?i:(?<=bearer )[^\s,;]{8,})"
    r"|\b(?:org|proj|acct)[-_][A-Za-z0-9]{12,}"
)
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")


def clean(text: str) -> str:
    """*text* as a caller may see it: one line of plain text of at most `MOST_CHARACTERS`."""
    text = text[: MOST_CHARACTERS * 20]
    if "<" in text:
        text = html.unescape(_MARKUP.sub(" ", text))
    text = _SPACE.sub(" ", _CREDENTIAL.sub("[redacted]", text)).strip()
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
