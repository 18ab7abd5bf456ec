"""Form data: bytes in, parts out, however the bytes were cut; and parts written again.

A form's files need not be in memory: their content may be `Stored`, which is never looked into here.

A form is never passed on as it came: anything that two readers could understand differently is refused here, and the
rest is written anew, head by head, so that a provider sees the parts that we saw. The contents of parts stay as they
are.

Spec: RFC 7578 (form data), RFC 2046 section 5.1 (delimiters), WHATWG HTML "multipart form data" (names). Stricter than
they are: lines end with CRLF, a delimiter's line holds nothing else, and no text stands before the first delimiter or
after the last. No client is known that needs more.
"""

import re
from collections.abc import Callable, Iterable
from enum import Enum, auto
from math import inf
from urllib.parse import unquote_to_bytes

import msgspec

from engine.errors import BadRequest, Bug
from engine.wire.content import Content, Pieces, Stored

__all__ = [
    "Collector",
    "Form",
    "Head",
    "Part",
    "Reader",
    "boundary_of",
    "content_type_of",
    "is_form",
    "read_parts",
    "write_parts",
]

MOST_HEAD_BYTES = 16 * 1024
"""The most that one part's head may have. The longest in use has a file name of a few hundred bytes."""

MOST_PARTS = 1000
"""The most that one form may have; the surfaces that take forms have some twenty fields."""

MOST_FIELD_BYTES = 16 * 1024 * 1024
"""The most that all plain fields of a form may have together, since they stay in memory. The largest in use are samples
of speakers' voices, four data URLs of up to ten seconds (OpenAI, `known_speaker_references[]`): some 10 MB as
uncompressed stereo."""

EPILOGUE = b"\r\n\r\n"
"""This, or a beginning of it, may follow the last delimiter: the package `form-data-encoder`, which versions of
OpenAI's SDK for Node.js use, ends forms with it."""

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
    """As sent; empty when none was."""


class Part(Head, frozen=True, kw_only=True):
    """A field or a file of a form."""

    content: Content
    """Always bytes for a plain field."""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A form that has arrived whole."""

    parts: tuple[Part, ...] = ()
    """In order."""
    boundary: str = ""
    fault: BadRequest | None = None
    """Why it could not be read; there are no parts then."""


def _bad(message: str) -> BadRequest:
    return BadRequest(f"the form cannot be read: {message}", code="invalid_multipart")


def is_form(content_type: str) -> bool:
    """Whether a Content-Type header says that the body is a form."""
    return content_type.partition(";")[0].strip().lower() == "multipart/form-data"


def boundary_of(content_type: str) -> str:
    """The boundary that a Content-Type header names.

    Raises:
        BadRequest: it is another type, or names no usable boundary.
    """
    if not is_form(content_type):
        raise BadRequest("the body must be multipart/form-data", code="invalid_content_type")
    kind, _, _ = content_type.partition(";")
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

    A `Head` begins a part; the bytes after it, in any number of pieces, are its content. Holds at most a head or a
    delimiter; bounding the body is left to the caller.
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
            BadRequest: this is no form, or it has more parts or a longer head than is allowed.
        """
        self._held += data
        out: list[Head | bytes] = []
        while self._step(out):
            pass
        return out

    def close(self) -> None:
        """The body has ended.

        Raises:
            BadRequest: the form had not ended yet.
        """
        if self._at is not _At.END:
            raise _bad("it ends before its last delimiter")

    def _step(self, out: list[Head | bytes]) -> bool:
        """Take the next thing from what is held; whether there was one, so that another may follow."""
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
        """Refuse a delimiter right after a head: one reader would take it for the part's end, another for content."""
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
    """1*( field-name ":" field-value CRLF ). RFC 7578 has readers ignore all fields but the three that are read."""
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
    """The name of the field, and of the file; older clients spell the latter `filename*` where it is not ASCII."""
    kind, _, _ = disposition.partition(";")
    parameters = _parameters(disposition[len(kind) :])
    if kind.strip().lower() != "form-data" or not parameters.get("name"):
        raise _bad("a part has no Content-Disposition of form-data with a name")
    filename = parameters.get("filename")
    if "filename*" in parameters:
        filename = _extended(parameters["filename*"])
    return parameters["name"], filename


def _extended(value: str) -> str:
    """RFC 8187: charset "'" [ language ] "'" value-chars. The only charset still in use is UTF-8."""
    charset, _, rest = value.partition("'")
    _, _, encoded = rest.partition("'")
    try:
        name = unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError as exc:
        raise _bad("a file's name is not UTF-8") from exc
    if charset.lower() != "utf-8" or not name.isprintable():
        raise _bad("a file's name is not UTF-8")
    return name


