"""Conditions: text → checked against the fact table → a compiled callable. `parse` alone imports jinja2."""

from engine.expr.condition import Condition

__all__ = ["Condition"]
