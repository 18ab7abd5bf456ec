"""What is known of the world while a request is decided: read by the rules, kept by someone else."""

from typing import Protocol

from engine.rules.program import Offer, Provider

__all__ = ["Live"]


class Live(Protocol):
    """The living state that decisions read. Instants are monotonic seconds, the same clock as `now_s`."""

    epoch: int
    """Changes whenever answers of `configured` may have changed."""

    def configured(self, provider: Provider) -> bool:
        """Whether the provider has the secrets it needs (or needs none)."""
        ...

    def is_calm(self, offer: Offer, now_s: float) -> bool:
        """Whether nothing at all stands against the offer: configured, a key awake, no limit, breakers not open.

        The quick question before the three below; False is always a safe answer.
        """
        ...

    def blocked_until_s(self, offer: Offer, now_s: float) -> float:
        """When the breakers of this offer let the next request through; 0.0 when they do now."""
        ...

    def rests_until_s(self, offer: Offer, key_label: str) -> float:
        """Until when a key rests, for all models or this one; 0.0 (or an instant in the past) when it does not."""
        ...

    def full_until_s(self, offer: Offer, now_s: float) -> float:
        """When our own limit at the provider has room again, at the earliest; 0.0 when it has now."""
        ...

    def expected_output_tokens(self, offer: Offer) -> float | None:
        """Decayed mean of output tokens of this offer's model, at all its providers; None before the first answer."""
        ...

    def turn(self, pool: str) -> int:
        """The round-robin turn of a pool (virtual model or rule name): rises by one with each request."""
        ...

    def may_retry(self, now_s: float) -> bool:
        """Whether the retry budget allows one more attempt of the same offer (20 % of the requests, at least 3).

        Asked once for each retry, just before it is made: a yes is counted as that attempt.
        """
        ...
