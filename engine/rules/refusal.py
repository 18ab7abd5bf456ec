"""What a caller gets when nothing is left to try: one status for many reasons, in the specification's order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from engine.rules.decision import Dropped, Reason, Refusal

__all__ = ["refusal"]

_LISTED = 8
"""Reasons spelt out in the message, as many as a chain can hold."""


@dataclass(frozen=True, slots=True)
class _Told:
    status: int
    code: str
    type: str = "api_error"


_REJECTED: Final = "invalid_request_error"
_TOLD: Final[Mapping[Reason, _Told]] = MappingProxyType(
    {
        Reason.DENIED: _Told(403, "model_denied", "permission_error"),
        Reason.REQUIRE: _Told(403, "requirement_not_met", "permission_error"),
        Reason.UNCONFIGURED: _Told(503, "provider_unconfigured"),
        Reason.DISABLED: _Told(503, "provider_disabled"),
        Reason.RETIRED: _Told(404, "model_retired", _REJECTED),
        Reason.UNPRICED: _Told(503, "model_unpriced"),
        Reason.SURFACE: _Told(400, "surface_not_supported", _REJECTED),
        Reason.FEATURE: _Told(400, "feature_not_supported", _REJECTED),
        Reason.MODALITY: _Told(400, "modality_not_supported", _REJECTED),
        Reason.CONTEXT: _Told(400, "context_length_exceeded", _REJECTED),
        Reason.WISH: _Told(400, "no_wished_provider", _REJECTED),
        Reason.KEYS_RESTING: _Told(429, "rate_limited", "rate_limit_error"),
        Reason.FULL: _Told(503, "at_capacity"),
        Reason.BREAKER: _Told(503, "provider_unavailable"),
        Reason.UNOFFERED: _Told(404, "model_not_found", _REJECTED),
        Reason.CUT: _Told(503, "provider_unavailable"),
    }
)
_RANK: Final[Mapping[Reason, int]] = MappingProxyType({reason: at for at, reason in enumerate(Reason)})


def refusal(asked: str, dropped: Sequence[Dropped], now_s: float) -> Refusal:
    """Why nothing is tried for *asked*: the status of the reason that decides first, and every reason in words."""
    if not dropped:
        message = f"'{asked}' is reached only by a pin, '{asked}@<provider>': GET /v1/models lists them"
        return Refusal(status=404, code="model_not_found", message=message, type=_REJECTED)
    first = min(dropped, key=lambda one: _RANK[one.reason])
    told = _TOLD[first.reason]
    return Refusal(
        status=told.status,
        code=told.code,
        message=_message(asked, dropped),
        type=told.type,
        retry_after_s=_earliest_s(dropped, now_s) if told.status in {429, 503} else None,
        place=first.place,
    )


def _message(asked: str, dropped: Sequence[Dropped]) -> str:
    details = list(dict.fromkeys(one.detail for one in dropped))
    more = f"; and {len(details) - _LISTED} more" if len(details) > _LISTED else ""
    return f"nothing can serve '{asked}' now: {'; '.join(details[:_LISTED])}{more}"


def _earliest_s(dropped: Sequence[Dropped], now_s: float) -> float | None:
    """Seconds until the first of them could be eligible again; None when time mends none."""
    instants = [one.until_s for one in dropped if one.until_s > now_s]
    return min(instants) - now_s if instants else None
