"""Limits as (state, event, now) → (state, verdict)."""
