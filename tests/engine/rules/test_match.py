import pickle
import re
from fnmatch import translate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import PatternInvalid
from engine.rules.match import Globs, RuleIndex, covers

NAMES = st.text(alphabet="ab/-[]", max_size=6)
PLAIN = st.text(alphabet="ab/-*?", min_size=1, max_size=6)
GLOBS = st.lists(st.sampled_from(["a", "b", "-", "*", "?", "[ab]", "[a-b/]", "{a,b}", "{a,-}"]), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("glob", "yes", "no"),
    [
        ("openai/gpt-4o", ["openai/gpt-4o"], ["openai/gpt-4o-mini", "OpenAI/gpt-4o", ""]),
        ("openai/*", ["openai/gpt-4o", "openai/", "openai/a/b", "openai/a\nb"], ["azure/gpt-4o", "openai"]),
        ("*", ["", "anything/at all"], []),
        ("*@groq", ["a@groq", "@groq"], ["a@groq2", "groq"]),
        ("qwen/*-32b", ["qwen/qwen-3-32b", "qwen/-32b"], ["qwen/32b", "qwen/-8b"]),
        ("aba*aba", ["abaaba", "aba-aba"], ["aba", "ababa"]),
        ("gpt-?", ["gpt-4", "gpt-é"], ["gpt-", "gpt-4o"]),
        ("gpt-[45]*", ["gpt-4", "gpt-5-mini"], ["gpt-3", "gpt-"]),
        ("v[0-9]", ["v0", "v9"], ["va", "v-"]),
        ("v[-.]", ["v-", "v."], ["va"]),
        ("gpt-{4o,5}", ["gpt-4o", "gpt-5"], ["gpt-{4o,5}", "gpt-4"]),
        ("a{b,c{d,e}}*", ["ab", "acd", "ace-x"], ["ac", "ad"]),
        ("gpt-4o{,-mini}", ["gpt-4o", "gpt-4o-mini"], ["gpt-4o-"]),
        ("*-*-b", ["a--b", "x-y-b"], ["a-b"]),
        ("a.b+(c)^$", ["a.b+(c)^$"], ["axb+(c)^$"]),
    ],
)
def test_a_glob_matches_whole_names_and_only_those(glob: str, yes: list[str], no: list[str]) -> None:
    """Each wildcard means what the manual says, on the whole name and with its case."""
    globs = Globs((glob,))
    assert [name for name in yes if not globs.matches(name)] == []
    assert [name for name in no if globs.matches(name)] == []


@pytest.mark.parametrize(
    ("glob", "message"),
    [
        ("", "pattern '' stands for an empty name"),
        ("a{b}", "pattern 'a{b}' has braces without a choice"),
        ("a{b,c", "pattern 'a{b,c' has brackets that do not pair, or hold nothing"),
        ("a[b", "pattern 'a[b' has brackets that do not pair, or hold nothing"),
        ("a]", "pattern 'a]' has brackets that do not pair, or hold nothing"),
        ("a[]", "pattern 'a[]' has brackets that do not pair, or hold nothing"),
        ("[!a]", "pattern '[!a]' is a set of what must not be there"),
        ("[z-a]", "pattern '[z-a]' has a range that runs backwards"),
        ("{a,}", "pattern '{a,}' stands for an empty name"),
        ("{a,b}" * 9, f"pattern '{'{a,b}' * 9}' stands for more than 256 names"),
    ],
)
def test_a_bad_glob_is_refused_with_its_reason(glob: str, message: str) -> None:
    """What cannot be a pattern is said when it is written, not when a request comes."""
    with pytest.raises(PatternInvalid) as caught:
        Globs((glob,))
    assert [(flaw.slug, flaw.message) for flaw in caught.value.flaws] == [("bad-pattern", message)]


@given(PLAIN, NAMES)
def test_stars_and_question_marks_mean_what_the_shell_means(glob: str, name: str) -> None:
    """Our fast paths agree with the standard library's translation of the same glob."""
    assert Globs((glob,)).matches(name) == bool(re.match(translate(glob), name))


