"""Bespoke JSON APIs that a provider file describes: how a request is written, and where things are in the answer."""
