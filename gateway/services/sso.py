"""From an identity at the OpenID provider to a person here.

The pair of issuer and subject is the identity. An address links it to an account once, and only when the provider
verified it, its domain is listed, and the account is an ordinary member's: nobody takes an account over by an address.
"""

from typing import NamedTuple

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from gateway.choices import Role
from gateway.models import ExternalIdentity, Membership, Organization, Team, User
from gateway.oidc import mapping
from gateway.oidc.claims import Identity
from gateway.oidc.configuration import Grant, Oidc
from gateway.services import audit, people
from gateway.services.errors import Conflict, Forbidden, ServiceError

log = structlog.get_logger(__name__)


class _Place(NamedTuple):
    """Where an address belongs."""

    organization: Organization
    grant: Grant | None


@transaction.atomic
def person_of(*, identity: Identity) -> User:
    """The person who signs in; made, linked, and given the role that their claims say, where the settings allow it.
    Raises `Forbidden` with what people may know."""
    oidc: Oidc | None = settings.OIDC
    assert oidc is not None  # nothing else makes identities
    known = _known(identity)
    person = known.user if known is not None else _first_time(oidc, identity)
    if not person.is_active:
        raise _refused("sso_account_closed", "Your account is closed.")
    if known is not None:
        ExternalIdentity.objects.filter(pk=known.pk).update(last_used_at=timezone.now())
    _follow_claims(oidc, person, identity)
    return person


def _first_time(oidc: Oidc, identity: Identity) -> User:
    """The account with the verified address, or a new one; linked from now on."""
    place = _place_of(oidc, identity)
    person = people.person_by_email(identity.email)
    if person is None:
        person = _new_person(identity, place)
    else:
        _check_linkable(person, place)
    _link(person, identity)
    return person


@transaction.atomic
def connect(*, user: User, identity: Identity) -> None:
    """Link an identity to the person who is signed in and has confirmed it. Raises `Conflict`."""
    known = _known(identity)
    if known is not None and known.user_id != user.pk:
        raise Conflict("sso_identity_taken", "This identity belongs to another account.")
    if known is None:
        _link(user, identity)


def is_identity_of(*, user: User, identity: Identity) -> bool:
    """Whether the identity is this person's. One query."""
    rows = ExternalIdentity.objects.filter(user=user, issuer=identity.issuer, subject=identity.subject)
    return bool(rows.exists())


def has_identity(user: User) -> bool:
    """Whether the person can prove themselves at the configured provider. One query at most."""
    oidc: Oidc | None = settings.OIDC
    return oidc is not None and ExternalIdentity.objects.filter(user=user, issuer=oidc.issuer).exists()


def _known(identity: Identity) -> ExternalIdentity | None:
    rows = ExternalIdentity.objects.select_related("user")
    return rows.filter(issuer=identity.issuer, subject=identity.subject).first()


def _place_of(oidc: Oidc, identity: Identity) -> _Place:
    if not identity.email or not identity.is_verified:
        raise _refused("sso_email_unverified", "The provider does not say that your e-mail address is verified.")
    slug = mapping.organization_of(oidc, identity.email)
    organization = Organization.objects.active().filter(slug=slug).first() if slug else None
    if organization is None:
        raise _refused("sso_domain_unknown", "Your e-mail domain does not belong to an organization here.")
    return _Place(organization, mapping.grant_of(oidc, identity.claims) or oidc.default)


def _check_linkable(person: User, place: _Place) -> None:
    if not person.is_active:
        raise _refused("sso_account_closed", "Your account is closed.")
    if ExternalIdentity.objects.filter(user=person).exists():
        raise _refused("sso_identity_differs", "This address belongs to an account with another identity.")
    is_member = Membership.objects.filter(user=person, organization=place.organization, archived_at=None).exists()
    if person.is_superuser or not is_member:
        raise _refused(
            "sso_link_first", "Sign in with your password and connect single sign-on on the page “Your account”."
        )


def _new_person(identity: Identity, place: _Place) -> User:
    if place.grant is None:
        raise _refused("sso_not_invited", "You have no account yet; ask an administrator for an invitation.")
    person = User(
        username=identity.email.lower(), email=identity.email, first_name=identity.first_name,
        last_name=identity.last_name,
    )  # fmt: skip
    person.set_unusable_password()
    try:
        with transaction.atomic():
            person.save(force_insert=True)
    except IntegrityError:
        raise _refused("sso_identity_differs", "This address belongs to another account.") from None
    facts = {name: getattr(person, name) for name in people.PERSONAL}
    audit.record(
        organization=None, actor=person, verb="user.create", target=person, after=facts, personal=people.PERSONAL
    )
    _join(person, place.organization, place.grant)
    return person


def _join(person: User, organization: Organization, grant: Grant) -> None:
    people.add_member(
        organization=organization, actor=person, user=person, role=grant.role, team=_team(organization, grant)
    )


def _link(person: User, identity: Identity) -> None:
    """Raises `Conflict` when somebody else was quicker."""
    try:
        with transaction.atomic():
            ExternalIdentity.objects.create(
                user=person, issuer=identity.issuer, subject=identity.subject, last_used_at=timezone.now()
            )
    except IntegrityError:
        raise Conflict("sso_identity_taken", "This identity belongs to another account.") from None
    facts = {"issuer": identity.issuer}
    audit.record(organization=None, actor=person, verb="identity.link", target=person, after=facts)


def _follow_claims(oidc: Oidc, person: User, identity: Identity) -> None:
    """The role of a mapped claim holds from now on. Owners stay owners, who left stays away; a claim that names a team
    that is not there changes nothing."""
    grant = mapping.grant_of(oidc, identity.claims)
    slug = mapping.organization_of(oidc, person.email)
    if grant is None or slug is None:
        return
    membership = Membership.objects.filter(user=person, organization__slug=slug, archived_at=None).first()
    if membership is None or membership.role == Role.OWNER:
        return
    try:
        team = _team(membership.organization, grant)
        if (membership.role, membership.team_id) != (grant.role, team and team.pk):
            people.change_role(membership=membership, actor=None, role=grant.role, team=team)
    except ServiceError as error:
        log.warning("sso_claims_not_followed", code=error.code, user_id=str(person.pk))


def _team(organization: Organization, grant: Grant) -> Team | None:
    if not grant.team:
        return None
    found = Team.objects.active().filter(organization=organization, slug=grant.team).first()
    if found is None:
        raise _refused("sso_team_unknown", "The team that your groups name does not exist here.")
    return found


def _refused(code: str, message: str) -> Forbidden:
    return Forbidden(code, message)
