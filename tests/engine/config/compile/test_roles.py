import json
from pathlib import Path

from engine.config.compile.roles import PERMISSIONS, SHIPPED

SCHEMA = Path(__file__).parents[4] / "schemas" / "policy.json"


def test_the_schema_knows_the_same_permissions() -> None:
    """What can be declared is what exists."""
    roles = json.loads(SCHEMA.read_text())["properties"]["access"]["properties"]["roles"]
    assert sorted(roles["additionalProperties"]["items"]["enum"]) == list(PERMISSIONS)


def test_shipped_roles_hold_what_exists() -> None:
    """Every shipped role is made of known permissions; admin has them all and user none."""
    assert all(held <= set(PERMISSIONS) for held in SHIPPED.values())
    assert SHIPPED["admin"] == set(PERMISSIONS)
    assert SHIPPED["user"] == set()
