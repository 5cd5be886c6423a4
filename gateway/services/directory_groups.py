"""Groups of a directory: each stands for a team or for a role, and its members follow it."""

import re
from collections.abc import Iterable, Mapping

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.text import slugify

from gateway.models import Organization, ProvisionedGroup, Team, User
from gateway.services import audit, identity
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Forbidden
from gateway.services.identity import lock
from gateway.services.provisioning import follow_groups, record_members

Facts = Mapping[str, object]

_ROLE_NAME = re.compile(r"(?:llm[- ])?gateway[- ](owner|admin|manager|analyst|developer)s?", re.IGNORECASE)


def role_of(name: str) -> str:
    """The role that a group of this name gives: `Gateway admins`, `gateway-analyst`; empty: it is a team. Raises
    `Forbidden` for owners, who are made by owners."""
    found = _ROLE_NAME.fullmatch(name.strip())
    role = found[1].lower() if found else ""
    if role == "owner":
        raise Forbidden("owner_required", "Owners are made by owners, not by a directory.")
    return role


@transaction.atomic
def create_group(
    *, organization: Organization, actor: Actor, name: str, external_id: str = "", members: Iterable[User] = ()
) -> ProvisionedGroup:
    """A role by its name, else the team of that name, which is made when there is none. Raises `Conflict`."""
    role = role_of(name)
    team = None if role else _team(organization, actor, name)
    try:
        with transaction.atomic():
            group = ProvisionedGroup.objects.create(
                organization=organization, name=name, external_id=external_id, team=team, role=role
            )
    except IntegrityError:
        raise Conflict("group_exists", "There is a group with this name.") from None
    facts = {"name": name, "role": role, "team": team and team.pk, "external_id": external_id}
    _audit(group, actor, "directory_group.create", None, facts)
    return change_members(group=group, actor=actor, added=members)


@transaction.atomic
def update_group(
    *, group: ProvisionedGroup, actor: Actor, name: str | None = None, external_id: str | None = None
) -> ProvisionedGroup:
    """Rename; a team is renamed with it. Raises `Conflict`: the name is another group's, or a group would change from
    a team to a role."""
    locked: ProvisionedGroup = lock(group)
    before = _facts(locked)
    if name is not None and name != locked.name:
        if role_of(name) != locked.role:
            raise Conflict("group_kind", "A group that is a team cannot become a role, nor the other way round.")
        if locked.team is not None:
            identity.update_team(team=locked.team, actor=actor, name=name)
        locked.name = name
    locked.external_id = locked.external_id if external_id is None else external_id
    old, new = audit.differences(before, _facts(locked))
    if not new:
        return locked
    try:
        with transaction.atomic():
            locked.save(update_fields=["name", "external_id", "updated_at"])
    except IntegrityError:
        raise Conflict("group_exists", "There is a group with this name.") from None
    _audit(locked, actor, "directory_group.update", old, new)
    return locked


@transaction.atomic
def change_members(
    *, group: ProvisionedGroup, actor: Actor, added: Iterable[User] = (), removed: Iterable[User] = ()
) -> ProvisionedGroup:
    """Members come and go, and with them roles and teams."""
    locked: ProvisionedGroup = lock(group)
    coming, going = list(added), list(removed)
    locked.members.remove(*going)
    locked.members.add(*coming)
    record_members(group=locked, actor=actor, added=coming, removed=going)
    follow_groups(organization=locked.organization, users=coming, actor=actor)
    follow_groups(organization=locked.organization, users=going, actor=actor, left=locked)
    return locked


@transaction.atomic
def delete_group(*, group: ProvisionedGroup, actor: Actor) -> None:
    """Its members lose what it gave; its team stays, since projects may belong to it."""
    locked: ProvisionedGroup = lock(group)
    organization, members = locked.organization, list(locked.members.all())
    _audit(locked, actor, "directory_group.delete", None, None)
    locked.members.clear()
    follow_groups(organization=organization, users=members, actor=actor, left=locked)
    locked.delete()


def _team(organization: Organization, actor: Actor, name: str) -> Team:
    slug = slugify(name)[:60].strip("-")
    if not slug:
        raise Conflict("group_name", "A team needs a name with letters or digits.")
    rows = Team.objects.active().filter(organization=organization)
    found = rows.filter(Q(slug=slug) | Q(name__iexact=name)).first()
    return found or identity.create_team(organization=organization, actor=actor, slug=slug, name=name)


def _facts(group: ProvisionedGroup) -> dict[str, str]:
    return {"name": group.name, "external_id": group.external_id}


def _audit(group: ProvisionedGroup, actor: Actor, verb: str, before: Facts | None, after: Facts | None) -> None:
    audit.record(organization=group.organization, actor=actor, verb=verb, target=group, before=before, after=after)
