"""What the scan found and how far it came."""

from typing import ClassVar

from django.db import models

from analytics.anomalies.querysets import AnomalyQuerySet
from gateway.models import Organization, User
from gateway.models.base import Record


class AnomalyState(models.TextChoices):
    """What people have said of an anomaly. `expected`: it happened and was meant; `false`: nothing happened."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    EXPECTED = "expected"
    FALSE = "false"


class Severity(models.TextChoices):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Anomaly(Record):
    """One incident: the series that went off together, told by the one that explains the others.

    `actual`, `expected`, `lower`, `upper` are those of its worst hour; `impact_amount` is summed over its hours.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="anomalies")
    metric = models.CharField(max_length=30)
    dimension = models.CharField(max_length=30, help_text="Of the scope; `organization` for all of it.")
    value = models.TextField(blank=True, help_text="Id or name within the dimension.")
    team = models.UUIDField(null=True, blank=True, help_text="Whose it is, when the scope lies in one team.")
    user = models.UUIDField(null=True, blank=True, help_text="The owner, when the scope is a person's key.")
    started_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(help_text="Start of the last hour that was off.")
    actual = models.FloatField()
    expected = models.FloatField()
    lower = models.FloatField()
    upper = models.FloatField()
    score = models.FloatField()
    severity = models.CharField(max_length=10, choices=Severity.choices)
    impact_amount = models.DecimalField(max_digits=20, decimal_places=10)
    currency = models.CharField(max_length=3)
    causes = models.JSONField(default=list)
    effects = models.JSONField(default=dict)
    explanation = models.TextField()
    members = models.JSONField(default=list)
    chart = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=AnomalyState.choices, default=AnomalyState.OPEN)
    feedback = models.TextField(blank=True)
    state_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    state_at = models.DateTimeField(null=True, blank=True)

    objects = AnomalyQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-started_at", "-id"]
        verbose_name_plural = "anomalies"
        indexes: ClassVar = [
            # the feed and the scan: an organization's newest
            models.Index(fields=["organization", "-started_at"], name="anomaly_newest")
        ]

    def __str__(self) -> str:
        return f"{self.metric} of {self.dimension} {self.value} at {self.started_at:%Y-%m-%d %H:%M}"


class AnomalyScan(models.Model):
    """How an organization is watched, and up to where: hours before `scanned_until` are judged. `frame`: its last weeks
    of hourly figures, so that a scan reads new hours alone."""

    organization = models.OneToOneField(Organization, on_delete=models.CASCADE, primary_key=True, related_name="+")
    is_enabled = models.BooleanField(default=True)
    sensitivity = models.PositiveSmallIntegerField(default=5, help_text="1 (only the glaring) to 10.")
    min_impact = models.DecimalField(
        max_digits=20, decimal_places=10, default=1, help_text="An hour's money below which volumes are let be."
    )
    scanned_until = models.DateTimeField(null=True, blank=True)
    frame = models.BinaryField(null=True, blank=True)
    rebuilt_at = models.DateTimeField(null=True, blank=True, help_text="When all of `frame` was read last.")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(sensitivity__gte=1, sensitivity__lte=10), name="anomaly_scan_sensitivity"
            )
        ]

    def __str__(self) -> str:
        return f"{self.organization} until {self.scanned_until}"
