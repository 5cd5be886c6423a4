"""What an organization's directory does to its people: they come, change, leave and come back.

A directory speaks for its organization alone. It changes names and addresses only of accounts that it made and that
belong to nobody else; of others it gives and ends the membership. It never makes owners.
"""

from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from gateway.choices import Role
from gateway.models import Membership, Organization, ProvisionedGroup, ProvisionedPerson, Team, User
from gateway.oidc import mapping
from gateway.scim.people import Wanted
from gateway.services import accounts, audit, people, sessions, tokens
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Forbidden, Invalid

RANK = (Role.ADMIN, Role.MANAGER, Role.ANALYST, Role.DEVELOPER)
"""Of several groups with a role the first of these counts."""


@transaction.atomic
def provision_person(*, organization: Organization, actor: Actor, wanted: Wanted) -> User:
    """A person of the directory becomes a member (developer, until a group says more), with a new account or the one
    that there is. Raises `Conflict` (`already_member`, `account_exists`), `Invalid`."""
    user = _account(wanted)
    if user is None:
        user = _new_account(organization, actor, wanted)
    else:
        _check_may_take(organization, user)
    row, _ = ProvisionedPerson.objects.get_or_create(organization=organization, user=user)
    row.removed_at = None
    row.save(update_fields=["removed_at", "updated_at"])
    _activate(row, actor)
    return update_person(organization=organization, user=user, actor=actor, wanted=wanted)


@transaction.atomic
def update_person(*, organization: Organization, user: User, actor: Actor, wanted: Wanted) -> User:
    """What is said of a person holds from now on. Raises `Conflict`, `Invalid`."""
    row, _ = ProvisionedPerson.objects.get_or_create(organization=organization, user=user)
    if wanted.external_id is not None and wanted.external_id != row.external_id:
        before, row.external_id = row.external_id, wanted.external_id
        _saved(row)
        audit.record(
            organization=organization, actor=actor, verb="directory.link", target=user,
            before={"external_id": before}, after={"external_id": row.external_id}, personal=("external_id",),
        )  # fmt: skip
    if is_managed(row):
        _rename(user, actor, wanted)
    if wanted.is_active is True:
        _activate(row, actor)
    elif wanted.is_active is False:
        deactivate_person(organization=organization, user=user, actor=actor)
    return User.objects.get(pk=user.pk)


@transaction.atomic
def deactivate_person(*, organization: Organization, user: User, actor: Actor) -> None:
    """The person has left: membership and keys of the organization end, sessions and refresh tokens at once, and the
    account, if the directory made it and nobody else has a claim to it. Raises `Conflict` (`last_owner`)."""
    row, _ = ProvisionedPerson.objects.get_or_create(organization=organization, user=user)
    membership = Membership.objects.filter(organization=organization, user=user, archived_at=None).first()
    if membership is not None:
        people.remove_member(membership=membership, actor=actor, may_grant_owner=True)
    sessions.end_all(user=user)
    tokens.revoke_all(user=user)
    if is_managed(row):
        people.archive_user(user=user, actor=actor)
    if membership is not None:
        audit.record(organization=organization, actor=actor, verb="directory.deactivate", target=user)


@transaction.atomic
def remove_person(*, organization: Organization, user: User, actor: Actor) -> None:
    """Deactivated, and out of the directory's sight. Raises `Conflict` (`last_owner`)."""
    deactivate_person(organization=organization, user=user, actor=actor)
    rows = ProvisionedPerson.objects.filter(organization=organization, user=user)
    rows.update(removed_at=timezone.now(), external_id="")
    for group in ProvisionedGroup.objects.filter(organization=organization, members=user).order_by("id"):
        group.members.remove(user)
        record_members(group=group, actor=actor, removed=[user])


def is_managed(row: ProvisionedPerson) -> bool:
    """Whether the account is the directory's alone. One query at most."""
    if not row.is_managed or row.user.is_superuser or row.user.is_staff:
        return False
    elsewhere = Membership.objects.filter(user_id=row.user_id).exclude(organization_id=row.organization_id)
    return not elsewhere.exists()


def _account(wanted: Wanted) -> User | None:
    names = Q(username__iexact=wanted.user_name)
    for address in filter(None, (wanted.email, wanted.user_name)):
        names |= Q(email__iexact=address)
    found = list(User.objects.filter(names)[:2])
    if len(found) > 1:
        raise Conflict("account_exists", "User name and address belong to two accounts.")
    return found[0] if found else None


