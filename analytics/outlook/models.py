"""Stored forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from django.db import models
from django.db.models import F, Q

from gateway.choices import Role
from gateway.ledger.ids import uuid7
from gateway.models import Organization
from gateway.querysets import WIDE_ROLES, VisibleQuerySet, memberships_of, organizations_of

if TYPE_CHECKING:
    from gateway.querysets import Person


class ForecastRunQuerySet(VisibleQuerySet):
    """Owners, administrators and analysts see the organization's; managers those of their team."""

    def _visible_q(self, user: Person) -> Q:
        team = Q(team__in=memberships_of(user, Role.MANAGER).values("team_id"))
        return Q(organization__in=organizations_of(user, *WIDE_ROLES)) | team

    def incomplete(self) -> Self:
        """Those with steps that were not over when they were last compared."""
        return self.filter(scored_steps__lt=F("horizon"))


class ForecastRun(models.Model):
    """One stored forecast of one series from one origin, and how it compares with what came (`analytics.outlook`)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    measure = models.CharField(max_length=60)
    grain = models.CharField(max_length=12, help_text="hour or day.")
    zone = models.CharField(max_length=64, help_text="IANA zone in which days are cut.")
    level = models.CharField(max_length=12, help_text="organization, team or project.")
    subject = models.CharField(
        max_length=40, blank=True, help_text="Id of the team or project; none: lines without one; other: the rest."
    )
    team = models.UUIDField(null=True, help_text="Team of the part, whose managers see it.")
    origin_at = models.DateTimeField(help_text="Start of the first step.")
    horizon = models.PositiveIntegerField(help_text="Steps.")
    data_version = models.BigIntegerField(help_text="Of the rollups that it was made from.")
    made_at = models.DateTimeField(auto_now=True)
    method = models.CharField(max_length=60)
    low_confidence = models.BooleanField(default=False)
    mean = models.JSONField(help_text="One number a step.")
    lower = models.JSONField(help_text="Level → one number a step.")
    upper = models.JSONField()
    total = models.JSONField(help_text="mean, lower and upper of the sum; bounds by level.")
    expected_error = models.FloatField(null=True, help_text="WAPE of the back-test.")
    scored_steps = models.PositiveIntegerField(default=0, help_text="Steps that are over and compared.")
    error = models.FloatField(null=True, help_text="WAPE of those steps.")
    bias = models.FloatField(null=True)
    coverage = models.FloatField(null=True, help_text="Share of them within the 95 % interval.")

    objects = ForecastRunQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "measure", "grain", "level", "team", "subject", "origin_at"],
                name="forecast_run_unique",
                nulls_distinct=False,
            )
        ]
        indexes: ClassVar = [
            # the newest runs of an organization; those to compare with what came
            models.Index(fields=["organization", "-origin_at"], name="forecast_run_newest")
        ]

    def __str__(self) -> str:
        return f"{self.measure} of {self.level} {self.subject} from {self.origin_at:%Y-%m-%d %H:%M}".replace("  ", " ")
