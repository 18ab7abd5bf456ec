from collections.abc import Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRequest
from engine.wire.content import Content
from engine.wire.multipart import (
    MOST_FIELD_BYTES,
    MOST_HEAD_BYTES,
    MOST_PARTS,
    Collector,
    Form,
    Head,
    Part,
    Reader,
    boundary_of,
    content_type_of,
    is_form,
    read_parts,
    write_parts,
)
from tests.forms import whole

PLAIN = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'
FILE = (
    b'--b\r\ncontent-type: audio/wav\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    b"RIFF\r\n--c\r\n\r\n--\r\n--b--\r\n"
)


def read(body: bytes) -> tuple[Part, ...]:
    return read_parts(body, "multipart/form-data; boundary=b").parts


def fed(pieces: Iterable[bytes], boundary: str = "b") -> list[tuple[Head, bytes]]:
    """The parts, when the form comes in *pieces*."""
    reader = Reader(boundary)
    found: list[tuple[Head, bytes]] = []
    for piece in pieces:
        for event in reader.feed(piece):
            if isinstance(event, Head):
                found.append((event, b""))
            else:
                found[-1] = (found[-1][0], found[-1][1] + event)
    reader.close()
    return found


def told(parts: Iterable[Part]) -> list[tuple[Head, Content]]:
    return [(Head(name=p.name, filename=p.filename, content_type=p.content_type), p.content) for p in parts]


def test_a_field_and_a_file() -> None:
    """A part is a field, or a file where it has a file name; its content is what stands between the delimiters."""
    assert read(PLAIN) == (Part(name="a", content=b"1"),)
    content = b"RIFF\r\n--c\r\n\r\n--"
    assert read(FILE) == (Part(name="file", filename="a.wav", content_type="audio/wav", content=content),)


@pytest.mark.parametrize("body", [PLAIN, FILE, b"\r\n" + PLAIN, PLAIN[:-2], PLAIN + b"\r\n"])
def test_byte_by_byte(body: bytes) -> None:
    """A form that comes one byte at a time has the same parts."""
    assert fed(bytes([byte]) for byte in body) == told(read(body))


def test_an_empty_content() -> None:
    """A part may be empty, and a form may have no part."""
    assert read(PLAIN.replace(b"1", b"")) == (Part(name="a", content=b""),)
    assert read(b"--b--\r\n") == ()


@pytest.mark.parametrize(
    ("disposition", "name", "filename"),
    [
        (b'form-data; name="a"; filename=""', "a", ""),
        (b"form-data; name=a; filename=b.wav", "a", "b.wav"),
        (b'FORM-DATA;name="a";filename="b;c.wav"', "a", "b;c.wav"),
        (b'form-data; name="a"; filename="say \\"hi\\".wav"', "a", 'say "hi".wav'),
        (b'form-data; name="a"; filename="say %22hi%22.wav"', "a", "say %22hi%22.wav"),
        (b'form-data; name="a"; filename="C:\\\\dir\\\\b.wav"', "a", "C:\\dir\\b.wav"),
        ('form-data; name="a"; filename="жук.wav"'.encode(), "a", "жук.wav"),
        (b"form-data; name=\"a\"; filename*=utf-8''%D0%B6.wav", "a", "ж.wav"),
        (b'form-data; name="image[]"', "image[]", None),
    ],
)
def test_names(disposition: bytes, name: str, filename: str | None) -> None:
    """Names are read in all the spellings that clients have for them."""
    (part,) = read(PLAIN.replace(b'form-data; name="a"', disposition))
    assert (part.name, part.filename) == (name, filename)


HEADS = [
    b"Content-Disposition: form-data",
    b'Content-Disposition: form-data; name=""',
    b'Content-Disposition: attachment; name="a"',
    b'Content-Disposition: form-data; name="a"; name="model"',
    b'Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="model"',
    b'Content-Disposition: form-data;\r\n name="a"',
    b'Content-Disposition: form-data; name="a"; filename="b',
    b'Content-Disposition: form-data; name="a"x',
    b'Content-Disposition: form-data; name="\xff"',
    b'Content-Disposition: form-data; name="a\x00"',
    b'Content-Disposition: form-data; name="a\rb"',
    b'Content-Disposition : form-data; name="a"',
    b'Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64',
    b"Content-Disposition: form-data; name=\"a\"; filename*=latin-1''%E9.wav",
    b"Content-Disposition: form-data; name=\"a\"; filename*=utf-8''%FF.wav",
    b"Content-Disposition: form-data; name=\"a\"; filename*=utf-8''a%0D%0Ab.wav",
    b"Content-Type: text/plain",
    b"nonsense",
]


