"""People and the places they belong to: organizations, teams, projects, memberships."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower

from gateway import querysets
from gateway.choices import Role
from gateway.ledger.ids import uuid7
from gateway.models.base import Record


class User(AbstractUser):
    """A person; signs in with `username` (the e-mail address by convention)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    theme = models.CharField(
        max_length=5, choices=[("auto", "Auto"), ("light", "Light"), ("dark", "Dark")], default="auto"
    )
    shortcuts_enabled = models.BooleanField(default=True, help_text="Single-key shortcuts in the console.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                Lower("email"),
                name="user_email_unique",
                condition=~models.Q(email=""),
                violation_error_message="E-mail address in use.",
            )
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class Organization(Record):
    """A tenant. Everything but platform-wide catalog rows belongs to exactly one."""

    slug = models.SlugField(unique=True, max_length=60)
    name = models.CharField(max_length=120)
    currency = models.CharField(max_length=3, default="USD", help_text="ISO 4217 reporting currency.")
    reporting_timezone = models.CharField(max_length=64, default="UTC", help_text="IANA zone of daily figures.")
    fails_closed = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Refuse new calls (503) while the gateway cannot confirm its configuration for 60 s; else serve them "
        "with what it last knew.",
    )
    requires_second_factor = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Who signs in with a password needs an authenticator, or sets one up then.",
    )
    is_demo = models.BooleanField(default=False)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = querysets.OrganizationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Team(Record):
    """A group inside an organization; managers act inside their team."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="teams")
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = querysets.TeamQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["organization", "slug"], name="team_slug_unique")]

    def __str__(self) -> str:
        return self.name


class Project(Record):
    """An application or workload; keys belong to one, and it to at most one team."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="projects")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="projects", null=True, blank=True)
    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=120)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = querysets.ProjectQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["organization", "slug"], name="project_slug_unique")]

    def __str__(self) -> str:
        return self.name


class Membership(Record):
    """A person's role in an organization; `team` is the manager's (and optionally the developer's) team."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="memberships", null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = querysets.MembershipQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["organization", "user"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "user"], name="membership_unique"),
            models.CheckConstraint(
                condition=~models.Q(role=Role.MANAGER) | models.Q(team__isnull=False),
                name="membership_manager_has_team",
                violation_error_message="A manager needs a team.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()}"


class Invitation(Record):
    """An invitation by e-mail; the token is stored hashed and works once, until `expires_at`."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role.choices)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True)
    token_digest = models.BinaryField(unique=True, max_length=32)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)

    objects = querysets.InvitationQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.email} → {self.organization}"
