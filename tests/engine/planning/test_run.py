from collections.abc import Callable
from datetime import UTC, datetime

from engine.errors import OutcomeKind
from engine.planning.run import Result
from engine.planning.scenario import Expected, Scripted

Planned = Callable[..., Result]
K = OutcomeKind


def attempts(result: Result) -> list[str]:
    assert result.record is not None
    return [f"{one.model}@{one.provider}" for one in result.record.attempts]


def test_a_request_runs_to_its_record_without_a_network(planned: Planned) -> None:
    """Decision, attempt, cost and answer are the gateway's own."""
    result = planned({"model": "old"}, expected=Expected(model="org/small", provider="one", status=200))
    assert result.differences == ()
    assert result.record is not None
    assert result.record.cost_pusd == 10 * 1_000_000 + 5 * 2_000_000
    assert result.decision[0] == "old -> org/small"
    assert b'"hello"' in result.answer


def test_a_stream_runs_the_same_way(planned: Planned) -> None:
    """Streams are planned to their last event."""
    result = planned({"model": "org/small", "stream": True}, expected=Expected(status=200))
    assert result.differences == ()
    assert result.answer.endswith(b"data: [DONE]\n\n")


def test_quirks_and_edits_show_in_what_is_sent(planned: Planned) -> None:
    """Virtual model's defaults, the provider's renames, drops and conditions: what the last attempt sends."""
    request = {"model": "support", "max_completion_tokens": 9, "logit_bias": {}}
    expected = Expected(
        body={"model": "small-1", "max_tokens": 9, "temperature": 0.2, "disable_reasoning": True},
        without=("max_completion_tokens", "logit_bias"),
    )
    assert planned(request, expected=expected).differences == ()
    asked = planned({"model": "support", "reasoning_effort": "low", "temperature": 1})
    assert asked.sent["temperature"] == 1
    assert "disable_reasoning" not in asked.sent


def test_differences_are_told_one_by_one(planned: Planned) -> None:
    """A failed test says what was expected and what was found."""
    expected = Expected(
        model="org/large",
        attempts=("org/large@two",),
        status=503,
        code="nothing",
        route="long-requests",
        retry_after_s=20.0,
        body={"model": "x", "seed": 1},
        without=("messages",),
    )
    assert planned({"model": "org/small"}, expected=expected).differences == (
        'model: expected "org/large", found "org/small"',
        'attempts: expected ["org/large@two"], found ["org/small@one"]',
        "status: expected 503, found 200",
        'code: expected "nothing", found nothing',
        'route: expected "long-requests", found nothing',
        "retry_after: expected 20.0, found nothing",
        'upstream.body.model: expected "x", found "small-1"',
        "upstream.body.seed: expected 1, found nothing",
        'upstream.without.messages: expected nothing, found [{"role":"user","content":"hello"}]',
    )


def test_values_are_compared_as_json(planned: Planned) -> None:
    """1 and 1.0 are one number, and neither is true, at any depth."""
    request = {"model": "org/small", "a": True, "b": 1, "c": [{"d": 1.0}], "e": [False], "f": {"g": 0}, "h": [1]}
    same = Expected(body={"a": True, "b": 1.0, "c": [{"d": 1}], "e": [False], "f": {"g": 0.0}})
    assert planned(request, expected=same).differences == ()
    other = Expected(body={"a": 1, "b": True, "c": [{"d": True}], "e": [0], "f": {"g": False}, "h": [1, 2]})
    assert planned(request, expected=other).differences == (
        "upstream.body.a: expected 1, found true",
        "upstream.body.b: expected true, found 1",
        'upstream.body.c: expected [{"d":true}], found [{"d":1.0}]',
        "upstream.body.e: expected [0], found [false]",
        'upstream.body.f: expected {"g":false}, found {"g":0}',
        "upstream.body.h: expected [1,2], found [1]",
    )


def test_nothing_is_sent_where_nothing_is_tried(planned: Planned) -> None:
    """What is said of the last attempt does not hold of none."""
    for expected in (Expected(body={}), Expected(without=("seed",))):
        assert planned({"model": "nothing"}, expected=expected).differences == ("upstream: nothing was sent",)
    assert planned({"model": "org/small"}, expected=Expected(body={}, without=("seed",))).differences == ()


def test_the_calendar_ends(planned: Planned) -> None:
    """On the last day that there is a request is decided like on any other, and its clock does not run out of it."""
    noon = datetime(9999, 12, 31, 12, tzinfo=UTC)
    assert planned({"model": "org/small"}, at=noon, expected=Expected(status=200)).differences == ()
    late = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    answers = {"one": (Scripted(fails=K.TIMEOUT_FIRST_TOKEN),)}
    assert attempts(planned({"model": "org/small"}, at=late, answers=answers))[0] == "org/small@one"


