"""Performs one attempt at a provider: connections, TLS, credentials, timeouts, the egress guard. The home of httpx."""

from engine.upstream.egress import Guard
from engine.upstream.registry import Upstreams
from engine.upstream.secrets import EnvAndFiles, Secrets

__all__ = ["EnvAndFiles", "Guard", "Secrets", "Upstreams"]