def _check_may_take(organization: Organization, user: User) -> None:
    """An account of somebody whom the organization has never seen is linked only when their domain is its own."""
    membership = Membership.objects.filter(organization=organization, user=user).first()
    removed = ProvisionedPerson.objects.filter(organization=organization, user=user, removed_at__isnull=False).exists()
    if membership is not None and not removed:
        raise Conflict("already_member", "There is a person with this user name or address already.")
    if membership is None:
        is_own = settings.OIDC is not None and mapping.organization_of(settings.OIDC, user.email) == organization.slug
        if not is_own:
            raise Conflict("account_exists", "The user name or address is in use; send an invitation.")


def _new_account(organization: Organization, actor: Actor, wanted: Wanted) -> User:
    name = wanted.user_name or ""
    email = wanted.email or (name if "@" in name else "")
    user = accounts.create_user(
        actor=actor, username=name.lower(), email=email, first_name=wanted.first_name or "",
        last_name=wanted.last_name or "",
    )  # fmt: skip
    ProvisionedPerson.objects.create(organization=organization, user=user, is_managed=True)
    return user


def _rename(user: User, actor: Actor, wanted: Wanted) -> None:
    said = {
        "username": wanted.user_name.lower() if wanted.user_name else None, "email": wanted.email,
        "first_name": wanted.first_name, "last_name": wanted.last_name,
    }  # fmt: skip
    changes: accounts.AccountFields = {name: value for name, value in said.items() if value is not None}  # type: ignore[assignment]
    accounts.update_user(user=user, actor=actor, **changes)


def _activate(row: ProvisionedPerson, actor: Actor) -> None:
    if not row.user.is_active:
        if not is_managed(row):
            raise Forbidden("account_closed", "The account was closed by the platform.")
        accounts.restore_user(user=row.user, actor=actor)
    membership = Membership.objects.filter(organization=row.organization, user=row.user).first()
    if membership is None or membership.archived_at is not None:
        people.add_member(organization=row.organization, actor=actor, user=row.user, role=Role.DEVELOPER)
        follow_groups(organization=row.organization, users=[row.user], actor=actor)


def _saved(row: ProvisionedPerson) -> None:
    try:
        with transaction.atomic():
            row.save(update_fields=["external_id", "updated_at"])
    except IntegrityError:
        raise Conflict("external_id_in_use", "The externalId belongs to another person.") from None


# ---- groups ------------------------------------------------------------------------------------------------------


def follow_groups(
    *, organization: Organization, users: Iterable[User], actor: Actor, left: ProvisionedGroup | None = None
) -> None:
    """Roles and teams of these people as their groups say; owners stay owners. What no group of theirs speaks of stays,
    but what `left`, a group they were in, gave them ends. Five queries a person."""
    for user in users:
        membership = Membership.objects.filter(organization=organization, user=user, archived_at=None).first()
        if membership is None or membership.role == Role.OWNER:
            continue
        role, team = _place(membership, user, left)
        people.change_role(membership=membership, actor=actor, role=role, team=team)


def _place(membership: Membership, user: User, left: ProvisionedGroup | None) -> tuple[str, Team | None]:
    rows = ProvisionedGroup.objects.filter(organization=membership.organization, members=user)
    groups = list(rows.select_related("team").order_by("name"))
    kept = None if left is not None and left.team_id == membership.team_id else membership.team
    team = next((group.team for group in groups if group.team and group.team.archived_at is None), kept)
    ended = left is not None and left.role == membership.role
    held = {group.role for group in groups if group.role} or ({Role.DEVELOPER} if ended else {membership.role})
    role = next((one for one in RANK if one in held and (one != Role.MANAGER or team)), Role.DEVELOPER)
    return role, team


def record_members(
    *, group: ProvisionedGroup, actor: Actor, added: Sequence[User] = (), removed: Sequence[User] = ()
) -> None:
    """Who came and went, for the trail; nothing when nobody did."""
    if added or removed:
        facts = {"added": [user.pk for user in added], "removed": [user.pk for user in removed]}
        audit.record(
            organization=group.organization, actor=actor, verb="directory_group.change_members", target=group,
            after=facts,
        )  # fmt: skip


def members_of(organization: Organization, ids: Iterable[str]) -> list[User]:
    """The people of these ids. Raises `Invalid` for one who is not the organization's."""
    wanted = set(ids)
    found = list(User.objects.filter(pk__in=wanted, memberships__organization=organization))
    if len(found) != len(wanted):
        raise Invalid("member_unknown", "A member is not a person of this organization.", field="members")
    return found
