"""Provider texts made fit to show: no markup, no credential, no account id, no control character, bounded."""

import html
import re

__all__ = ["clean"]

MOST_CHARACTERS = 1_000
"""Long enough for every provider message recorded; the longest real ones are schema complaints of about 600."""

_PAGE = re.compile(r"\s*<(?:!doctype|html|head)\b", re.IGNORECASE)
_TITLE = re.compile(r"<title[^<>]*>([^<]*)", re.IGNORECASE)
_TAG = re.compile(r"<[a-zA-Z/!][^<>]*>")
_CREDENTIAL = re.compile(
    r"\b(?:sk|pk|rk|gsk|csk|xai|pplx|hf|r8|fw|key|eng|tgp|nvapi)[-_][A-Za-z0-9*_.-]{12,}"
    r"|\b(?:AIza|ya29\.|eyJ)[A-Za-z0-9*_.-]{12,}"
    r"|(?<=provided: )[^\s.,;]+"  # OpenAI and xAI repeat the key, partly starred: "Incorrect API key provided: a*z"
    r"|(?i:(?<=bearer )[^\s,;]{8,})"
    r"|\b(?:org|proj|acct)[-_][A-Za-z0-9]{12,}"
)
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")


def clean(text: str) -> str:
    """*text* as a caller may see it: a line of plain text, at most `MOST_CHARACTERS`; for an HTML page, its title."""
    text = text[: MOST_CHARACTERS * 20]
    if _PAGE.match(text):
        title = _TITLE.search(text)
        text = title[1] if title else ""
    if "<" in text or "&" in text:
        text = html.unescape(_TAG.sub(" ", text))
    text = _SPACE.sub(" ", _CREDENTIAL.sub("[redacted]", text)).strip()
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
