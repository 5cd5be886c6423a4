"""What the values of a dimension are called, and the colour each has on every page of the organization."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import Q, QuerySet

from analytics.console import colors
from analytics.query.shapes import DimensionValue
from gateway.choices import LineStatus
from gateway.models import Membership, Model, Organization, Project, Provider, Team, User, VirtualKey

NONE = "(none)"
KEPT_S = 60
MOST = 500
UNSET = {"user": "No owner", "team": "No team", "route": "No route", "error_type": "No error type"}
STATUS_ORDER = ("timeout", "cancelled", "ok", "denied", "client_error", "upstream_error", "interrupted")


def value_of(value: DimensionValue) -> str:
    """A dimension's value as text, as URLs carry it."""
    return NONE if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def names(user: User, organization: Organization, dimension: str, values: Iterable[str]) -> dict[str, str]:
    """Value (text) → what people call it. At most one query; an id that is gone or hidden is shown by its start."""
    wanted = list(dict.fromkeys(values))
    found = {value: value for value in wanted} | {NONE: UNSET.get(dimension, NONE), colors.OTHER: colors.OTHER}
    if dimension == "status":
        found |= {value: label for value, label in LineStatus.choices if value in found}
    if dimension == "is_stream":
        found |= {"true": "Streamed", "false": "Not streamed"}
    rows = _rows(user, organization, dimension)
    if rows is not None:
        ids = [UUID(value) for value in wanted if _is_id(value)]
        found |= {value: value[:8] for value in wanted if _is_id(value)}
        found |= {str(pk): _name(dimension, *rest) for pk, *rest in rows.filter(pk__in=ids)} if ids else {}
    return found


def slots(organization: Organization, dimension: str, values: Iterable[str]) -> dict[str, int]:
    """Colour slots that are the same on every page of the organization: oldest first. One query a minute: only values
    that the answer already shows are looked up, so a shared list reveals nothing."""
    if dimension == "status":
        return colors.slots(values, STATUS_ORDER)
    known = _known(organization, dimension)
    if known is None:
        return colors.slots(values)
    name = f"console:slots:{dimension}:{organization.pk}"
    return colors.slots(values, cache.get_or_set(name, lambda: [str(key) for key in known[:MOST]], KEPT_S) or [])


def _known(organization: Organization, dimension: str) -> QuerySet[Any, Any] | None:
    shared = Q(organization=organization) | Q(organization=None)
    match dimension:
        case "model":
            return Model.objects.filter(shared).order_by("created_at", "id").values_list("name", flat=True)
        case "provider":
            return Provider.objects.filter(shared).order_by("created_at", "id").values_list("slug", flat=True)
        case "team" | "project" | "api_key":
            rows: QuerySet[Any] = {"team": Team, "project": Project, "api_key": VirtualKey}[dimension].objects.all()  # type: ignore[attr-defined]
            return rows.filter(organization=organization).order_by("created_at", "id").values_list("pk", flat=True)
    return None


def _rows(user: User, organization: Organization, dimension: str) -> QuerySet[Any, Any] | None:
    match dimension:
        case "organization":
            return Organization.objects.visible_to(user).values_list("pk", "name")
        case "team":
            return Team.objects.visible_to(user).values_list("pk", "name")
        case "project":
            return Project.objects.visible_to(user).values_list("pk", "name")
        case "api_key":
            return VirtualKey.objects.visible_to(user).values_list("pk", "name", "prefix")
        case "user":
            seen = Membership.objects.visible_to(user).filter(organization=organization).values("user_id")
            return User.objects.filter(pk__in=seen).values_list("pk", "first_name", "last_name", "username")
    return None


def _name(dimension: str, *parts: str) -> str:
    if dimension == "api_key":
        return f"{parts[0]} ({parts[1]}…)"
    if dimension == "user":
        return " ".join(part for part in parts[:2] if part) or parts[2]
    return parts[0]


def _is_id(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True


def chips(
    user: User, organization: Organization, filters: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[tuple[str, str], ...]]:
    """Dimension → (value, name) of the filters in force. One query per dimension of ids."""
    shown = {}
    for dimension, values in filters.items():
        called = names(user, organization, dimension, values)
        shown[dimension] = tuple((value, called[value]) for value in values)
    return shown