@pytest.mark.parametrize("head", HEADS)
def test_heads_that_two_readers_could_understand_differently(head: bytes) -> None:
    """A head that is malformed, or says something twice, is refused."""
    with pytest.raises(BadRequest) as refused:
        read(b"--b\r\n" + head + b"\r\n\r\n1\r\n--b--\r\n")
    assert refused.value.reason == "invalid_multipart"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"a",
        b"--",
        b"--b",
        b"--b\r\n",
        PLAIN[:-5],
        PLAIN[:-8],
        b"before\r\n" + PLAIN,
        b"\n" + PLAIN,
        PLAIN + b"after",
        PLAIN + PLAIN,
        PLAIN.replace(b"\r\n", b"\n"),
        PLAIN.replace(b"--b\r\n", b"--b \r\n"),
        PLAIN.replace(b"--b\r\n", b"--bc\r\n"),
        PLAIN.replace(b"--b--", b"--b-"),
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n--b--\r\n',
        b"--b\r\n\r\n1\r\n--b--\r\n",
    ],
)
def test_what_is_no_form(body: bytes) -> None:
    """A form that is cut short, or has something beside its parts, is refused, however it comes."""
    with pytest.raises(BadRequest) as refused:
        read(body)
    assert refused.value.reason == "invalid_multipart"
    with pytest.raises(BadRequest):
        fed(bytes([byte]) for byte in body)


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=b", "b"),
        ('Multipart/Form-Data; charset=utf-8; BOUNDARY="a b:c"', "a b:c"),
        (
            "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW;",
            "----WebKitFormBoundary7MA4YWxkTrZu0gW",
        ),
    ],
)
def test_boundaries(content_type: str, boundary: str) -> None:
    """The boundary is what the header names, quoted or not, and is told again so that every reader finds it."""
    assert boundary_of(content_type) == boundary
    assert boundary_of(content_type_of(boundary)) == boundary


@pytest.mark.parametrize(
    ("content_type", "code"),
    [
        ("", "invalid_content_type"),
        ("application/json", "invalid_content_type"),
        ("multipart/mixed; boundary=b", "invalid_content_type"),
        ("multipart/form-data", "invalid_multipart"),
        ("multipart/form-data; boundary=", "invalid_multipart"),
        ('multipart/form-data; boundary="a "', "invalid_multipart"),
        ('multipart/form-data; boundary="a\\"b"', "invalid_multipart"),
        ("multipart/form-data; boundary=" + "b" * 71, "invalid_multipart"),
        ("multipart/form-data; boundary=a; boundary=b", "invalid_multipart"),
        ("multipart/form-data; boundary=ж", "invalid_multipart"),
    ],
)
def test_no_boundary(content_type: str, code: str) -> None:
    """Another type, no boundary, two of them, or one that RFC 2046 does not allow is refused."""
    with pytest.raises(BadRequest) as refused:
        boundary_of(content_type)
    assert refused.value.reason == code


