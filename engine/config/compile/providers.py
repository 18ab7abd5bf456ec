"""A provider file → `Provider`; and a model's own copy of it, where the model overrides a part.

One table says which key of the file makes which fields, so that an override is the same code over merged values.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from engine.config import scalars
from engine.config.compile.bounds import fact
from engine.config.compile.templates import template
from engine.config.compile.texts import condition, edit
from engine.config.placed import Placed, merged
from engine.config.report import Report
from engine.errors import OutcomeKind, PatternInvalid
from engine.expr.regex import Regex
from engine.health import BreakerSettings
from engine.limits.bucket import Rate
from engine.rules.program import (
    Auth,
    Connections,
    ErrorRule,
    Key,
    Provider,
    ProviderLimits,
    Quirk,
    Scheme,
    Timeouts,
    WhenFull,
)
from engine.values import ProviderId, Surface
from engine.wire.dialect import Dialect

__all__ = ["OVERRIDABLE", "overridden", "provider"]

Fields = dict[str, Any]
"""Keyword arguments of `Provider`."""

AUTHORITY: Final = "https://login.microsoftonline.com"
"""Azure AD of the public cloud; the schema says so under `x-absent`."""
SCOPES: Final = {
    Scheme.GCP: "https://www.googleapis.com/auth/cloud-platform",
    Scheme.AZURE_AD: "https://cognitiveservices.azure.com/.default",
}
"""What a token is for unless the file says: whatever the account may do at Google, models at Azure."""


def provider(at: Placed, report: Report) -> Provider:
    """The provider that a file declares."""
    fields: Fields = {}
    for key, compiled in PARTS.items():
        if key in at:
            fields |= compiled(at[key], report)
    return Provider(
        id=ProviderId(at["id"].value),
        name=_text(at, "name") or at["id"].value,
        protocol=at["protocol"].value,
        base_url=_text(at, "base_url").rstrip("/"),
        optional=at["optional"].value,
        disabled=at["disabled"].value,
        place=at.place,
        **fields,
    )


def overridden(base: Provider, at: Placed, model: Placed, report: Report) -> Provider:
    """*base* as the model wants it, or *base* itself. Mappings merge with the provider's at *at*, lists replace."""
    fields: Fields = {}
    for key in OVERRIDABLE:
        if model.value.get(key):
            own = model[key]
            # What is wrong with the provider's own may contradict the model's; that says nothing of either.
            told = report if at.is_whole(key) else Report()
            fields |= PARTS[key](own.with_value(merged(_inherited(key, at.value[key], own.value), own.value)), told)
    return replace(base, **fields) if fields else base


def _inherited(key: str, base: Any, own: Any) -> Any:
    """What a model takes over of its provider's *base*: of headers not those that it names itself, in any case."""
    if key != "headers":
        return base
    named = {name.lower() for name in own}
    return {name: value for name, value in base.items() if name.lower() not in named}


def _auth(at: Placed, report: Report) -> Fields:
    del report
    scheme = Scheme(at["scheme"].value)
    keys = tuple(_key(label, key) for label, key in at["keys"].items()) if "keys" in at else ()
    auth = Auth(
        scheme=scheme,
        name=_text(at, "name"),
        prefix=_text(at, "prefix"),
        keys=keys,
        region=_text(at, "region"),
        service=_text(at, "service"),
        tenant=_text(at, "tenant"),
        authority=(_text(at, "authority") or AUTHORITY).rstrip("/") if scheme is Scheme.AZURE_AD else "",
        scope=_text(at, "scope") or SCOPES.get(scheme, ""),
        metadata="metadata" in at and at["metadata"].value,
    )
    return {"auth": auth}


def _key(label: str, at: Placed) -> Key:
    return Key(
        label=label,
        secret=scalars.reference(at["secret"].value),
        id=scalars.reference(at["id"].value) if "id" in at else None,
        session=scalars.reference(at["session"].value) if "session" in at else None,
        weight=at["weight"].value,
        place=at.place,
    )


def _text(at: Placed, key: str) -> str:
    return str(at[key].value) if key in at else ""


def _paths(at: Placed, report: Report) -> Fields:
    del report
    return {"paths": MappingProxyType({Surface(surface): path for surface, path in at.value.items()})}


def _dialect(at: Placed, report: Report) -> Fields:
    del report
    return {"dialect": Dialect(**at.value)}


def _template(at: Placed, report: Report) -> Fields:
    return {"template": template(at, report)}


def _headers(at: Placed, report: Report) -> Fields:
    del report
    return {"headers": tuple(at.value.items())}


def _query(at: Placed, report: Report) -> Fields:
    del report
    return {"query": tuple(at.value.items())}


def _forward_headers(at: Placed, report: Report) -> Fields:
    del report
    return {"forward_headers": frozenset(name.lower() for name in at.value)}


