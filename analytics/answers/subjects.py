"""Whom and what an answer is about: people and models that exist for the one who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from analytics.query import Filter
from gateway.models import Membership, Model, Organization, User, VirtualKey


@dataclass(frozen=True, slots=True)
class Subject:
    """A person or a model; `filters` narrow a question to it. `id` is None for a model that is not in the catalogue."""

    id: UUID | None
    name: str
    filters: tuple[Filter, ...]


def person(user: Any, organization: Organization, named: str) -> Subject | None:
    """Somebody by id whose membership or key `user` sees, former members included; None for everybody else, and for
    what is no id. One query."""
    try:
        identity = UUID(named)
    except ValueError:
        return None
    memberships = Membership.objects.visible_to(user).filter(organization=organization, user_id=OuterRef("pk"))
    keys = VirtualKey.objects.visible_to(user).filter(organization=organization, user_id=OuterRef("pk"))
    found = User.objects.filter(Exists(memberships) | Exists(keys), pk=identity).first()
    if found is None:
        return None
    return Subject(found.pk, found.get_username(), (Filter("user", "eq", (found.pk,)),))


def model(user: Any, organization: Organization, named: str) -> Subject | None:
    """A model of the catalogue by its id; else whatever the ledger calls so. None for an id out of sight."""
    try:
        identity = UUID(named)
    except ValueError:
        return Subject(None, named, (Filter("model", "eq", (named,)),))
    own = Q(organization=organization) | Q(organization=None)
    found = Model.objects.visible_to(user).filter(own, pk=identity).select_related("provider").first()
    if found is None:
        return None
    filters = (Filter("model", "eq", (found.name,)), Filter("provider", "eq", (found.provider.slug,)))
    return Subject(found.pk, found.name, filters)
