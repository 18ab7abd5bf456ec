"""The demo root: files that `engine serve --demo` lays over a configuration."""

from collections.abc import Mapping
from importlib.resources import files

__all__ = ["demo_root"]

FILES = ("policies/demo.yaml", "providers.d/sandbox.yaml", "routes.d/demo.yaml")
DIGEST = b"DIGEST"


def demo_root(key_digest_hex: str) -> Mapping[str, bytes]:
    """Path → content of the demo's files, with the consumer `demo` known by a key of this SHA-256 (hex)."""
    read = {path: files(__name__).joinpath(path).read_bytes() for path in FILES}
    return {path: text.replace(DIGEST, key_digest_hex.encode()) for path, text in read.items()}
