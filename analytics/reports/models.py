"""Reports, who gets them, their runs, and the mails of each run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from gateway.choices import Role
from gateway.models import Job, Organization, OutboxMessage, Team, User
from gateway.models.base import Record
from gateway.querysets import WIDE_ROLES, VisibleQuerySet, memberships_of, organizations_of

if TYPE_CHECKING:
    from gateway.querysets import Person


class Period(models.TextChoices):
    """What a run looks at, told from the moment it is for, in the report's time zone."""

    YESTERDAY = "previous_day", "The day before"
    LAST_WEEK = "previous_week", "The week before, Monday to Sunday"
    LAST_MONTH = "previous_month", "The month before"
    SEVEN_DAYS = "last_7_days", "The last 7 whole days"
    THIRTY_DAYS = "last_30_days", "The last 30 whole days"
    MONTH_TO_DATE = "month_to_date", "This month until the day before"


class RecipientKind(models.TextChoices):
    """How a recipient is named."""

    TEAM = "team", "Everybody of a team"
    ROLE = "role", "Everybody with a role"
    ADDRESS = "address", "An e-mail address"


class Trigger(models.TextChoices):
    """Why a run is there."""

    SCHEDULE = "schedule", "Schedule"
    MANUAL = "manual", "By hand"


class ReportQuerySet(VisibleQuerySet):
    """Owners, administrators and analysts see the organization's reports, managers their team's and their own."""

    def _visible_q(self, user: Person) -> Q:
        wide = Q(organization__in=organizations_of(user, *WIDE_ROLES))
        managed = memberships_of(user, Role.MANAGER)
        team = Q(team__in=managed.values("team_id"))
        own = Q(owner_id=user.pk, organization__in=managed.values("organization_id"))
        return wide | team | own


class ReportRunQuerySet(VisibleQuerySet):
    """Runs of the reports in sight."""

    def _visible_q(self, user: Person) -> Q:
        return Q(report__in=Report.objects.visible_to(user).values("pk"))


class Report(Record):
    """What is told, about which period, when, to whom. `cron` empty: by hand alone. `next_at`: when it is due."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="reports")
    owner = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    team = models.ForeignKey(
        Team,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="Whose managers may change it.",
    )
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=500, blank=True)
    template = models.CharField(max_length=40, blank=True, help_text="Ready-made report that it was made from.")
    sections = models.JSONField(default=list)
    period = models.CharField(max_length=20, choices=Period.choices, default=Period.LAST_WEEK)
    cron = models.CharField(max_length=100, blank=True, help_text="Five fields; empty: only by hand.")
    timezone = models.CharField(max_length=64, default="UTC", help_text="IANA zone of schedule and days.")
    formats = models.JSONField(default=list, help_text="Attachments: pdf, xlsx, csv.")
    is_enabled = models.BooleanField(default=True)
    shares_outside = models.BooleanField(
        default=False, help_text="Addresses of people who are no members get what its owner sees; else nothing."
    )
    next_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = ReportQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name", "id"]
        indexes: ClassVar = [
            # what the scheduler looks for
            models.Index(fields=["next_at"], name="report_due", condition=Q(archived_at=None, is_enabled=True))
        ]

    def __str__(self) -> str:
        return self.name


class ReportRecipient(Record):
    """One entry of the list of recipients."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="recipients")
    kind = models.CharField(max_length=7, choices=RecipientKind.choices)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    role = models.CharField(max_length=10, choices=Role.choices, blank=True)
    address = models.EmailField(blank=True)

    class Meta:
        ordering: ClassVar = ["kind", "id"]

    def __str__(self) -> str:
        return self.address or self.role or str(self.team_id)

    @property
    def value(self) -> str:
        return str(self.team_id) if self.kind == RecipientKind.TEAM else self.role or self.address


class Unsubscription(Record):
    """An address that does not want a report any more; it holds whoever puts the address on a list again."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="unsubscriptions")
    address = models.EmailField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint("report", Lower("address"), name="unsubscription_unique")]

    def __str__(self) -> str:
        return self.address


class ReportRun(Record):
    """A report about one period. Of a schedule there is one for each moment it was due."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="runs")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    requested_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    trigger = models.CharField(max_length=8, choices=Trigger.choices)
    due_at = models.DateTimeField()
    start = models.DateTimeField(help_text="Of the period, inclusive.")
    end = models.DateTimeField(help_text="Of the period, exclusive.")
    sends = models.BooleanField(default=True, help_text="Whether it goes to the recipients.")
    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="report_run")

    objects = ReportRunQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-due_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["report", "due_at"], name="report_run_unique", condition=Q(trigger=Trigger.SCHEDULE)
            )
        ]

    def __str__(self) -> str:
        return f"{self.report_id} {self.due_at:%Y-%m-%d %H:%M}"


class ReportMail(Record):
    """The drawn report as one kind of reader sees it, encrypted; mails of a run share it. `view` is whose eyes."""

    run = models.ForeignKey(ReportRun, on_delete=models.CASCADE, related_name="views")
    view = models.CharField(max_length=120)
    content = models.BinaryField(help_text="JSON: subject, html, text, images, attachments; encrypted.")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["run", "view"], name="report_mail_unique")]

    def __str__(self) -> str:
        return f"{self.run_id} for {self.view}"


class ReportDelivery(Record):
    """One mail of a run to one address. `message`: None where nothing is sent, and `reason` says why."""

    run = models.ForeignKey(ReportRun, on_delete=models.CASCADE, related_name="deliveries")
    address = models.EmailField()
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    attempt = models.PositiveSmallIntegerField(default=1, help_text="Grows when a person has it sent again.")
    content = models.ForeignKey(ReportMail, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    message = models.OneToOneField(OutboxMessage, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["address", "attempt"]
        constraints: ClassVar = [
            models.UniqueConstraint("run", Lower("address"), "attempt", name="report_delivery_unique")
        ]

    def __str__(self) -> str:
        return f"{self.run_id} to {self.address}"

    @property
    def state(self) -> str:
        """queued, sent, failed (given up) or skipped."""
        message: Any = self.message
        if message is None:
            return "skipped"
        if message.delivered_at:
            return "sent"
        return "failed" if message.dead_at else "queued"