def _nowhere(start: int, length: int) -> Stored:
    raise Bug(f"{length} bytes at {start} of a form were to be in memory")


class _Growing(msgspec.Struct):
    """A part on its way in."""

    head: Head
    held: bytearray
    """Its content, while that is in memory."""
    length: int = 0
    start: int | None = None
    """Offset of its content among all that is stored; None while it is in memory."""


class Collector:
    """One form on its way in, kept. `feed` it every read; at the end of the body call `form`.

    Plain fields stay in memory, and so do files, up to *memory_bytes* for all of them together. The content of a file
    that would exceed this is handed out to be stored, one such file after the other.
    """

    __slots__ = ("_boundary", "_field_bytes", "_file_bytes", "_memory_bytes", "_parts", "_reader", "_stored_bytes")

    def __init__(self, boundary: str, memory_bytes: float = inf) -> None:
        self._boundary = boundary
        self._memory_bytes = memory_bytes
        self._reader = Reader(boundary)
        self._parts: list[_Growing] = []
        self._field_bytes = 0
        self._file_bytes = 0
        self._stored_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """What is to be stored next, from *data* and from what was in memory until now.

        Raises:
            BadRequest: as `Reader.feed`, and if the plain fields are larger than is allowed.
        """
        out: list[bytes] = []
        for event in self._reader.feed(data):
            if isinstance(event, Head):
                self._parts.append(_Growing(event, bytearray()))
            else:
                out += self._take(self._parts[-1], event)
        return out

    def form(self, stored: Callable[[int, int], Stored] = _nowhere) -> Form:
        """The form. *stored* is given an offset and a length within all that was handed out to be stored.

        Raises:
            BadRequest: the form had not ended yet.
        """
        self._reader.close()
        return Form(parts=tuple(_part(part, stored) for part in self._parts), boundary=self._boundary)

    def _take(self, part: _Growing, content: bytes) -> list[bytes]:
        part.length += len(content)
        if part.start is not None:
            self._stored_bytes += len(content)
            return [content]
        part.held += content
        if part.head.filename is None:
            self._field_bytes += len(content)
            if self._field_bytes > MOST_FIELD_BYTES:
                raise _bad(f"its fields, files left out, have more than {MOST_FIELD_BYTES} bytes")
            return []
        self._file_bytes += len(content)
        return self._moved(part) if self._file_bytes > self._memory_bytes else []

    def _moved(self, part: _Growing) -> list[bytes]:
        """What was in memory of *part*, which is stored from here on."""
        part.start = self._stored_bytes
        self._stored_bytes += part.length
        self._file_bytes -= part.length
        held, part.held = part.held, bytearray()
        return [bytes(held)]


def _part(part: _Growing, stored: Callable[[int, int], Stored]) -> Part:
    head = part.head
    content = bytes(part.held) if part.start is None else stored(part.start, part.length)
    return Part(name=head.name, filename=head.filename, content_type=head.content_type, content=content)


def read_parts(body: bytes, content_type: str) -> Form:
    """The form in *body*, all of it in memory.

    Raises:
        BadRequest: it cannot be read.
    """
    collector = Collector(boundary_of(content_type))
    collector.feed(body)
    return collector.form()


def write_parts(parts: Iterable[Part], boundary: str) -> Pieces:
    """The form that *parts* make, its heads written anew and its contents as they are.

    Stored contents came out of a form with the same boundary, so no delimiter can be in them.

    Raises:
        BadRequest: a content has the delimiter in it.
    """
    dashed = b"--" + boundary.encode()
    out: list[Content] = []
    held: list[bytes] = []
    for part in parts:
        content = part.content
        held += [dashed, b"\r\n", _write_head(part), b"\r\n\r\n"]
        if not isinstance(content, bytes):
            out += [b"".join(held), content]
            held = []
        elif content.startswith(dashed) or b"\r\n" + dashed in content:
            raise _bad(f"{part.name} contains the form's delimiter")
        else:
            held.append(content)
        held.append(b"\r\n")
    return Pieces((*out, b"".join([*held, dashed, b"--\r\n"])))


def _write_head(part: Part) -> bytes:
    head = f'Content-Disposition: form-data; name="{_quotable(part.name)}"'
    if part.filename is not None:
        head += f'; filename="{_quotable(part.filename)}"'
    if part.content_type:
        head += f"\r\nContent-Type: {part.content_type}"
    return head.encode()


def _quotable(name: str) -> str:
    """*name* as browsers write it: quotes and line breaks, which would end the name or its line, percent-encoded.

    Backslashes are doubled, since some readers take them for an escape.
    """
    escaped = name.replace("\\", "\\\\").replace('"', "%22")
    return escaped.replace("\r", "%0D").replace("\n", "%0A")
