"""Who gets a report, and with whose eyes each of them sees it.

A member of the organization gets what they would see in the console. Anybody else gets what the report's owner sees,
and only where an owner or administrator has switched on that the report is shared outside; else nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from analytics.reports.models import RecipientKind, Report, ReportRecipient
from gateway.models import Membership, User
from gateway.querysets import WIDE_ROLES, memberships_of

OUTSIDE = "This address belongs to no member, and the report is not shared outside."
NO_OWNER = "The report is shared outside, but its owner is no member any more."
UNSUBSCRIBED = "Unsubscribed."
DEMO = "The demo company's people are not written to."


@dataclass(frozen=True, slots=True)
class Addressee:
    """One mail to be: `reader` None where nothing may be sent, for `reason`. `view`: equal for equal eyes."""

    address: str
    user: User | None
    reader: User | None
    view: str
    seen_as: str
    reason: str = ""


def addressees(report: Report) -> list[Addressee]:
    """Each address once, in alphabetical order. Five queries at most."""
    members = _members(report)
    found: dict[str, Addressee] = {}
    for member in members.values():
        if member.user.email:
            found[member.user.email.lower()] = _of_member(member)
    for address in _outside(report, found):
        found[address.lower()] = _of_stranger(report, address)
    gone = {value.lower() for value in report.unsubscriptions.values_list("address", flat=True)}
    return [_without(found[key]) if key in gone else found[key] for key in sorted(found)]


def _members(report: Report) -> dict[Any, Membership]:
    """Memberships that the list names, by user."""
    wanted = Q(pk__in=[])
    for entry in report.recipients.all():
        match entry.kind:
            case RecipientKind.TEAM:
                wanted |= Q(team=entry.team_id)
            case RecipientKind.ROLE:
                wanted |= Q(role=entry.role)
            case RecipientKind.ADDRESS:
                wanted |= Q(user__email__iexact=entry.address)
    rows = Membership.objects.filter(
        wanted, organization=report.organization_id, archived_at=None, user__is_active=True
    ).select_related("user", "team")
    return {row.user_id: row for row in rows}


def _outside(report: Report, known: Iterable[str]) -> list[str]:
    inside = set(known)
    entries: Iterable[ReportRecipient] = report.recipients.all()
    return [entry.address for entry in entries if entry.address and entry.address.lower() not in inside]


def _of_member(member: Membership) -> Addressee:
    user, role = member.user, member.get_role_display().lower()
    if user.is_superuser or member.role in WIDE_ROLES:
        kind = "superuser" if user.is_superuser else member.role
        return Addressee(user.email, user, user, f"role:{kind}", f"Figures of the whole organization, as {role}.")
    where = f"the team {member.team.name}" if member.team and member.role == "manager" else "your own usage"
    return Addressee(user.email, user, user, f"user:{user.pk}", f"Figures that {user} sees as {role}: {where}.")


def _of_stranger(report: Report, address: str) -> Addressee:
    if not report.shares_outside:
        return Addressee(address, None, None, "", "", OUTSIDE)
    owner = report.owner
    if owner is None or not owner.is_active or not _is_member(owner, report):
        return Addressee(address, None, None, "", "", NO_OWNER)
    return Addressee(address, None, owner, "outside", f"Shared by {owner}: figures that they see.")


def _is_member(person: User, report: Report) -> bool:
    if person.is_superuser:
        return True
    return memberships_of(person).filter(organization=report.organization_id).exists()


def _without(one: Addressee) -> Addressee:
    return Addressee(one.address, one.user, None, "", "", UNSUBSCRIBED)


def view_of(user: Any, report: Report) -> tuple[str, str]:
    """The view and its words for somebody who looks at a run in the console or by the API."""
    member = memberships_of(user).filter(organization=report.organization_id).select_related("user", "team").first()
    if member is None:
        return "whole", "Figures of the whole organization."
    one = _of_member(member)
    return one.view, one.seen_as
