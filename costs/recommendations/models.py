"""What was found, what people said of it, and what came of it."""

from dataclasses import fields
from typing import ClassVar

from django.db import models
from django.db.models import Q

from costs.recommendations.querysets import RecommendationQuerySet
from costs.savings.proposals import Category, Effort, Risk, Slice
from gateway.models import Organization, User
from gateway.models.base import Record


class RecommendationState(models.TextChoices):
    """`applied`: the change is made; `verified`: what it saves is measured, and its interval lies above zero;
    `expired`: the last search did not find it any more."""

    OPEN = "open"
    APPLIED = "applied"
    VERIFIED = "verified"
    DISMISSED = "dismissed"
    SNOOZED = "snoozed"
    EXPIRED = "expired"


DONE = (RecommendationState.APPLIED, RecommendationState.VERIFIED)
CATEGORIES = [(each.value, each.value.replace("_", " ").capitalize()) for each in Category]


class Recommendation(Record):
    """One saving. Figures are money of the searched window `[start, end)`, as `costs.savings.proposals` says;
    `monthly_saving`: its part of the joint replay, on 30 days.

    `applied`: {how: route|cache|hand, share, names and former values that `revert` needs}; `realized`: the last
    measurement, {amount, lower, upper, level, lines, until, method}, amounts as text.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="recommendations")
    key = models.CharField(max_length=300, help_text="The same for the same finding in every search.")
    category = models.CharField(max_length=30, choices=CATEGORIES)
    title = models.CharField(max_length=300)
    summary = models.TextField(blank=True, help_text="Worded by a configured model; empty: the title stands.")
    state = models.CharField(max_length=10, choices=RecommendationState.choices, default=RecommendationState.OPEN)
    team = models.UUIDField(null=True, blank=True, help_text="Whose calls they are, when all are of one team.")
    slice = models.JSONField(default=dict)
    change = models.JSONField(default=dict)
    start = models.DateTimeField()
    end = models.DateTimeField()
    lines = models.BigIntegerField()
    requests = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    actual_cost = models.DecimalField(max_digits=20, decimal_places=10)
    replayed_cost = models.DecimalField(max_digits=20, decimal_places=10)
    saving = models.DecimalField(max_digits=20, decimal_places=10)
    interval_level = models.DecimalField(max_digits=5, decimal_places=4)
    interval_lower = models.DecimalField(max_digits=20, decimal_places=10)
    interval_upper = models.DecimalField(max_digits=20, decimal_places=10)
    joint_saving = models.DecimalField(max_digits=20, decimal_places=10)
    monthly_saving = models.DecimalField(max_digits=20, decimal_places=10)
    effort = models.CharField(max_length=6, choices=[(each.value, each.value.capitalize()) for each in Effort])
    risk = models.CharField(max_length=6, choices=[(each.value, each.value.capitalize()) for each in Risk])
    evidence = models.JSONField(default=list)
    steps = models.JSONField(default=list)
    affected = models.JSONField(default=list)
    quality = models.JSONField(null=True, blank=True)
    seen_at = models.DateTimeField(help_text="When a search found it last.")
    reason = models.TextField(blank=True, help_text="Of what people said, or why it is open again.")
    state_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    state_at = models.DateTimeField(null=True, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    applied_at = models.DateTimeField(null=True, blank=True)
    applied = models.JSONField(null=True, blank=True)
    realized = models.JSONField(null=True, blank=True)

    objects = RecommendationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-monthly_saving", "id"]
        constraints: ClassVar = [
            # the search: one row for one finding
            models.UniqueConstraint(fields=["organization", "key"], name="recommendation_unique"),
            models.CheckConstraint(
                name="recommendation_applied_says_how",
                condition=Q(applied_at=None, applied=None) | Q(applied_at__isnull=False, applied__isnull=False),
            ),
            models.CheckConstraint(
                name="recommendation_snoozed_until",
                condition=~Q(state=RecommendationState.SNOOZED) | Q(snoozed_until__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            # the list: an organization's of one state, the largest first
            models.Index(fields=["organization", "state", "-monthly_saving"], name="recommendation_list")
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def calls(self) -> Slice:
        """Which calls it is about."""
        known = {each.name for each in fields(Slice)}
        return Slice(**{name: value for name, value in self.slice.items() if name in known})

    @property
    def is_done(self) -> bool:
        return self.state in DONE


class RealizedHour(models.Model):
    """What an applied recommendation has saved in an hour, or in a day where no shorter time is measured, as the last
    measurement says; the metrics layer reads it by the names of its own dimensions. Whose calls: as its slice says."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_column="organization", related_name="+")
    recommendation = models.ForeignKey(Recommendation, on_delete=models.CASCADE, related_name="hours")
    bucket = models.DateTimeField()
    team = models.UUIDField(null=True)
    project = models.UUIDField(null=True)
    provider = models.TextField(null=True)  # noqa: DJ001  NULL is "not set", as in a cube
    model = models.TextField(null=True)  # noqa: DJ001
    realized_savings = models.DecimalField(max_digits=20, decimal_places=10)

    class Meta:
        constraints: ClassVar = [
            # a measurement: one figure for one hour
            models.UniqueConstraint(fields=["recommendation", "bucket"], name="realized_hour_unique"),
        ]
        indexes: ClassVar = [
            # a question: an organization's of a window
            models.Index(fields=["organization", "bucket"], name="realized_hour_window")
        ]

    def __str__(self) -> str:
        return f"{self.recommendation} at {self.bucket}"


class SavingsSearch(models.Model):
    """The last search of an organization: its window, what was replayed, and what all savings come to together."""

    organization = models.OneToOneField(Organization, on_delete=models.CASCADE, primary_key=True, related_name="+")
    searched_at = models.DateTimeField(null=True, blank=True)
    start = models.DateTimeField(null=True, blank=True)
    end = models.DateTimeField(null=True, blank=True)
    currency = models.CharField(max_length=3, default="USD")
    spend = models.DecimalField(max_digits=20, decimal_places=10, default=0)
    lines = models.BigIntegerField(default=0)
    joint_saving = models.DecimalField(max_digits=20, decimal_places=10, default=0)
    interval = models.JSONField(null=True, blank=True, help_text="{level, lower, upper} of the joint saving, as text.")
    notes = models.JSONField(default=list)

    class Meta:
        verbose_name_plural = "savings searches"

    def __str__(self) -> str:
        return f"{self.organization} at {self.searched_at}"

    @property
    def days(self) -> int:
        """Length of the window."""
        return (self.end - self.start).days if self.start and self.end else 0