@pytest.mark.parametrize(
    ("globs", "name", "carried"),
    [
        (("mistralai/*",), "mistralai/mistral-large", "mistral-large"),
        (("mistralai/*",), "openai/gpt-4o", None),
        (("*-[ab]",), "x-y-a", "x-y"),
        (("gpt-?-*-x",), "gpt-4-mini-x", "mini"),
        (("openai/gpt-4o",), "openai/gpt-4o", ""),
        (("a*b*c",), "abc", ""),
        (("a*", "ab*"), "abc", "bc"),
    ],
)
def test_what_a_star_matched_is_carried(globs: tuple[str, ...], name: str, carried: str | None) -> None:
    """The first matching pattern says what is carried over into a target."""
    assert Globs(globs).carried(name) == carried


@pytest.mark.parametrize(
    ("wide", "narrow", "answer"),
    [
        ("*", "a{b,c}*", True),
        ("openai/*", "openai/gpt-*", True),
        ("openai/*", "openai/gpt-4o", True),
        ("openai/gpt-*", "openai/*", False),
        ("a*a", "a", False),
        ("a*a", "a?a", True),
        ("{a,b}*", "[ab]*", False),
        ("gpt-?", "gpt-?", True),
        ("gpt-?", "gpt-[45]", True),
        ("gpt-[45]", "gpt-?", False),
        ("gpt-[345]*", "gpt-4*", True),
        ("gpt-[345]*", "gpt-[34]*", False),
        ("*-*-?", "a-*-b-[cd]", True),
        ("*-*-?", "a-*", False),
        ("a", "a", True),
        ("a", "a*", False),
    ],
)
def test_coverage_is_told_where_it_is_plain(wide: str, narrow: str, answer: bool) -> None:
    """Coverage is claimed only when it is certain, so that no reachable rule is called unreachable."""
    assert covers(Globs((wide,)), Globs((narrow,))) is answer


@given(GLOBS.map("".join), GLOBS.map("".join), NAMES)
def test_a_covering_glob_matches_whatever_the_covered_one_does(wide: str, narrow: str, name: str) -> None:
    """No claim of coverage is ever wrong."""
    over, under = Globs((wide,)), Globs((narrow,))
    assert not (covers(over, under) and under.matches(name)) or over.matches(name)


@given(st.lists(st.lists(PLAIN, max_size=3).map(tuple)), NAMES)
def test_the_index_finds_exactly_the_matching_entries_in_order(entries: list[tuple[str, ...]], name: str) -> None:
    """Indexing loses no rule, adds none, and keeps the order that decides which comes first."""
    globs = tuple(Globs(texts) for texts in entries)
    assert list(RuleIndex(globs).candidates(name)) == [i for i, entry in enumerate(globs) if entry.matches(name)]


class Counted(str):
    """A name that counts how often something was cut from it or compared with it."""

    __slots__ = ("touched",)
    touched: int

    def __getitem__(self, key: object) -> str:
        self.touched += 1
        return super().__getitem__(key)  # type: ignore[index]  # str's own key type is private to typeshed

    def startswith(self, *args: object) -> bool:
        self.touched += 1
        return super().startswith(*args)  # type: ignore[arg-type]  # passed through unchanged


def test_a_look_up_does_not_look_at_rules_that_cannot_match() -> None:
    """The work of one look-up is the same among four rules of a shape and among four thousand."""

    def work(rules: int) -> int:
        entries = [Globs((f"org{n:05}/*",)) for n in range(rules)] + [Globs((f"*-v{n:05}",)) for n in range(rules)]
        name = Counted("org00001/model-v00001")
        name.touched = 0
        assert RuleIndex(tuple(entries)).candidates(name) == [1, rules + 1]
        return name.touched

    assert work(2) == work(2000)


def test_globs_travel_between_processes() -> None:
    """A pickled set of globs matches as it did before."""
    globs = Globs(("a[bc]*", "d"))
    copy = pickle.loads(pickle.dumps(globs))
    assert copy == globs
    assert copy.matches("ac-1")
    assert not copy.matches("d-1")
