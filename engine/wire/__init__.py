"""Protocols: bytes ↔ values, one module each, no I/O."""
