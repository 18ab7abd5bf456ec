"""YAML's first syntax error in our words: libyaml says what its scanner saw, we say what a person wrote.

The classic traps are told apart by the characters around the error's place.
"""

import re

import yaml

from engine.errors import Place, Problem

__all__ = ["syntax_problem"]

TEXT_BEFORE = re.compile(r"[\w./@*$-]$")

SENTENCES = {
    "found character that cannot start any token": ("this character cannot begin a value", "quote the text"),
    "block sequence entries are not allowed in this context": ("a list item cannot stand here", "begin a new line"),
    "found unknown escape character": ("unknown escape after '\\'", "use single quotes for text with backslashes"),
    "did not find expected '-' indicator": ("a list is followed by something else", "align it with its own key"),
    "did not find expected key": ("expected a key", "check the indentation, and quotes that end too early"),
    "could not find expected ':'": ("expected ':' after a key", "write `key: value`"),
    "found unexpected end of stream": ("the quoted text is not closed", "add the closing quote"),
    "did not find expected ',' or ']'": ("the list is not closed here", "expected ',' or ']'"),
    "did not find expected ',' or '}'": ("the mapping is not closed here", "expected ',' or '}'"),
    "did not find expected node content": ("a value is missing", "write one, or remove the comma"),
    "did not find expected <document start>": ("the document has ended before", "remove the `...` line"),
    "found undefined tag handle": ("tags are not allowed", "remove the '!…'"),
}


def syntax_problem(file: str, text: str, error: yaml.YAMLError) -> Problem:
    """The problem that *error* stands for, at its place in *text*."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return _control_character(file, text)
    lines = text.splitlines()
    line, column = error.problem_mark.line, error.problem_mark.column
    row = lines[line] if line < len(lines) else ""
    slug, message, hint, column = _explain(error, row, column)
    line, column = _inside(lines, line, column)
    return Problem(slug=slug, place=Place(file, line + 1, column + 1), key="", message=message, hint=hint)


def _explain(error: yaml.MarkedYAMLError, row: str, column: int) -> tuple[str, str, str, int]:
    """Slug, sentence, hint and column (from 0) of the mistake in *row*."""
    problem, context = error.problem or "", error.context or ""
    here, before = row[column : column + 1], row[:column]
    if context == "while scanning an alias":
        return "star-unquoted", "text that begins with '*' is read as an alias", 'quote it: "*@…"', column - 1
    if "tab" in problem or here == "\t":
        return "tab", "a tab stands where spaces are needed", "indent with spaces", column
    if problem == "mapping values are not allowed in this context" or ("flow mapping" in context and here == ":"):
        return _colon(row, column)
    if here in {"{", "["} and TEXT_BEFORE.search(before):
        return _brace(before, here, column)
    message, hint = SENTENCES.get(problem, (f"not YAML: {problem}", ""))
    return "yaml-syntax", message, hint, column


def _brace(before: str, here: str, column: int) -> tuple[str, str, str, int]:
    """Unquoted text that a bracket ends, because it stands inside `{…}` or `[…]` itself."""
    if before.endswith("$"):
        hint = 'quote the reference: "${env:NAME}"'
        return "reference-unquoted", "an unquoted '${' ends here, inside '{…}' or '[…]'", hint, column - 1
    hint = "quote the pattern: 'gpt-{4o,5}'"
    return "braces-unquoted", f"unquoted text ends at '{here}', inside '{{…}}' or '[…]'", hint, column


def _colon(row: str, column: int) -> tuple[str, str, str, int]:
    if row[:column].count(":"):
        return "colon-in-text", "the text holds an unquoted ': '", "quote the whole text", column
    hint = "check the indentation, and the line before"
    return "yaml-syntax", "a key cannot stand here", hint, len(row) - len(row.lstrip())


def _inside(lines: list[str], line: int, column: int) -> tuple[int, int]:
    """The same spot, or, past the end of the text, the end of its last line: where something is missing."""
    if line < len(lines):
        return line, max(column, 0)
    last = max(len(lines) - 1, 0)
    return last, len(lines[last]) if lines else 0


def _control_character(file: str, text: str) -> Problem:
    """The first character that cannot be printed: libyaml refuses it without saying where."""
    bad = next((i for i, c in enumerate(text) if c not in "\t\n\r\x85" and not c.isprintable() and c != "\xa0"), 0)
    line = text.count("\n", 0, bad)
    place = Place(file, line + 1, bad - (text.rfind("\n", 0, bad) + 1) + 1)
    message = f"the character U+{ord(text[bad]):04X} is not allowed"
    return Problem(slug="control-character", place=place, key="", message=message, hint="remove it")
