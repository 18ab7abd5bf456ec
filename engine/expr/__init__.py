"""Conditions: text → checked against the fact table → a compiled callable. `parse` alone imports jinja2."""

from engine.expr.condition import Condition
from engine.expr.regex import Regex

__all__ = ["Condition", "Regex"]
