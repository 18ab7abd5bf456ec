"""Regular expressions that people write: google-re2, whose time is linear in the text whatever the pattern says."""

from dataclasses import dataclass, field
from typing import Any

import re2

from engine.errors import Flaw, PatternInvalid

__all__ = ["Regex"]

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.never_capture = True


@dataclass(frozen=True, slots=True)
class Regex:
    """A pattern that is searched for; equal to another by its text.

    Raises:
        PatternInvalid: google-re2 refuses the text, for instance a look-around or a back-reference.
    """

    text: str
    _compiled: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            compiled = re2.compile(_bytes(self.text), _OPTIONS)
        except re2.error as exc:
            raise PatternInvalid(_flaw(self.text, exc)) from exc
        object.__setattr__(self, "_compiled", compiled)

    def __reduce__(self) -> tuple[type["Regex"], tuple[str]]:
        return Regex, (self.text,)

    def search(self, text: str | bytes) -> bool:
        """Whether the pattern matches anywhere in *text*; bytes are taken as UTF-8, and need not be valid."""
        return self._compiled.search(text if isinstance(text, bytes) else _bytes(text)) is not None


def _bytes(text: str) -> bytes:
    # Bytes spare re2 the conversion of offsets that nobody asks for, and a lone surrogate is no reason to fail.
    return text.encode("utf-8", "surrogatepass")


def _flaw(text: str, error: re2.error) -> Flaw:
    reason = error.args[0].decode("utf-8", "replace")
    hint = "there is no look-around" if reason.startswith("invalid perl operator") else ""
    return Flaw(slug="bad-regex", message=f"regular expression '{text}' cannot be used: {reason}", hint=hint)
