from collections.abc import Callable

from engine.config.build import Built

Build = Callable[..., Built]


def test_deny_and_require_bind_each_at_its_own_place(built: Build) -> None:
    """What a team is denied and what it requires name their own lines in the reason for a refusal."""
    team = "teams:\n  lab:\n    deny: ['qwen/*']\n    require: {retention: 30d, trains: false}\n"
    parts = built(
        {"policies/a.yaml": f"{team}consumers: {{x: {{team: lab, keys: {{k: {{sha256: '{'a' * 64}'}}}}}}}}\n"}
    ).parts
    assert parts is not None
    deny, require = parts.root.callers[bytes.fromhex("a" * 64)].bounds
    assert (deny.subject, deny.place.line, deny.deny and deny.deny.texts) == ("team lab", 3, ("qwen/*",))
    assert (require.place.line, dict(require.require)) == (4, {"retention": (30,), "trains": (False,)})


def test_retention_is_days(built: Build) -> None:
    """A part of a day counts as one, and `none` is 0; any other fact stays as it is written."""
    beta = (
        "id: beta\nprotocol: sandbox\ndata: {retention: 36h, region: 36h}\nmodels: {qwen/qwen-3-32b: {price: free}}\n"
    )
    parts = built({"providers.d/beta.yaml": beta}).parts
    assert parts is not None
    assert dict(parts.providers[1].provider.data) == {"retention": 2, "region": "36h"}