def _timeouts(at: Placed, report: Report) -> Fields:
    seconds = {f"{phase}_s": scalars.duration_s(text) for phase, text in at.value.items()}
    timeouts = Timeouts(**seconds)
    longest = max(("connect", "first_token", "between_tokens"), key=lambda phase: seconds[f"{phase}_s"])
    if timeouts.total_s < seconds[f"{longest}_s"] and at.is_whole():
        message = f"total '{at['total'].value}' is less than {longest} '{at[longest].value}'"
        related = ((longest, at[longest].place),)
        report.error("timeouts-contradict", at["total"], message, hint="raise total", related=related)
    return {"timeouts": timeouts}


def _connections(at: Placed, report: Report) -> Fields:
    del report
    keepalive_s = scalars.duration_s(at["keepalive"].value)
    return {"connections": Connections(max=at["max"].value, keepalive_s=keepalive_s)}


def _limits(at: Placed, report: Report) -> Fields:
    del report
    concurrency = scalars.count(at["concurrency"].value) if "concurrency" in at else None
    limits = ProviderLimits(requests=_rate(at, "requests"), tokens=_rate(at, "tokens"), concurrency=concurrency)
    return {"limits": limits}


def _rate(at: Placed, key: str) -> Rate | None:
    if key not in at:
        return None
    count, per_s = scalars.rate(at[key].value)
    return Rate(count=count, per_s=per_s, burst=count)


def _when_full(at: Placed, report: Report) -> Fields:
    del report
    return {"when_full": WhenFull(wait_s=scalars.duration_s(at["wait"].value), then=at["then"].value)}


def _health(at: Placed, report: Report) -> Fields:
    del report
    breaker = at["breaker"].value
    settings = BreakerSettings(
        failures=breaker["failures"],
        failure_rate=float(scalars.percent(breaker["failure_rate"])),
        min_requests=breaker["min_requests"],
        within_s=scalars.duration_s(breaker["within"]),
        open_for_s=scalars.duration_s(breaker["open_for"]),
        half_open_requests=breaker["half_open_requests"],
    )
    return {"breaker": settings}


def _data(at: Placed, report: Report) -> Fields:
    del report
    return {"data": MappingProxyType({name: fact(name, value) for name, value in at.items()})}


def _discount(at: Placed, report: Report) -> Fields:
    del report
    return {"discount": scalars.percent(at.value)}


def _quirks(at: Placed, report: Report) -> Fields:
    return {"quirks": tuple(_quirk(quirk, report) for quirk in at.each())}


def _quirk(at: Placed, report: Report) -> Quirk:
    return Quirk(
        edit=edit(at["request"]),
        place=at.place,
        why=_text(at, "why"),
        when=condition(at.get("when"), report, quirk=True),
        unless=condition(at.get("unless"), report, quirk=True),
    )


def _errors(at: Placed, report: Report) -> Fields:
    return {"errors": tuple(_error(rule, report) for rule in at.each())}


def _error(at: Placed, report: Report) -> ErrorRule:
    status = at["status"].value if "status" in at else None
    body = _regex(at["body"], report) if "body" in at else None
    return ErrorRule(kind=OutcomeKind(at["is"].value), place=at.place, status=status, body=body)


def _regex(at: Placed, report: Report) -> Regex | None:
    """The pattern; None when it cannot be one, which is reported."""
    try:
        return Regex(at.value)
    except PatternInvalid as exc:
        report.flaws(at, exc)
        return None


def _transport(at: Placed, report: Report) -> Fields:
    del report
    return {"transport": at.value}


def _allow_private(at: Placed, report: Report) -> Fields:
    del report
    return {"allow_private": tuple(scalars.network(text) for text in at.value)}


def _tls(at: Placed, report: Report) -> Fields:
    del report
    return {"ca_file": at["ca"].value if "ca" in at else None}


Compiled = Callable[[Placed, Report], Fields]

PARTS: Final[Mapping[str, Compiled]] = {
    "auth": _auth,
    "paths": _paths,
    "dialect": _dialect,
    "template": _template,
    "headers": _headers,
    "query": _query,
    "forward_headers": _forward_headers,
    "timeouts": _timeouts,
    "connections": _connections,
    "limits": _limits,
    "when_full": _when_full,
    "health": _health,
    "data": _data,
    "discount": _discount,
    "quirks": _quirks,
    "errors": _errors,
    "transport": _transport,
    "allow_private": _allow_private,
    "tls": _tls,
}
"""Key of the file → the fields of `Provider` that are made of it."""

OVERRIDABLE: Final = ("paths", "dialect", "headers", "query", "timeouts", "data", "discount")
"""Keys that a model may set for itself; the schema has no others there."""
