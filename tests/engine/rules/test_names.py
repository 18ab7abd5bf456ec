from typing import TYPE_CHECKING

import pytest

from engine.errors import NotFound
from engine.rules.match import Globs
from engine.rules.names import names_for, offers_of, resolve
from engine.rules.nearest import nearest
from engine.rules.program import Caller, Offer, Program

if TYPE_CHECKING:
    from tests.engine.rules.conftest import Make


@pytest.fixture
def program(make: "Make", market: list[Offer]) -> Program:
    """Two providers in the defaults, a third that only pins reach, a virtual model and an alias."""
    support = make.virtual("support", make.pool("openai/mini"))
    return make.program(*market, order=["openai", "groq"], virtuals=[support], aliases={"gpt": "openai/mini"})


def test_the_list_holds_exactly_what_a_caller_may_ask_for(program: Program) -> None:
    """`GET /v1/models`: virtual models, canonical models, aliases, then what only a pin reaches."""
    assert list(names_for(program, Caller(id="anyone"))) == [
        "support",
        "openai/mini",
        "openai/maxi",
        "qwen/small",
        "gpt",
        "xai/grok@xai",
    ]


def test_a_grant_covers_the_aliases_of_what_it_names(program: Program) -> None:
    """Whoever may ask for a model may spell it as the files do."""
    assert list(names_for(program, Caller(id="bot", grant=Globs(("openai/mini",))))) == ["openai/mini", "gpt"]
    assert list(names_for(program, Caller(id="bot", grant=Globs(("gpt",))))) == ["gpt"]


def test_every_listed_name_resolves(program: Program) -> None:
    """The list and the resolution are two views of one namespace."""
    for name in names_for(program, Caller(id="anyone")):
        named = resolve(program, Caller(id="anyone"), name)
        assert named.virtual or named.offers


@pytest.mark.parametrize("name", ["", "@", "@openai", "openai/mini@", "openai/mini@nobody", "xai/grok@groq", "Gpt"])
def test_what_is_none_of_the_four_is_unknown(program: Program, name: str) -> None:
    """No fuzzy rewriting: case, empty parts and unknown providers are not forgiven."""
    with pytest.raises(NotFound):
        resolve(program, Caller(id="anyone"), name)
    assert offers_of(program, name) == ()


def test_the_last_at_sign_separates_the_provider(make: "Make") -> None:
    """A model's own name may hold an `@`."""
    program = make.program(make.offer(make.provider("p"), "org/m@v2"))
    assert resolve(program, Caller(id="anyone"), "org/m@v2@p").pinned


def test_the_nearest_names_come_first() -> None:
    """Misspelt, in another case, or without the organisation."""
    names = ["openai/gpt-4o", "openai/gpt-4o-mini", "anthropic/claude-haiku-4-5", "x-ai/grok-3"]
    assert nearest("openai/gpt-4o-mni", names)[0] == "openai/gpt-4o-mini"
    assert nearest("GPT-4o", names)[0] == "openai/gpt-4o"
    assert nearest("grok-3", names) == ["x-ai/grok-3"]
    assert nearest("completely different", names) == []
    assert nearest("", names) == []


def test_five_thousand_names_are_searched_by_counting_first() -> None:
    """Only a few names are worth the quadratic comparison, however many there are."""
    names = [f"org-{n % 50}/model-{n}" for n in range(5000)]
    assert nearest("org-7/modell-4207", names)[0] == "org-7/model-4207"
