"""Names for the ids in dimensions: handles for data (slugs, key prefixes, user names), and for sentences what people
called them."""

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


SPOKEN = {
    "organization": ("name",), "team": ("name",), "project": ("name",), "api_key": ("name", "prefix"),
    "user": ("first_name", "last_name", "username"),
}  # fmt: skip
MOST_LETTERS = 80


def labels(dimension: str, values: Iterable[object]) -> dict[str, str]:
    """Id (text) → name for the ids that still exist; empty for dimensions that are not ids. One query."""
    if dimension not in FIELDS:
        return {}
    rows = _names(dimension).filter(pk__in=_ids(values)).values_list("pk", FIELDS[dimension])
    return {str(pk): str(name) for pk, name in rows}


def spoken(dimension: str, values: Iterable[object]) -> dict[str, str]:
    """As `labels`, with the names that people gave, at most `MOST_LETTERS` long: `Customer Support`, `Ada Lovelace`; a
    key's with its prefix, `Nightly jobs (gw-233fe545)`, since names of keys repeat. One query."""
    if dimension not in SPOKEN:
        return {}
    rows = _names(dimension).filter(pk__in=_ids(values)).values_list("pk", *SPOKEN[dimension])
    return {str(pk): _spoken(dimension, *map(str, parts)) for pk, *parts in rows}


def _spoken(dimension: str, *parts: str) -> str:
    if dimension == "api_key":
        return f"{parts[0][:MOST_LETTERS]} ({parts[1]})"
    if dimension == "user":
        return (" ".join(filter(None, parts[:2])) or parts[2])[:MOST_LETTERS]
    return parts[0][:MOST_LETTERS]


def _ids(values: Iterable[object]) -> list[UUID]:
    ids = []
    for value in values:
        try:
            ids.append(UUID(str(value)))
        except ValueError:
            continue
    return ids
