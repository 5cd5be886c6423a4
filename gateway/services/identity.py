"""Organizations, teams and projects: create, update, archive. Nothing is ever deleted: ledger lines name these ids."""

import zoneinfo
from typing import Any, TypedDict, Unpack

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from gateway.models import LedgerLine, Organization, Project, Team
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid

ORGANIZATION_FIELDS = ("slug", "name", "currency", "reporting_timezone", "fails_closed", "requires_second_factor")
TEAM_FIELDS = ("slug", "name")
PROJECT_FIELDS = ("slug", "name", "team")
DEFAULT_PROJECT = "default"


class OrganizationFields(TypedDict, total=False):
    """What may be changed on an organization."""

    slug: str
    name: str
    currency: str
    reporting_timezone: str
    fails_closed: bool
    requires_second_factor: bool


class TeamFields(TypedDict, total=False):
    """What may be changed on a team."""

    slug: str
    name: str


class ProjectFields(TypedDict, total=False):
    """What may be changed on a project; `team` None: of no team."""

    slug: str
    name: str
    team: Team | None


@transaction.atomic
def create_organization(*, actor: Actor, is_demo: bool = False, **fields: Unpack[OrganizationFields]) -> Organization:
    """Add a tenant, with its `default` project and what apps add by `GATEWAY_NEW_ORGANIZATION`. Raises `Invalid`,
    `Conflict` (slug in use)."""
    organization = Organization(is_demo=is_demo)
    _fill(organization, fields, ORGANIZATION_FIELDS)
    _check_organization(organization)
    _insert(organization, f"The slug {organization.slug} is in use.")
    _audit(organization, actor, "organization.create", None, _facts(organization, ORGANIZATION_FIELDS))
    ensure_default_project(organization=organization, actor=actor)
    for path in settings.GATEWAY_NEW_ORGANIZATION:
        import_string(path)(organization=organization, actor=actor)
    return organization


@transaction.atomic
def update_organization(
    *, organization: Organization, actor: Actor, **fields: Unpack[OrganizationFields]
) -> Organization:
    """Change name, slug, reporting currency or time zone. Raises `Conflict` for another currency once something is
    booked: sums of keys, budgets and rollups are kept in the one that it was booked under."""
    locked = lock(organization)
    before = _facts(locked, ORGANIZATION_FIELDS)
    _fill(locked, fields, ORGANIZATION_FIELDS)
    _check_organization(locked)
    if locked.currency != before["currency"] and LedgerLine.objects.filter(organization=locked.pk).exists():
        kept = before["currency"]
        message = f"The books are kept in {kept} since the first call; costs can be asked for in any currency."
        raise Conflict("currency_in_use", message, field="currency")
    _save_changed(locked, actor, "organization.update", before, _facts(locked, ORGANIZATION_FIELDS))
    return locked


@transaction.atomic
def archive_organization(*, organization: Organization, actor: Actor) -> Organization:
    """Close a tenant: its keys stop at once, its people no longer see it, its ledger stays."""
    return _archive(organization, actor, "organization.archive")


@transaction.atomic
def create_team(*, organization: Organization, actor: Actor, **fields: Unpack[TeamFields]) -> Team:
    """Add a team."""
    team = Team(organization=organization)
    _fill(team, fields, TEAM_FIELDS)
    _insert(team, f"The slug {team.slug} is in use.")
    _audit(team, actor, "team.create", None, _facts(team, TEAM_FIELDS))
    return team


@transaction.atomic
def update_team(*, team: Team, actor: Actor, **fields: Unpack[TeamFields]) -> Team:
    """Change a team's name or slug."""
    locked = lock(team)
    before = _facts(locked, TEAM_FIELDS)
    _fill(locked, fields, TEAM_FIELDS)
    _save_changed(locked, actor, "team.update", before, _facts(locked, TEAM_FIELDS))
    return locked


@transaction.atomic
def archive_team(*, team: Team, actor: Actor) -> Team:
    """Close a team; its projects and managers must have been moved first. Raises `Conflict`."""
    locked = lock(team)
    if locked.projects.filter(archived_at=None).exists() or locked.memberships.filter(archived_at=None).exists():
        raise Conflict("team_in_use", "The team still has projects or members; move them first.")
    return _archive(locked, actor, "team.archive")


