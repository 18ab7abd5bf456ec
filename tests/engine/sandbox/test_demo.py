from hashlib import sha256

import yaml

from engine.config.build import build
from engine.config.bundle import Bundle
from engine.sandbox.demo import demo_root
from engine.sandbox.script import MODELS

DIGEST = sha256(b"eng_dev_x").hexdigest()


def test_the_demo_knows_the_key_of_this_start() -> None:
    """The consumer `demo` is known by the digest it was given, and may ask for everything."""
    policy = yaml.safe_load(demo_root(DIGEST)["policies/demo.yaml"])
    assert policy == {
        "consumers": {"demo": {"keys": {"demo": {"sha256": DIGEST}}, "roles": ["admin"], "models": ["*"]}}
    }


def test_the_demo_offers_every_model_of_the_sandbox() -> None:
    """The provider file lists what the sandbox has, and lets its faults through."""
    provider = yaml.safe_load(demo_root(DIGEST)["providers.d/sandbox.yaml"])
    assert {model["upstream"] for model in provider["models"].values()} == set(MODELS)
    assert provider["forward_headers"] == ["x-sandbox-fault"]


def test_the_demo_ships_no_key() -> None:
    """No file holds a digest of its own: without a key made at start nobody gets in."""
    assert DIGEST.encode() not in b"".join(demo_root("0" * 64).values())


def test_the_demo_fits_a_configuration() -> None:
    """Laid over the smallest root, the demo has no problem and offers a name for each kind of model."""
    files = {"routes.yaml": b"version: 1\n", **demo_root(DIGEST)}
    built = build(Bundle(files=files, git_rev="", overlay=""))
    assert built.problems == ()
    assert built.parts is not None
    assert [virtual.name for virtual in built.parts.root.virtual] == ["demo", "demo-embedding", "demo-image"]
