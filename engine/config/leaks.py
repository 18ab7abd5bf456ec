"""Secrets that stand where they must not: found by their form, and hidden from everything that is printed."""

import re
from collections.abc import Iterator

from engine.errors import Place, Problem

__all__ = ["leaks", "printable", "redacted", "redacted_line"]

VENDOR_KEY = re.compile(
    r"""(?<![A-Za-z0-9])(
        sk-[A-Za-z0-9_-]{16,}               # OpenAI, Anthropic, OpenRouter, DeepSeek
      | (gsk|xai|csk|fw|tgp_v1|pplx|nvapi|hf|r8)[_-][A-Za-z0-9_-]{20,}  # Groq, xAI, Cerebras, Fireworks, Together, …
      | AIza[A-Za-z0-9_-]{30,}              # Google
      | (AKIA|ASIA)[A-Z0-9]{16}             # AWS
      | gh[pousr]_[A-Za-z0-9]{30,}          # GitHub
      | eng_(live|test|staging|dev)_[A-Za-z0-9_-]{40,}  # our own callers' keys
      | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----
    )""",
    re.VERBOSE,
)
LITERAL = re.compile(r"""(\b(?:secret|session)\s*:\s*)(?!["']?\$\{)(?:"[^"]*"?|'[^']*'?|[^\s,}#]+)""")
"""A literal after `secret:` or `session:`, in block or flow style."""
HIDDEN = "•••"


def redacted(text: str) -> str:
    """*text* without anything that looks like a vendor's key."""
    return VENDOR_KEY.sub(HIDDEN, text)


def redacted_line(line: str) -> str:
    """A line of a file without such keys, and without what stands for a secret there, whatever it looks like."""
    return LITERAL.sub(rf"\1{HIDDEN}", redacted(line))


def printable(text: str) -> str:
    """One line of *text* for a terminal: a tab is a blank, and nothing in it can move the cursor or colour the rest."""
    return "".join(" " if c == "\t" else c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def leaks(file: str, data: bytes) -> Iterator[Problem]:
    """A problem for everything in *data* that looks like a vendor's key, comments included."""
    for number, line in enumerate(data.decode(errors="replace").splitlines(), start=1):
        for found in VENDOR_KEY.finditer(line):
            yield Problem(
                slug="leaked-secret",
                place=Place(file, number, found.start() + 1),
                key="",
                message="this looks like a secret key",
                hint='write a reference such as "${env:NAME}" and revoke the key: it has been in a file',
            )
