from pathlib import Path

from engine.config import bundle as bundles
from engine.config.build import build
from engine.rules.program import Caller

BASE = bundles.read(Path(__file__).parents[3] / "config" / "base")
KEY = 'keys: {k: {sha256: "%s"}}' % ("ab" * 32)


def _caller(policy: str) -> Caller:
    built = build(bundles.laid_over(BASE, {"policies/a.yaml": policy.encode()}))
    assert built.problems == ()
    assert built.parts is not None
    return built.parts.root.callers[bytes.fromhex("ab" * 32)]


def test_what_is_omitted_is_the_teams() -> None:
    """Without `models` and `cost_center` a consumer has its team's; bounds of both hold, the team's first."""
    team = 'teams: {lab: {cost_center: "7", models: ["openai/*"], deny: ["*@beta"]}}\n'
    caller = _caller(f'{team}consumers: {{x: {{team: lab, {KEY}, deny: ["qwen/*"]}}}}\n')
    assert caller.grant is not None
    assert caller.grant.texts == ("openai/*",)
    assert caller.cost_center == "7"
    assert [bound.subject for bound in caller.bounds] == ["team lab", "consumer x"]


def test_deny_and_require_have_their_own_places() -> None:
    """What is refused can point at the line that refused it."""
    caller = _caller(f"consumers:\n  x:\n    {KEY}\n    deny: ['*@beta']\n    require: {{}}\n".replace("{}", "{a: b}"))
    assert [(bound.place.line, bound.deny is None) for bound in caller.bounds] == [(4, False), (5, True)]


def test_without_a_team_every_name_may_be_asked_for() -> None:
    """No grant anywhere is no restriction, and no role is no permission."""
    caller = _caller(f"consumers: {{x: {{{KEY}}}}}\n")
    assert caller.grant is None
    assert caller.permissions == frozenset()


def test_a_declared_role_replaces_the_shipped_one() -> None:
    """Permissions of a role are those written for its name, or else the shipped ones."""
    access = "access: {roles: {operator: [sql.query]}}\n"
    caller = _caller(f"{access}consumers: {{x: {{{KEY}, roles: [operator, developer]}}}}\n")
    assert caller.permissions == {"sql.query", "config.read", "decision.explain"}