def test_heads_are_bounded() -> None:
    """A head that does not end is refused as soon as it is too long, and is not collected."""
    reader = Reader("b")
    reader.feed(b"--b\r\n" + b"X-A: 1\r\n" * (MOST_HEAD_BYTES // 8))
    with pytest.raises(BadRequest, match="longer than"):
        reader.feed(b"X-A: 1\r\n")


def test_parts_are_bounded() -> None:
    """A form of more parts than any surface takes is refused."""
    part = PLAIN.removesuffix(b"--b--\r\n")
    assert len(read(part * MOST_PARTS + b"--b--\r\n")) == MOST_PARTS
    with pytest.raises(BadRequest, match="parts"):
        read(part * (MOST_PARTS + 1) + b"--b--\r\n")


def test_content_is_not_held() -> None:
    """What can be no delimiter is given out at once, so that a file need not be in memory."""
    reader = Reader("b")
    reader.feed(PLAIN[: PLAIN.index(b"1")])
    given = sum(len(piece) for piece in reader.feed(b"x" * 10_000) if isinstance(piece, bytes))
    assert given > 9_990


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters='"', exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20
)
PARTS = st.lists(
    st.builds(
        Part,
        name=NAMES,
        filename=st.none() | NAMES,
        content_type=st.sampled_from(["", "text/plain; charset=utf-8", "image/png"]),
        content=st.binary(max_size=50) | st.sampled_from([b"\r\n", b"\r\n-", b"\r\n--", b"--", b"\r\n--c", b"\r"]),
    ),
    min_size=1,
    max_size=4,
)


@given(parts=PARTS, cuts=st.lists(st.integers(1, 30), max_size=40))
def test_forms_survive_both_ways(parts: list[Part], cuts: list[int]) -> None:
    """A form that is written and read again has the same parts, whatever is in them and however it is cut."""
    body = whole(write_parts(parts, "bound-ary"))
    assert read_parts(body, content_type_of("bound-ary")) == Form(parts=tuple(parts), boundary="bound-ary")
    pieces, at = [], 0
    for size in cuts:
        pieces.append(body[at : at + size])
        at += size
    assert fed([*pieces, body[at:]], "bound-ary") == told(parts)


@pytest.mark.parametrize("content", [b"--b", b"1\r\n--b", b"\r\n--b--\r\n"])
def test_no_content_can_end_its_part(content: bytes) -> None:
    """A content with the delimiter in it is not written, as it would become two parts."""
    with pytest.raises(BadRequest):
        write_parts([Part(name="a", content=content)], "b")


def test_names_cannot_end_their_line() -> None:
    """A name is written so that it ends neither the quotes nor the line it stands in."""
    body = whole(write_parts([Part(name='a"; filename="x', filename='b\r\nX: "', content=b"1")], "b"))
    assert [part.name for part in read(body)] == ["a%22; filename=%22x"]
    assert [part.filename for part in read(body)] == ["b%0D%0AX: %22"]


@given(
    body=st.binary(max_size=200) | st.lists(st.sampled_from([PLAIN, b"--b", b"\r\n", b"--", b":", b"x"])).map(b"".join)
)
def test_no_body_is_too_strange(body: bytes) -> None:
    """Any bytes are a form or are refused."""
    with suppress(BadRequest):
        assert all(part.name for part in read(body))


class Range:
    """Where a content is among what was handed out to be stored."""

    def __init__(self, start: int, length: int) -> None:
        self.start = start
        self.length = length

    def __len__(self) -> int:
        return self.length

    async def read(self, at: int, most_bytes: int) -> bytes:
        raise AssertionError(f"{most_bytes} bytes at {at} were read")


def content_of(content: Content, stored: bytes) -> bytes:
    if isinstance(content, bytes):
        return content
    assert isinstance(content, Range)
    return stored[content.start : content.start + content.length]


@given(parts=PARTS, size=st.integers(1, 60), memory_bytes=st.integers(0, 100))
def test_a_form_that_is_stored(parts: list[Part], size: int, memory_bytes: int) -> None:
    """Plain fields and as much of files as is allowed are in memory; the rest can be found again, and is written."""
    body = whole(write_parts(parts, "bound-ary"))
    collector, stored = Collector("bound-ary", memory_bytes), b""
    for at in range(0, len(body), size):
        stored += b"".join(collector.feed(body[at : at + size]))
    form = collector.form(Range)
    assert told(form.parts) == [(head, part.content) for (head, _), part in zip(told(parts), form.parts, strict=True)]
    assert [content_of(part.content, stored) for part in form.parts] == [part.content for part in parts]
    assert all(isinstance(part.content, bytes) for part in form.parts if part.filename is None)
    in_memory = [len(p.content) for p in form.parts if p.filename is not None and isinstance(p.content, bytes)]
    assert sum(in_memory) <= memory_bytes
    assert sum(len(p.content) for p in form.parts if not isinstance(p.content, bytes)) == len(stored)
    again = write_parts(form.parts, "bound-ary")
    assert b"".join(content_of(content, stored) for content in again.contents) == body
    assert len(again) == len(body)


def test_neighbours_in_memory_are_one_piece() -> None:
    """What stands between two stored contents is one piece, so that a form is written in few."""
    sound = Range(0, 5)
    parts = [Part(name="a", content=b"1"), Part(name="file", filename="a", content=sound), Part(name="b", content=b"2")]
    assert [type(content) for content in write_parts(parts, "b").contents] == [bytes, Range, bytes]


def test_fields_are_bounded() -> None:
    """Plain fields, all of them together, may not be larger than is allowed; files may."""
    half = b"x" * (MOST_FIELD_BYTES // 2)
    fits = [Part(name="a", content=half), Part(name="b", content=half), Part(name="f", filename="f", content=half * 3)]
    assert len(read(whole(write_parts(fits, "b")))) == 3
    with pytest.raises(BadRequest, match="more than") as refused:
        read(whole(write_parts([*fits, Part(name="c", content=b"1")], "b")))
    assert refused.value.reason == "invalid_multipart"


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [(content_type_of("b"), True), ("Multipart/Form-Data", True), ("multipart/mixed; boundary=b", False), ("", False)],
)
def test_what_says_that_it_is_a_form(content_type: str, expected: bool) -> None:
    """The type decides, whatever parameters it has."""
    assert is_form(content_type) is expected
