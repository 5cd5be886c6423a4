"""Background work as rows: claimed jobs, the outbox, heartbeats (rule 22)."""

from datetime import datetime
from typing import ClassVar

from django.db import models

from gateway import querysets
from gateway.choices import JobStatus
from gateway.heartbeats import kind_of
from gateway.models.base import Record
from gateway.models.identity import Organization, User


class Job(Record):
    """One run of one kind of work for one period; unique, so that any number of schedulers has one effect."""

    kind = models.CharField(max_length=60)
    period = models.CharField(max_length=80, help_text="Bucket the run is for, or a unique id for requested work.")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, null=True, blank=True, related_name="jobs")
    requested_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    status = models.CharField(max_length=10, choices=JobStatus.choices, default=JobStatus.QUEUED)
    progress = models.FloatField(default=0)
    parameters = models.JSONField(default=dict, blank=True)
    result = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0, help_text="Grows with every claim; an older claim cannot finish.")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = querysets.JobQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["kind", "period"], name="job_unique_per_period")]
        indexes: ClassVar = [
            # claiming: open jobs, oldest first
            models.Index(fields=["created_at"], name="job_open", condition=models.Q(status__in=["queued", "running"]))
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.period}"


class OutboxMessage(Record):
    """A must-happen effect (mail, webhook) written in the transaction that decides it; delivered at least once."""

    topic = models.CharField(max_length=60)
    dedupe_key = models.CharField(max_length=200, unique=True, help_text="Also the stable Message-ID / event id.")
    payload = models.JSONField()
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)
    dead_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)

    class Meta:
        indexes: ClassVar = [
            # the relay's work list
            models.Index(
                fields=["due_at"],
                name="outbox_due",
                condition=models.Q(delivered_at__isnull=True, dead_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.dedupe_key}"


class Heartbeat(models.Model):
    """Last sign of life of a process (`gateway.heartbeats`): `dataplane:<spool>`, `writer:<place>`, …"""

    name = models.CharField(max_length=120, primary_key=True)
    at = models.DateTimeField()
    info = models.JSONField(default=dict)

    objects = querysets.HeartbeatQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%H:%M:%S}"

    @property
    def kind(self) -> str:
        """`writer`, `background`, `dataplane`, …"""
        return kind_of(self.name)

    def lag_s(self, now: datetime) -> float | None:
        """How late the ledger is by this writer's account, its silence included."""
        lag = self.info.get("lag_s") if isinstance(self.info, dict) else None
        return lag + max(0.0, (now - self.at).total_seconds()) if isinstance(lag, int | float) else None