@transaction.atomic
def create_project(*, organization: Organization, actor: Actor, **fields: Unpack[ProjectFields]) -> Project:
    """Add a project. Raises `Invalid` when the team is another organization's."""
    project = Project(organization=organization)
    _fill(project, fields, PROJECT_FIELDS)
    check_team(project.team, organization)
    _insert(project, f"The slug {project.slug} is in use.")
    _audit(project, actor, "project.create", None, _facts(project, PROJECT_FIELDS))
    return project


@transaction.atomic
def update_project(*, project: Project, actor: Actor, **fields: Unpack[ProjectFields]) -> Project:
    """Change a project's name, slug or team. Past lines keep the team they were booked on."""
    locked = lock(project)
    before = _facts(locked, PROJECT_FIELDS)
    _fill(locked, fields, PROJECT_FIELDS)
    check_team(locked.team, locked.organization)
    _save_changed(locked, actor, "project.update", before, _facts(locked, PROJECT_FIELDS))
    return locked


@transaction.atomic
def archive_project(*, project: Project, actor: Actor) -> Project:
    """Close a project: its keys stop at once, its ledger stays."""
    return _archive(project, actor, "project.archive")


@transaction.atomic
def ensure_default_project(*, organization: Organization, actor: Actor) -> Project:
    """The organization's `default` project, made when missing; safe to call at the same time from anywhere."""
    existing = Project.objects.filter(organization=organization, slug=DEFAULT_PROJECT).first()
    if existing is not None:
        return existing
    try:
        with transaction.atomic():
            return create_project(organization=organization, actor=actor, slug=DEFAULT_PROJECT, name="Default")
    except Conflict:
        return Project.objects.get(organization=organization, slug=DEFAULT_PROJECT)


def check_team(team: Team | None, organization: Organization) -> None:
    """Raises `Invalid` unless the team (or none) is an open one of the organization."""
    if team is not None and (team.organization_id != organization.pk or team.archived_at):
        raise Invalid("team_not_found", "No such team in this organization.", field="team")


def lock(row: Any) -> Any:
    """The row as it is now, locked until the transaction ends. (`__class__`: `request.user` is a lazy proxy.)"""
    return row.__class__._default_manager.select_for_update(of=("self",)).get(pk=row.pk)


def _check_organization(organization: Organization) -> None:
    if organization.reporting_timezone not in zoneinfo.available_timezones():
        raise Invalid("timezone_unknown", "Not an IANA time zone.", field="reporting_timezone")
    if not (len(organization.currency) == 3 and organization.currency.isascii() and organization.currency.isupper()):
        raise Invalid("currency_invalid", "Not an ISO 4217 currency code.", field="currency")


def _archive(row: Any, actor: Actor, verb: str) -> Any:
    locked = lock(row)
    if locked.archived_at is None:
        locked.archived_at = timezone.now()
        locked.save(update_fields=["archived_at", "updated_at"])
        _audit(locked, actor, verb, {"archived_at": None}, {"archived_at": locked.archived_at})
    return locked


def _facts(row: models.Model, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(row, f"{name}_id" if name == "team" else name) for name in names}


def _fill(row: models.Model, fields: Any, names: tuple[str, ...]) -> None:
    for name in names:
        if name in fields:
            setattr(row, name, fields[name])


def check_fields(row: models.Model, *names: str) -> None:
    """Raises `Invalid` for the first of these fields whose value its own validators refuse. No query."""
    others = {field.name for field in row._meta.fields} - set(names)
    try:
        row.clean_fields(exclude=others)
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Invalid("field_invalid", messages[0], field=field) from None


def _insert(row: models.Model, message: str) -> None:
    check_fields(row, "slug", "name")
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise Conflict("slug_in_use", message, field="slug") from None


def _save_changed(row: Any, actor: Actor, verb: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    old, new = audit.differences(before, after)
    if not new:
        return
    check_fields(row, "slug", "name")
    try:
        with transaction.atomic():
            row.save(update_fields=[*new, "updated_at"])
    except IntegrityError:
        raise Conflict("slug_in_use", f"The slug {row.slug} is in use.", field="slug") from None
    _audit(row, actor, verb, old, new)


def _audit(row: Any, actor: Actor, verb: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    organization = row if isinstance(row, Organization) else row.organization
    audit.record(organization=organization, actor=actor, verb=verb, target=row, before=before, after=after)
