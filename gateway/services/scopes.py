"""What limits and budgets are about: values that exist, and the team whose managers they concern."""

import re
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Q

from gateway.choices import LimitScope
from gateway.models import Membership, Organization, Project, Team, VirtualKey
from gateway.scopes import EACH, is_id
from gateway.services.errors import Invalid

MAX_VALUE = 200


def checked_scope(organization: Organization, scope: str, value: str) -> tuple[str, Team | None]:
    """The value as it is stored, and the team whose managers see what is about it. Raises `Invalid`."""
    if scope == LimitScope.ORGANIZATION:
        if value not in ("", str(organization.pk)):
            raise Invalid("scope_value", "The organization itself takes no value.", field="scope_value")
        return str(organization.pk), None
    if scope == LimitScope.TAG:
        if not re.fullmatch(r"[^=,]{1,120}=[^,]{1,120}", value):
            raise Invalid("scope_value", "A tag is given as name=value, or name=*.", field="scope_value")
        return value, None
    if scope in (LimitScope.END_USER, LimitScope.MODEL):
        if not 0 < len(value) <= MAX_VALUE:
            raise Invalid("scope_value", f"Give 1 to {MAX_VALUE} characters, or *.", field="scope_value")
        return value, None
    if scope not in LimitScope.values:
        raise Invalid("scope_unknown", f"The scope is one of {', '.join(LimitScope.values)}.", field="scope")
    return (EACH, None) if value == EACH else _member_of(organization, scope, value)


def _member_of(organization: Organization, scope: str, value: str) -> tuple[str, Team | None]:
    try:
        identity = UUID(value)
    except ValueError:
        raise Invalid("scope_value", f"Give the id of a {scope}, or *.", field="scope_value") from None
    found: Any
    if scope == LimitScope.TEAM:
        found = Team.objects.filter(organization=organization, pk=identity).first()
        place = (identity, found)
    elif scope == LimitScope.PROJECT:
        found = Project.objects.select_related("team").filter(organization=organization, pk=identity).first()
        place = (identity, found and found.team)
    elif scope == LimitScope.KEY:
        keys = VirtualKey.objects.select_related("project__team")
        found = keys.filter(organization=organization, pk=identity).first()
        place = (found and found.lineage, found and found.project.team)
    else:
        found = Membership.objects.filter(organization=organization, user_id=identity, archived_at=None).first()
        place = (identity, None)
    if found is None:
        raise Invalid("scope_value", f"No such {scope} in this organization.", field="scope_value")
    return str(place[0]), place[1]


def keys_of(organization: Organization, lineages: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """First key of a rotation → ids of all its keys, oldest first. One query, none without lineages."""
    wanted = set(filter(is_id, lineages))
    if not wanted:
        return {}
    found: dict[str, list[str]] = {}
    rows = VirtualKey.objects.filter(Q(pk__in=wanted) | Q(lineage_id__in=wanted), organization=organization)
    for key in rows.order_by("created_at", "id").only("id", "lineage_id"):
        found.setdefault(str(key.lineage), []).append(str(key.pk))
    return {lineage: tuple(keys) for lineage, keys in found.items()}
