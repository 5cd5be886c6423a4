"""Names that people know for the ids in dimensions: slugs, key prefixes, user names."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet

from gateway.models import Organization, Project, Team, User, VirtualKey


def _names(
    dimension: str,
) -> QuerySet[Organization] | QuerySet[Team] | QuerySet[Project] | QuerySet[VirtualKey] | QuerySet[User]:
    match dimension:
        case "organization":
            return Organization.objects.all()
        case "team":
            return Team.objects.all()
        case "project":
            return Project.objects.all()
        case "api_key":
            return VirtualKey.objects.all()
    return User.objects.all()


FIELDS = {"organization": "slug", "team": "slug", "project": "slug", "api_key": "prefix", "user": "username"}


def labels(dimension: str, values: Iterable[object]) -> dict[str, str]:
    """Id (text) → name for the ids that still exist; empty for dimensions that are not ids. One query."""
    if dimension not in FIELDS:
        return {}
    ids = []
    for value in values:
        try:
            ids.append(UUID(str(value)))
        except ValueError:
            continue
    rows = _names(dimension).filter(pk__in=ids).values_list("pk", FIELDS[dimension])
    return {str(pk): str(name) for pk, name in rows}
