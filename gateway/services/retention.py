"""How many days an organization keeps what: its policy, and what follows from it together with the installation's."""

from typing import TypedDict, Unpack
from uuid import UUID

from django.conf import settings
from django.db import transaction

from gateway.models import Organization, RetentionPolicy
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Invalid
from gateway.services.identity import check_fields

FIELDS = ("end_user_days", "export_days")
NIGHTS = 7
"""Days between a name's erasure falling due and its last line leaving the ledger: only so many are erased a night."""


class RetentionFields(TypedDict, total=False):
    """Days; None: as the installation does, or for ever."""

    end_user_days: int | None
    export_days: int | None


def policy_of(organization: Organization) -> RetentionPolicy:
    """The organization's policy; one that says nothing where there is none (not stored)."""
    found = RetentionPolicy.objects.filter(organization=organization).first()
    return found or RetentionPolicy(organization=organization)


def most_end_user_days() -> int | None:
    """How long names of end users may be kept at most; None: as long as one likes. Who was not seen for long is looked
    for in the ledger, where somebody whose last line has left is not found any more."""
    kept = settings.LEDGER_RETENTION_DAYS
    return max(kept - NIGHTS, kept // 2) if kept > 0 else None


@transaction.atomic
def set_retention(*, organization: Organization, actor: Actor, **fields: Unpack[RetentionFields]) -> RetentionPolicy:
    """Change what is named. Raises `Invalid`."""
    Organization.objects.select_for_update(of=("self",)).get(pk=organization.pk)
    policy = policy_of(organization)
    before, after = audit.differences({name: getattr(policy, name) for name in FIELDS}, dict(fields))
    for name, value in after.items():
        setattr(policy, name, value)
    check_fields(policy, *FIELDS)
    if after.get("end_user_days") is not None:
        _check_end_user_days(after["end_user_days"])
    policy.save()
    if after:
        audit.record(organization=organization, actor=actor, verb="retention.update", target=policy,
                     before=before, after=after)  # fmt: skip
    return policy


def _check_end_user_days(days: int) -> None:
    most = most_end_user_days()
    if most is not None and days > most:
        message = (
            f"Lines stay in the ledger for {settings.LEDGER_RETENTION_DAYS} days, and names are looked for there: one "
            f"whose last line has left would never be erased. Choose {most} days at most, or have "
            "LEDGER_RETENTION_DAYS raised."
        )
        raise Invalid("end_user_days_too_many", message, field="end_user_days")


def days_of(organization: UUID, name: str, installation: int) -> int:
    """The shorter of the organization's and the installation's days."""
    own = RetentionPolicy.objects.filter(organization=organization).values_list(name, flat=True).first()
    return min(installation, own) if own is not None else installation
