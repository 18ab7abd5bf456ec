from datetime import UTC, datetime

import pytest

from engine.errors import ExpressionInvalid, Place
from engine.expr.facts import QUIRK_TABLE, TABLE, Kind, sticky
from engine.expr.parse import condition
from engine.rules.program import Caller
from engine.values import Facts

CALLER = Caller(id="support-bot", team="support")
FACTS = Facts(
    model="m",
    at=datetime(2026, 11, 23, tzinfo=UTC),
    user="u-1",
    session="s-1",
    ip="192.0.2.1",
    headers={"x-tier": "gold"},
    metadata={"Tenant": "acme"},
)
COMPARED = {
    Kind.FLAG: "{name}",
    Kind.TEXT: "{name} == {name}",
    Kind.NUMBER: "{name} >= 0 or {name} != 0",
    Kind.TEXTS: "'x' not in {name}",
    Kind.DATE: "{name} > '2026-01-01'",
}


def test_the_table_is_the_one_of_the_manual() -> None:
    """No fact comes or goes unseen."""
    request = "model surface stream input_tokens max_tokens has_tools has_images has_audio has_files wants_json"
    subjects = {
        "request": f"{request} reasoning user session ip",
        "consumer": "id team plan roles tags anonymous",
        "time": "hour weekday date",
        "node": "region",
    }
    quirks = {"upstream": "model provider", "model": "id features"}
    assert set(TABLE) == {f"{subject}.{name}" for subject, names in subjects.items() for name in names.split()}
    assert set(QUIRK_TABLE) - set(TABLE) == {f"{sub}.{name}" for sub, names in quirks.items() for name in names.split()}
    assert all(fact.doc for fact in QUIRK_TABLE.values())


@pytest.mark.parametrize("name", TABLE)
def test_every_fact_can_be_read_of_the_plainest_request(name: str) -> None:
    """Each fact's code fits the values that it reads, with nothing but defaults in them."""
    text = COMPARED[TABLE[name].kind].format(name=name)
    read = condition(text, Place("routes.yaml", 1), quirk=False)
    answer = read(Facts(model="", at=FACTS.at), Caller(id=""), bool)
    assert answer is (TABLE[name].kind is not Kind.FLAG)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("request.user", "u-1"),
        ("request.session", "s-1"),
        ("request.ip", "192.0.2.1"),
        ("consumer.id", "support-bot"),
        ("consumer.team", "support"),
        ("headers['X-Tier']", "gold"),
        ('metadata["Tenant"]', "acme"),
        ("metadata['tenant']", ""),
    ],
)
def test_a_sticky_fact_gives_the_text_that_keeps_a_caller(name: str, value: str) -> None:
    """Each fact that draws may stick to; what is absent is the empty text."""
    assert sticky(name)(FACTS, CALLER) == value


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("request.usr", "did you mean 'request.user'?"),
        (
            "metadata[tenant]",
            "one of request.user, request.session, request.ip, consumer.id, consumer.team, headers['…'], metadata['…']",
        ),
    ],
)
def test_what_cannot_keep_a_caller_is_a_flaw(name: str, hint: str) -> None:
    """A misspelt fact is told when the configuration is read, not drawn at random for ever."""
    with pytest.raises(ExpressionInvalid) as caught:
        sticky(name)
    assert [(flaw.slug, flaw.message, flaw.hint) for flaw in caught.value.flaws] == [
        ("unknown-fact", f"'{name}' cannot keep a caller", hint)
    ]
