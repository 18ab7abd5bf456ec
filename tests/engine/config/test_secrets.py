from collections.abc import Callable

from engine.config.build import Built
from engine.config.secrets import needs
from engine.values import SecretRef

GAMMA = """
id: gamma
protocol: openai
base_url: "https://${env:GAMMA_HOST}/v1"
auth: {scheme: bearer, keys: {main: {secret: "${env:GAMMA_KEY}"}}}
headers: {X-Host: "${env:GAMMA_HOST}"}
%smodels: {a/b: {price: free}}
"""
PIN = "aliases: {ab: a/b@gamma}\n"


def _needs(result: Built) -> dict[tuple[str, str], SecretRef]:
    assert result.parts is not None
    return {(need.provider, need.key): need.secret for need in needs(result.parts)}


def test_providers_in_order_need_their_keys(built: Callable[..., Built]) -> None:
    """Every provider of defaults.providers needs each of its keys, at the key's own place."""
    result = built()
    assert _needs(result) == {
        ("alpha", "main"): SecretRef("env", "ALPHA_API_KEY"),
        ("beta", "main"): SecretRef("file", "/run/secrets/beta"),
    }
    assert result.parts is not None
    assert str(needs(result.parts)[0].place) == "providers.d/alpha.yaml:8:11"


def test_a_provider_that_no_name_reaches_needs_nothing(built: Callable[..., Built]) -> None:
    """Adding a file moves no traffic, so that it asks for no secret either."""
    assert "gamma" not in {provider for provider, _ in _needs(built({"providers.d/gamma.yaml": GAMMA % ""}))}


def test_a_pin_reaches(built: Callable[..., Built]) -> None:
    """A pin in an alias, pool or rule makes a provider needed, with the references beside its keys, each once."""
    for routes in (
        PIN,
        'aliases: {"ab/*": "a/*@gamma"}\n',
        "models: {ab: {targets: [openai/gpt-4o], fallback_for: {timeout: [a/b@gamma]}}}\n",
        "routes: [{name: ab, match: {model: a/b}, to: a/b@gamma}]\n",
    ):
        found = _needs(built({"providers.d/gamma.yaml": GAMMA % "", "routes.d/a.yaml": routes}))
        assert found["gamma", "main"] == SecretRef("env", "GAMMA_KEY")
        assert found["gamma", ""] == SecretRef("env", "GAMMA_HOST")


def test_optional_is_said_and_disabled_needs_nothing(built: Callable[..., Built]) -> None:
    """An optional provider's needs are marked; a disabled one has none."""
    result = built({"providers.d/gamma.yaml": GAMMA % "optional: true\n", "routes.d/a.yaml": PIN})
    assert result.parts is not None
    assert {need.provider for need in needs(result.parts) if need.optional} == {"gamma"}
    result = built({"providers.d/gamma.yaml": GAMMA % "disabled: not yet\n", "routes.d/a.yaml": PIN})
    assert "gamma" not in {provider for provider, _ in _needs(result)}


SIGNED = """
id: gamma
protocol: openai
base_url: https://gamma.example
auth:
  scheme: aws-sigv4
  region: us-east-1
  service: bedrock
  keys: {main: {id: "${env:ID}", secret: "${env:SECRET}", session: "${env:SESSION}"}}
models: {a/b: {price: free}}
"""


def test_every_part_of_a_key_is_needed(built: Callable[..., Built]) -> None:
    """A key of several parts needs each of them, named by the word it is written under."""
    result = built({"providers.d/gamma.yaml": SIGNED, "routes.d/a.yaml": PIN})
    assert result.parts is not None
    parts = [(need.part, need.secret.name) for need in needs(result.parts) if need.provider == "gamma"]
    assert parts == [("id", "ID"), ("secret", "SECRET"), ("session", "SESSION")]
