"""Bespoke JSON APIs that a provider file describes: how a request is written, and where in the answer things stand."""
