from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from engine.errors import NotFound
from engine.rules.match import Globs
from engine.rules.names import names_for, offers_of, resolve
from engine.rules.program import Caller, Offer, OfferPattern, Program
from engine.values import ModelId

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


def test_a_name_of_absurd_length_is_refused_without_being_repeated(make: "Make", market: list[Offer]) -> None:
    """A caller's text does not come back at length in messages and rows."""
    with pytest.raises(NotFound) as caught:
        make.asked(make.program(*market), "x" * 100_000)
    assert len(caught.value.message) < 100


def test_patterns_offer_what_is_not_listed_and_say_so(make: "Make", market: list[Offer]) -> None:
    """An unlisted model is an offer like any other, marked as unlisted."""
    open_router = make.provider("openrouter")
    name = ModelId("mistral/*")
    template = make.offer(open_router, name, context=None, features=frozenset(), upstream_model="*")
    pattern = OfferPattern(glob=name, upstream="m-*", template=structs.replace(template, model=name))
    program = make.program(*market, patterns=[pattern])
    decision = make.asked(program, "mistral/large", has_tools=True, input_tokens_low=10**6)
    assert make.ids(decision) == ["mistral/large@openrouter"]
    assert decision.chain[0].offer.upstream_model == "m-large"
    assert decision.chain[0].offer.unlisted
    with pytest.raises(NotFound):
        make.asked(program, "mistral/la\nrge")


def test_aliases_are_followed_to_the_end_patterns_included(make: "Make", market: list[Offer]) -> None:
    """An alias may name another alias; `*` is carried over."""
    program = make.program(
        *market, aliases={"gpt": "fast", "fast": "openai/mini"}, alias_patterns=[("via-groq/*", "openai/*@groq")]
    )
    assert make.asked(program, "gpt").path == ("gpt", "fast", "openai/mini")
    assert make.ids(make.asked(program, "via-groq/mini")) == ["openai/mini@groq"]


def test_patterns_of_aliases_that_grow_for_ever_are_unknown_names(make: "Make", market: list[Offer]) -> None:
    """No spelling makes the gateway follow aliases without end."""
    with pytest.raises(NotFound):
        make.asked(make.program(*market, alias_patterns=[("a/*", "a/x*")]), "a/b")
