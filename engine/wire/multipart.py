"""Form data: bytes in, parts out, however the bytes were cut; and parts written again.

A form is never passed on as it came: what two readers could understand differently is refused here, and the rest is
written anew, head by head, so that a provider sees the parts that we saw. The content of a part stays as it is.

Spec: RFC 7578 (form data), RFC 2046 section 5.1 (delimiters), WHATWG HTML "multipart form data" (names). Stricter than
they are: lines end with CRLF, a delimiter's line holds nothing else, and no text stands before the first delimiter or
after the last. No client is known that needs more.
"""

import re
from collections.abc import Iterable
from enum import Enum, auto
from urllib.parse import unquote_to_bytes

import msgspec

from engine.errors import BadRequest

__all__ = ["Head", "Part", "Reader", "boundary_of", "content_type_of", "read_parts", "write_parts"]

MOST_HEAD_BYTES = 16 * 1024
"""Of one part's head. The longest in use is a file name of a few hundred bytes."""

MOST_PARTS = 1000
"""Of one form; the surfaces that take forms have some twenty fields."""

EPILOGUE = b"\r\n\r\n"
"""What may follow the last delimiter, all of it or a part: the package `form-data-encoder`, which OpenAI's SDK for
Node.js has used, ends forms so."""

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
"""RFC 2046, section 5.1.1: `bchars`, at most 70, not ending with a blank."""

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HEADER = re.compile(rf"({_TOKEN}):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
_PARAMETER = re.compile(rf'[ \t]*;[ \t]*({_TOKEN})=(?:"((?:[^"\\]|\\.)*)"|([^\s;"\\]+))')
_ESCAPED = re.compile(r'\\(["\\])')
_PLAIN_ENCODINGS = frozenset({"", "7bit", "8bit", "binary"})


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a part before its content."""

    name: str
    filename: str | None = None
    """None for a plain field."""
    content_type: str = ""
    """As sent; empty when it was not."""


class Part(Head, frozen=True, kw_only=True):
    """A field or a file of a form."""

    content: bytes


def _bad(message: str) -> BadRequest:
    return BadRequest(f"the form cannot be read: {message}", code="invalid_multipart")


def boundary_of(content_type: str) -> str:
    """The boundary that a Content-Type header names.

    Raises:
        BadRequest: it is another type, or names none that can be used.
    """
    kind, _, _ = content_type.partition(";")
    if kind.strip().lower() != "multipart/form-data":
        raise BadRequest("the body must be multipart/form-data", code="invalid_content_type")
    boundary = _parameters(content_type[len(kind) :]).get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise _bad("the Content-Type header names no boundary, or none that is allowed")
    return boundary


def content_type_of(boundary: str) -> str:
    """The Content-Type header of a form with that boundary."""
    return f'multipart/form-data; boundary="{boundary}"'


def _parameters(text: str) -> dict[str, str]:
    """*( ";" token "=" ( token / quoted-string ) ), names in lower case."""
    found: dict[str, str] = {}
    at = 0
    text = text.rstrip(" \t;")
    while at < len(text):
        match = _PARAMETER.match(text, at)
        if match is None:
            raise _bad("a header's parameters are malformed")
        name, quoted, plain = match[1].lower(), match[2], match[3]
        if name in found:
            raise _bad(f"a header says {name} twice")
        found[name] = plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
        at = match.end()
    return found


class _At(Enum):
    START = auto()
    DELIMITER = auto()
    HEAD = auto()
    FIRST_LINE = auto()
    CONTENT = auto()
    END = auto()


class Reader:
    """One form on its way in. `feed` it every read, `close` it at the end of the body.

    A `Head` begins a part, and the bytes after it, in any number of pieces, are its content. Holds at most a head or a
    delimiter; how large a body may be is for the caller to bound.
    """

    __slots__ = ("_at", "_delimiter", "_held", "_parts")

    def __init__(self, boundary: str) -> None:
        self._delimiter = b"\r\n--" + boundary.encode()
        self._held = bytearray(b"\r\n")  # the first delimiter need not be preceded by a line end
        self._at = _At.START
        self._parts = 0

    def feed(self, data: bytes) -> list[Head | bytes]:
        """The heads and pieces of content that *data* completes.

        Raises:
            BadRequest: this is no form, or one of more parts or a longer head than is allowed.
        """
        self._held += data
        out: list[Head | bytes] = []
        while self._step(out):
            pass
        return out

    def close(self) -> None:
        """The body has ended.

        Raises:
            BadRequest: the form had not.
        """
        if self._at is not _At.END:
            raise _bad("it ends before its last delimiter")

    def _step(self, out: list[Head | bytes]) -> bool:
        """Whether something was taken from what is held, so that there may be more."""
        match self._at:
            case _At.START:
                return self._start()
            case _At.DELIMITER:
                return self._after_delimiter()
            case _At.HEAD:
                return self._head(out)
            case _At.FIRST_LINE:
                return self._first_line()
            case _At.CONTENT:
                return self._content(out)
            case _At.END:
                if not EPILOGUE.startswith(self._held):
                    raise _bad("something follows the last delimiter")
                return False

    def _start(self) -> bool:
        held, delimiter = self._held, self._delimiter
        for skipped in (b"", b"\r\n"):
            first = skipped + delimiter
            if held.startswith(first):
                del held[: len(first)]
                self._at = _At.DELIMITER
                return True
            if first.startswith(held):
                return False
        raise _bad("it does not begin with its delimiter")

    def _after_delimiter(self) -> bool:
        if len(self._held) < 2:
            return False
        line_end = bytes(self._held[:2])
        if line_end not in (b"\r\n", b"--"):
            raise _bad("a delimiter's line holds more than the delimiter")
        self._at = _At.HEAD if line_end == b"\r\n" else _At.END
        del self._held[:2]
        return True

    def _head(self, out: list[Head | bytes]) -> bool:
        end = self._held.find(b"\r\n\r\n", 0, MOST_HEAD_BYTES + 4)
        if end < 0:
            if len(self._held) >= MOST_HEAD_BYTES + 4:
                raise _bad(f"a part's head is longer than {MOST_HEAD_BYTES} bytes")
            return False
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise _bad(f"it has more than {MOST_PARTS} parts")
        out.append(_read_head(bytes(self._held[:end])))
        del self._held[: end + 2]
        self._at = _At.FIRST_LINE
        return True

    def _first_line(self) -> bool:
        """A delimiter right after a head: one reader takes it for the end of the part, another for its content."""
        held, delimiter = self._held, self._delimiter
        if held.startswith(delimiter):
            raise _bad("a part has no content, not even an empty one")
        if delimiter.startswith(held):
            return False
        del held[:2]
        self._at = _At.CONTENT
        return True

    def _content(self, out: list[Head | bytes]) -> bool:
        held, delimiter = self._held, self._delimiter
        end = held.find(delimiter)
        whole = end >= 0
        if not whole:
            end = max(0, len(held) - len(delimiter) + 1)
        if end:
            out.append(bytes(held[:end]))
        if whole:
            self._at = _At.DELIMITER
            end += len(delimiter)
        del held[:end]
        return whole


def _read_head(head: bytes) -> Head:
    """1*( field-name ":" field-value CRLF ), of which RFC 7578 has every other but these three ignored."""
    headers: dict[str, str] = {}
    try:
        lines = head.decode().split("\r\n")
    except UnicodeDecodeError as exc:
        raise _bad("a part's head is not UTF-8") from exc
    for line in lines:
        match = _HEADER.fullmatch(line)
        if match is None:
            raise _bad("a part's header is malformed")
        name = match[1].lower()
        if name in headers:
            raise _bad(f"a part says {name} twice")
        headers[name] = match[2]
    if headers.get("content-transfer-encoding", "").lower() not in _PLAIN_ENCODINGS:
        raise _bad("a part is encoded; send its bytes as they are")
    name, filename = _read_disposition(headers.get("content-disposition", ""))
    return Head(name=name, filename=filename, content_type=headers.get("content-type", ""))


def _read_disposition(disposition: str) -> tuple[str, str | None]:
    """The name of a field, and of a file, which older clients spell `filename*` where it is not ASCII."""
    kind, _, _ = disposition.partition(";")
    parameters = _parameters(disposition[len(kind) :])
    if kind.strip().lower() != "form-data" or not parameters.get("name"):
        raise _bad("a part has no Content-Disposition of form-data with a name")
    filename = parameters.get("filename")
    if "filename*" in parameters:
        filename = _extended(parameters["filename*"])
    return parameters["name"], filename


def _extended(value: str) -> str:
    """RFC 8187: charset "'" [ language ] "'" value-chars, of which only UTF-8 is still in use."""
    charset, _, rest = value.partition("'")
    _, _, encoded = rest.partition("'")
    try:
        name = unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError as exc:
        raise _bad("a file's name is not UTF-8") from exc
    if charset.lower() != "utf-8" or not name.isprintable():
        raise _bad("a file's name is not UTF-8")
    return name


def read_parts(body: bytes, content_type: str) -> tuple[tuple[Part, ...], str]:
    """The parts of a whole form, in order, and its boundary.

    Raises:
        BadRequest: it cannot be read.
    """
    boundary = boundary_of(content_type)
    reader = Reader(boundary)
    heads: list[Head] = []
    contents: list[list[bytes]] = []
    for piece in reader.feed(body):
        if isinstance(piece, Head):
            heads.append(piece)
            contents.append([])
        else:
            contents[-1].append(piece)
    reader.close()
    return tuple(_part(head, b"".join(pieces)) for head, pieces in zip(heads, contents, strict=True)), boundary


def _part(head: Head, content: bytes) -> Part:
    return Part(name=head.name, filename=head.filename, content_type=head.content_type, content=content)


def write_parts(parts: Iterable[Part], boundary: str) -> bytes:
    """The form that *parts* make, its heads written anew and its contents as they are.

    Raises:
        BadRequest: a content has the delimiter in it.
    """
    dashed = b"--" + boundary.encode()
    out: list[bytes] = []
    for part in parts:
        if part.content.startswith(dashed) or b"\r\n" + dashed in part.content:
            raise _bad(f"{part.name} contains the form's delimiter")
        out += [dashed, b"\r\n", _write_head(part), b"\r\n\r\n", part.content, b"\r\n"]
    return b"".join([*out, dashed, b"--\r\n"])


def _write_head(part: Part) -> bytes:
    head = f'Content-Disposition: form-data; name="{_quotable(part.name)}"'
    if part.filename is not None:
        head += f'; filename="{_quotable(part.filename)}"'
    if part.content_type:
        head += f"\r\nContent-Type: {part.content_type}"
    return head.encode()


def _quotable(name: str) -> str:
    """As browsers write names: what would end the quotes or the line with percent signs.

    A backslash is written twice, since some readers take it for an escape.
    """
    escaped = name.replace("\\", "\\\\").replace('"', "%22")
    return escaped.replace("\r", "%0D").replace("\n", "%0A")
