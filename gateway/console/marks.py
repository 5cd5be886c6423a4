"""Changes of the configuration from the audit trail, as marks on charts. Those of prices are `costs`' to show."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q
from django.urls import reverse

from gateway.console.parts import Mark
from gateway.models import AuditEvent, Model, Organization, Provider, Route, User

MOST = 60
KINDS = {
    "model": "Model", "route": "Route", "provider": "Provider", "guardrail": "Guardrail", "budget": "Budget",
    "rate_limit": "Rate limit", "cache_policy": "Cache policy",
}  # fmt: skip
ENDINGS = {
    "create": "added", "update": "changed", "delete": "deleted", "archive": "archived", "set": "set", "close": "ended",
    "restore": "restored",
}  # fmt: skip
NAMES = ("model", "alias", "name", "slug")
_TARGETS: dict[str, tuple[type[Any], str]] = {
    "route": (Route, "alias"), "model": (Model, "name"), "provider": (Provider, "name"),
}  # fmt: skip


def configuration_changes(user: User, organization: Organization, start: datetime, end: datetime) -> list[Mark]:
    """The newest `MOST` changes, oldest first; none for people who may not read the audit trail. One query, and one
    for each kind of object whose events do not carry its name."""
    kinds = reduce(or_, (Q(verb__startswith=f"{kind}.") for kind in KINDS))
    events = AuditEvent.objects.visible_to(user).filter(kinds, organization=organization, at__gte=start, at__lt=end)
    newest = list(events.order_by("-at").only("at", "verb", "object_id", "before", "after")[:MOST])[::-1]
    names = _looked_up(user, newest)
    return [
        Mark(
            event.at,
            _words(event, names),
            reverse("admin:gateway_auditevent_change", args=[event.pk]),
        )
        for event in newest
    ]


def _words(event: AuditEvent, names: dict[str, str]) -> str:
    kind, _, verb = event.verb.partition(".")
    name = _own_name(event) or names.get(event.object_id, "")
    return " ".join(part for part in (KINDS[kind], name, ENDINGS.get(verb, verb.replace("_", " "))) if part)


def _own_name(event: AuditEvent) -> str:
    for values in (event.after, event.before):
        if isinstance(values, dict):
            found = next((values[name] for name in NAMES if isinstance(values.get(name), str) and values[name]), "")
            if found:
                return str(found)
    return ""


def _looked_up(user: User, events: Iterable[AuditEvent]) -> dict[str, str]:
    found: dict[str, str] = {}
    for kind, (model, field) in _TARGETS.items():
        ids = [each.object_id for each in events if each.verb.startswith(f"{kind}.") and not _own_name(each)]
        if ids:
            rows = model.objects.visible_to(user).filter(pk__in=ids)
            found |= {str(pk): name for pk, name in rows.values_list("pk", field)}
    return found
