"""How many days an organization keeps what: its policy, and what follows from it together with the installation's."""

from typing import TypedDict, Unpack
from uuid import UUID

from django.db import transaction

from gateway.models import Organization, RetentionPolicy
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.identity import check_fields

FIELDS = ("end_user_days", "export_days")


class RetentionFields(TypedDict, total=False):
    """Days; None: as the installation does, or for ever."""

    end_user_days: int | None
    export_days: int | None


def policy_of(organization: Organization) -> RetentionPolicy:
    """The organization's policy; one that says nothing where there is none (not stored)."""
    found = RetentionPolicy.objects.filter(organization=organization).first()
    return found or RetentionPolicy(organization=organization)


@transaction.atomic
def set_retention(*, organization: Organization, actor: Actor, **fields: Unpack[RetentionFields]) -> RetentionPolicy:
    """Change what is named. Raises `Invalid`."""
    Organization.objects.select_for_update(of=("self",)).get(pk=organization.pk)
    policy = policy_of(organization)
    before, after = audit.differences({name: getattr(policy, name) for name in FIELDS}, dict(fields))
    for name, value in after.items():
        setattr(policy, name, value)
    check_fields(policy, *FIELDS)
    policy.save()
    if after:
        audit.record(organization=organization, actor=actor, verb="retention.update", target=policy,
                     before=before, after=after)  # fmt: skip
    return policy


def days_of(organization: UUID, name: str, installation: int) -> int:
    """The shorter of the organization's and the installation's days."""
    own = RetentionPolicy.objects.filter(organization=organization).values_list(name, flat=True).first()
    return min(installation, own) if own is not None else installation