def test_scripted_answers_are_given_attempt_by_attempt(planned: Planned) -> None:
    """After the last scripted answer a provider answers 200; the deadline and backoff run on the virtual clock."""
    broken = planned({"model": "org/small"}, answers={"one": (Scripted(status=500), Scripted(status=500))})
    assert attempts(broken) == ["org/small@one", "org/small@one", "org/small@two"]
    limited = planned({"model": "org/small"}, answers={"one": (Scripted(status=429, retry_after_s=20.0),)})
    assert attempts(limited) == ["org/small@one", "org/small@two"]
    refused = planned({"model": "org/small"}, answers={"one": (Scripted(fails=K.CONNECT), Scripted())})
    assert attempts(refused) == ["org/small@one", "org/small@one"]
    assert refused.record is not None
    assert refused.record.total_ms > 50


def test_every_way_to_fail_is_classed(planned: Planned) -> None:
    """Silence, resets and nonsense become the outcomes that the table knows."""
    kinds = [K.CONNECT, K.RESET, K.MALFORMED, K.TIMEOUT_FIRST_TOKEN, K.TIMEOUT_TOTAL]
    for kind in kinds:
        result = planned({"model": "org/small@one"}, answers={"one": (Scripted(fails=kind), Scripted(fails=kind))})
        assert result.record is not None
        assert result.record.attempts[0].error_kind == kind


def test_another_key_is_used_after_a_401(planned: Planned) -> None:
    """The pool of keys is worked through before the next target."""
    result = planned({"model": "org/small"}, answers={"one": (Scripted(status=401),)})
    assert result.record is not None
    assert len({one.key_label for one in result.record.attempts}) == 2
    assert attempts(result) == ["org/small@one", "org/small@one"]


def test_a_context_error_takes_its_own_chain(planned: Planned) -> None:
    """`fallback_for.context_length`, from the provider's own words."""
    body = b'{"error": {"message": "maximum context length is 8000", "code": "context_length_exceeded"}}'
    result = planned({"model": "support"}, answers={"one": (Scripted(status=400, body=body),)})
    assert attempts(result) == ["org/small@one", "org/large@one"]


def test_breakers_move_within_a_request(planned: Planned) -> None:
    """A provider whose breaker opens at the third failure is not tried a fourth time."""
    answers = {name: (Scripted(status=500),) * 9 for name in ("one", "two")}
    result = planned({"model": "support"}, answers=answers)
    assert attempts(result).count("org/large@one") == 1
    assert attempts(result)[-1] == "org/large@two"


def test_the_world_is_as_the_scenario_says(planned: Planned) -> None:
    """Down and unconfigured providers, each with its reason in the decision."""
    down = planned({"model": "org/small"}, down=frozenset({"one"}))
    assert attempts(down) == ["org/small@two"]
    gone = planned(
        {"model": "org/small"}, unconfigured=frozenset({"one", "two"}), expected=Expected(status=503, attempts=())
    )
    assert gone.differences == ()
    assert "    org/small@one: unconfigured: one has no credentials here  (providers.d/one.yaml:1)" in gone.decision
    forced = planned({"model": "org/small"}, down=frozenset({"one", "two"}))
    assert attempts(forced) == ["org/small@one"]


def test_a_consumer_is_bound_by_its_team_and_by_nothing_of_its_keys(planned: Planned) -> None:
    """Grants, requirements and conditions hold; networks and expiry are not checked."""
    result = planned({"model": "support"}, consumer="clinic", expected=Expected(route="health-stays-at-two"))
    assert result.differences == ()
    assert attempts(result) == ["org/small@two"]
    ungranted = planned({"model": "org/small"}, consumer="clinic", expected=Expected(status=403, code="not_granted"))
    assert ungranted.differences == ()
    unknown = planned({"model": "support"}, consumer="nobody")
    assert unknown.differences == ("no consumer 'nobody' has a key",)


def test_rules_see_the_facts_of_the_request(planned: Planned) -> None:
    """A condition on the length of the input decides by what was sent."""
    long = {"model": "support", "messages": [{"role": "user", "content": "hello " * 5000}]}
    assert planned(long, expected=Expected(route="long-requests", model="org/large")).differences == ()


def test_a_given_draw_replaces_hashed_ones(planned: Planned) -> None:
    """Without it a user's draw is hashed as in production, and stays."""
    users = {planned({"model": "split", "user": "u-1"}, draw=draw).decision[2] for draw in (0.1, 0.9)}
    assert users == {"  pool split, weighted, draw 0.1", "  pool split, weighted, draw 0.9"}
    hashed = {planned({"model": "split", "user": "u-1"}).decision[2] for _ in range(2)}
    assert len(hashed) == 1
    assert not hashed & {"  pool split, weighted, draw 0.5"}
