"""Who gets a report, and with whose eyes each of them sees it.

A member of the organization gets what they would see in the console. Anybody else gets what the report's owner sees,
and only where an owner or administrator has switched on that the report is shared outside; else nothing.
Sections of a team's own figures are about the report's team, else that of who gets it, else all that they see.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db.models import Q

from analytics.reports.models import RecipientKind, Report, ReportRecipient
from gateway.models import Membership, Team, User
from gateway.querysets import WIDE_ROLES, memberships_of

OUTSIDE = "This address belongs to no member, and the report is not shared outside."
NO_OWNER = "The report is shared outside, but its owner is no member any more."
UNSUBSCRIBED = "Unsubscribed."
DEMO = "The demo company's people are not written to."


@dataclass(frozen=True, slots=True)
class Addressee:
    """One mail to be: `reader` None where nothing may be sent, for `reason`. `view`: equal for equal eyes. `team`: what
    sections of a team's own figures are about."""

    address: str
    user: User | None
    reader: User | None
    view: str
    seen_as: str
    reason: str = ""
    team: UUID | None = None


def addressees(report: Report) -> list[Addressee]:
    """Each address once, in alphabetical order. Five queries at most."""
    members = _members(report)
    found: dict[str, Addressee] = {}
    for member in members.values():
        if member.user.email:
            found[member.user.email.lower()] = _of_member(report, member)
    for address in _outside(report, found):
        found[address.lower()] = _of_stranger(report, address)
    gone = {value.lower() for value in report.unsubscriptions.values_list("address", flat=True)}
    return [_without(found[key]) if key in gone else found[key] for key in sorted(found)]


def addressee_of(report: Report, address: str) -> Addressee | None:
    """The same of one address as it is now; None when the list does not name it."""
    return next((one for one in addressees(report) if one.address.lower() == address.lower()), None)


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


def _of_member(report: Report, member: Membership) -> Addressee:
    user, role = member.user, member.get_role_display().lower()
    team = _team_for(report, member)
    if user.is_superuser or member.role in WIDE_ROLES:
        kind = "superuser" if user.is_superuser else member.role
        view, seen_as = f"role:{kind}", f"Figures of the whole organization, as {role}."
        if team is not None:
            view, seen_as = f"{view}:team:{team.pk}", _of_team(report, team, f"the whole organization, as {role}")
    else:
        where = f"the team {member.team.name}" if member.team and member.role == "manager" else "your own usage"
        view = f"user:{user.pk}:{member.role}:{member.team_id or '-'}"  # another role or team is other eyes
        seen_as = f"Figures that {user} sees as {role}: {where}."
    return Addressee(user.email, user, user, view, seen_as, team=team.pk if team else None)


def is_of_teams(report: Report) -> bool:
    """Whether a section is about a team's own figures."""
    return any(section.get("own_team") for section in report.sections)


def _team_for(report: Report, member: Membership | None) -> Team | None:
    if not is_of_teams(report):
        return None
    return report.team or (member.team if member is not None else None)


def _of_team(report: Report, team: Team, else_of: str) -> str:
    if all(section.get("own_team") for section in report.sections):
        return f"Figures of the team {team.name}."
    return f"Figures of {else_of}; where a section is about a team, of {team.name}."


def _of_stranger(report: Report, address: str) -> Addressee:
    if not report.shares_outside:
        return Addressee(address, None, None, "", "", OUTSIDE)
    owner = report.owner
    member = _membership(owner, report) if owner is not None and owner.is_active else None
    if owner is None or not owner.is_active or (member is None and not owner.is_superuser):
        return Addressee(address, None, None, "", "", NO_OWNER)
    team = _team_for(report, member)
    about = f" Of the team {team.name} alone where a section is about a team." if team else ""
    said = f"Shared by {owner}: figures that they see.{about}"
    eyes = _of_member(report, member) if member is not None else _of_platform(report, owner)
    return Addressee(address, None, owner, f"outside:{eyes.view}", said, team=team.pk if team else None)


def _membership(person: Any, report: Report) -> Membership | None:
    found = memberships_of(person).filter(organization=report.organization_id)
    one: Membership | None = found.select_related("user", "team").first()
    return one


def _without(one: Addressee) -> Addressee:
    return Addressee(one.address, one.user, None, "", "", UNSUBSCRIBED)


def reader_of(user: Any, report: Report) -> Addressee:
    """Somebody who looks at a run in the console or by the API; without an address."""
    member = _membership(user, report)
    if member is not None:
        return replace(_of_member(report, member), address="", user=None)
    return _of_platform(report, user)


def _of_platform(report: Report, user: Any) -> Addressee:
    """Who sees every organization and is a member of none."""
    team = _team_for(report, None)
    if team is None:
        return Addressee("", None, user, "whole", "Figures of the whole organization.")
    seen_as = _of_team(report, team, "the whole organization")
    return Addressee("", None, user, f"whole:team:{team.pk}", seen_as, team=team.pk)
