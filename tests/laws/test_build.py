"""Laws of the compiler: whatever people write, it answers with problems, and never with an exception."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import bundle as bundles
from engine.config.build import build
from engine.snapshot import assemble

GOOD = Path(__file__).parents[1] / "config" / "good" / "everything"
BUNDLE = bundles.read(GOOD)
FILES = tuple(path for path in BUNDLE.files if path.endswith(".yaml"))
WORDS = tuple(sorted({word for data in BUNDLE.files.values() for word in data.decode().split()}))


@st.composite
def edits(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file of a good configuration with a word replaced by another, a line taken out, or one put twice."""
    path = draw(st.sampled_from(FILES))
    lines = BUNDLE.files[path].decode().splitlines()
    n = draw(st.integers(0, len(lines) - 1))
    match draw(st.sampled_from(("replace", "remove", "repeat"))):
        case "remove":
            del lines[n]
        case "repeat":
            lines.insert(n, lines[n])
        case _:
            words = lines[n].split(" ")
            words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(WORDS))
            lines[n] = " ".join(words)
    return path, "\n".join(lines).encode() + b"\n"


@settings(deadline=None, max_examples=60)
@given(st.lists(edits(), min_size=1, max_size=3))
def test_validate_passes_or_says_why(changes: list[tuple[str, bytes]]) -> None:
    """An edited configuration has problems with places in its files, or parts that assemble."""
    bundle = bundles.laid_over(BUNDLE, dict(changes))
    built = build(bundle)
    for problem in built.problems:
        assert problem.place.file in bundle.files
        assert problem.place.line <= bundle.files[problem.place.file].count(b"\n") + 1
    if built.parts is None:
        assert built.problems
    else:
        assert assemble(built.parts).config_hash == built.config_hash
