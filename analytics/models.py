"""Rollup tables and the bookkeeping of their refresh. Rows are written by `analytics.rollups` alone, in SQL.

Columns follow `analytics.rollups.cubes`; ids are plain UUIDs as in the ledger. Shown by console pages, not the admin.
"""

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import URLValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from analytics import querysets
from analytics.choices import AnnotationKind
from gateway.ledger.ids import uuid7
from gateway.models import Organization, Team, User
from gateway.models.base import Record


class ExactField(models.DecimalField):
    """`numeric` without a declared scale: a sum keeps every digit of its parts."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 60)
        kwargs.setdefault("decimal_places", 20)
        super().__init__(*args, **kwargs)

    def db_type(self, connection: Any) -> str:
        return "numeric"


class Sums(models.Model):
    """Abstract: the additive figures of one bucket and one combination of dimensions."""

    id = models.BigAutoField(primary_key=True)
    bucket = models.DateTimeField(help_text="Start of the bucket, UTC.")
    lines = models.BigIntegerField()
    requests = models.BigIntegerField()
    attempts = models.BigIntegerField()
    successes = models.BigIntegerField()
    errors = models.BigIntegerField()
    unavailable = models.BigIntegerField()
    cancelled = models.BigIntegerField()
    denied = models.BigIntegerField()
    unpriced_requests = models.BigIntegerField()
    cache_hits = models.BigIntegerField()
    retries = models.BigIntegerField()
    input_tokens = models.BigIntegerField()
    cache_read_tokens = models.BigIntegerField()
    cache_write_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    reasoning_tokens = models.BigIntegerField()
    duration_count = models.BigIntegerField()
    duration_us = models.BigIntegerField()
    ttft_count = models.BigIntegerField()
    ttft_us = models.BigIntegerField()
    apdex_satisfied = models.BigIntegerField()
    apdex_tolerating = models.BigIntegerField()
    cost = ExactField()
    list_cost = ExactField()
    saved_by_cache = ExactField(db_default=0)
    input_cost = ExactField()
    output_cost = ExactField()
    cache_cost = ExactField()
    estimated_cost = ExactField()
    retry_cost = ExactField()
    failed_cost = ExactField()
    quality_count = models.BigIntegerField(db_default=0)
    quality_total = ExactField(db_default=0)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self._meta.model_name} {self.bucket:%Y-%m-%d %H:%M}"


class Histograms(models.Model):
    """Abstract: sparse histograms (bucket ascending, count), see `analytics.histogram`."""

    latency_b = ArrayField(models.SmallIntegerField())
    latency_n = ArrayField(models.IntegerField())
    ttft_b = ArrayField(models.SmallIntegerField())
    ttft_n = ArrayField(models.IntegerField())
    output_rate_b = ArrayField(models.SmallIntegerField())
    output_rate_n = ArrayField(models.IntegerField())

    class Meta:
        abstract = True


class TotalCube(Sums, Histograms):
    """Abstract: by organization alone."""

    organization = models.UUIDField()

    class Meta:
        abstract = True


class ModelCube(Sums, Histograms):
    """Abstract: by organization, provider, model served."""

    organization = models.UUIDField()
    provider = models.TextField(null=True)
    model = models.TextField(null=True)

    class Meta:
        abstract = True


class ProjectCube(Sums, Histograms):
    """Abstract: by organization, team, project, provider, model served."""

    organization = models.UUIDField()
    team = models.UUIDField(null=True)
    project = models.UUIDField()
    provider = models.TextField(null=True)
    model = models.TextField(null=True)

    class Meta:
        abstract = True


class KeyCube(Sums, Histograms):
    """Abstract: by organization, team, project, key, owner."""

    organization = models.UUIDField()
    team = models.UUIDField(null=True)
    project = models.UUIDField()
    api_key = models.UUIDField(null=True)
    user = models.UUIDField(null=True)

    class Meta:
        abstract = True


class OutcomeCube(Sums):
    """Abstract: by organization, model served and how calls ended."""

    organization = models.UUIDField()
    provider = models.TextField(null=True)
    model = models.TextField(null=True)
    kind = models.TextField()
    status = models.TextField()
    error_type = models.TextField(null=True)
    http_status = models.SmallIntegerField(null=True)
    is_stream = models.BooleanField()
    cache_status = models.TextField(null=True)

    class Meta:
        abstract = True


class KeyModelCube(Sums):
    """Abstract: by key, owner and model served; no histograms (rule 13)."""

    organization = models.UUIDField()
    team = models.UUIDField(null=True)
    project = models.UUIDField()
    api_key = models.UUIDField(null=True)
    user = models.UUIDField(null=True)
    provider = models.TextField(null=True)
    model = models.TextField(null=True)

    class Meta:
        abstract = True


class WideCube(Sums):
    """Abstract: by every dimension of low cardinality; no histograms (rule 13)."""

    organization = models.UUIDField()
    team = models.UUIDField(null=True)
    project = models.UUIDField()
    api_key = models.UUIDField(null=True)
    user = models.UUIDField(null=True)
    provider = models.TextField(null=True)
    model = models.TextField(null=True)
    model_requested = models.TextField()
    endpoint = models.TextField()
    kind = models.TextField()
    status = models.TextField()
    error_type = models.TextField(null=True)
    http_status = models.SmallIntegerField(null=True)
    is_stream = models.BooleanField()
    cache_status = models.TextField(null=True)
    route = models.TextField(null=True)
    sdk = models.TextField(null=True)
    origin = models.TextField()

    class Meta:
        abstract = True


class SubjectCube(Sums):
    """Abstract: by end user or declared tag (`name` is the dimension, `value` its value), for lines that have one."""

    organization = models.UUIDField()
    team = models.UUIDField(null=True)
    project = models.UUIDField()
    api_key = models.UUIDField(null=True)
    user = models.UUIDField(null=True)
    provider = models.TextField(null=True)
    model = models.TextField(null=True)
    name = models.TextField()
    value = models.TextField()

    class Meta:
        abstract = True


class TotalQuarterHour(TotalCube):
    class Meta:
        db_table = "analytics_total_quarter_hour"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="total_quarter_window")
        ]


class TotalDay(TotalCube):
    class Meta:
        db_table = "analytics_total_day"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="total_day_window")
        ]


class TotalLocalDay(TotalCube):
    class Meta:
        db_table = "analytics_total_local_day"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="total_local_window")
        ]


class ModelQuarterHour(ModelCube):
    class Meta:
        db_table = "analytics_model_quarter_hour"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="model_quarter_window")
        ]


class ModelDay(ModelCube):
    class Meta:
        db_table = "analytics_model_day"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="model_day_window")
        ]


class ModelLocalDay(ModelCube):
    class Meta:
        db_table = "analytics_model_local_day"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="model_local_window")
        ]


class ProjectQuarterHour(ProjectCube):
    class Meta:
        db_table = "analytics_project_quarter_hour"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="project_quarter_window")
        ]


class ProjectDay(ProjectCube):
    class Meta:
        db_table = "analytics_project_day"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="project_day_window")
        ]


class ProjectLocalDay(ProjectCube):
    class Meta:
        db_table = "analytics_project_local_day"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="project_local_window")
        ]


class KeyQuarterHour(KeyCube):
    class Meta:
        db_table = "analytics_key_quarter_hour"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="key_quarter_window")
        ]


class KeyDay(KeyCube):
    class Meta:
        db_table = "analytics_key_day"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="key_day_window")
        ]


class KeyLocalDay(KeyCube):
    class Meta:
        db_table = "analytics_key_local_day"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="key_local_window")
        ]


class OutcomeDay(OutcomeCube):
    class Meta:
        db_table = "analytics_outcome_day"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="outcome_day_window")
        ]


class OutcomeLocalDay(OutcomeCube):
    class Meta:
        db_table = "analytics_outcome_local_day"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="outcome_local_window")
        ]


class KeyModelDay(KeyModelCube):
    class Meta:
        db_table = "analytics_key_model_day"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="key_model_day_window")
        ]


class KeyModelLocalDay(KeyModelCube):
    class Meta:
        db_table = "analytics_key_model_local_day"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="key_model_local_window")
        ]


class WideQuarterHour(WideCube):
    class Meta:
        db_table = "analytics_wide_quarter_hour"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="wide_quarter_window")
        ]


class WideDay(WideCube):
    class Meta:
        db_table = "analytics_wide_day"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="wide_day_window")
        ]


class WideLocalDay(WideCube):
    class Meta:
        db_table = "analytics_wide_local_day"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="wide_local_window")
        ]


class SubjectQuarterHour(SubjectCube):
    class Meta:
        db_table = "analytics_subject_quarter_hour"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="subject_quarter_window")
        ]


class SubjectDay(SubjectCube):
    class Meta:
        db_table = "analytics_subject_day"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="subject_day_window")
        ]


class SubjectLocalDay(SubjectCube):
    class Meta:
        db_table = "analytics_subject_local_day"
        indexes: ClassVar = [
            # every query and refresh: an organization's window
            models.Index(fields=["organization", "bucket"], name="subject_local_window")
        ]


class AdmittedValue(models.Model):
    """An end user (`name` is `end_user`) or tag value (`tag.<key>`) that has figures of its own, for good (rule 15)."""

    id = models.BigAutoField(primary_key=True)
    organization = models.UUIDField()
    name = models.TextField()
    value = models.TextField()
    admitted_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        constraints: ClassVar = [
            # what every refresh looks up
            models.UniqueConstraint(fields=["organization", "name", "value"], name="admitted_value_unique")
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.value}"


class DeclaredTag(Record):
    """A key of `X-Gateway-Tags` by which an organization wants its figures: the dimension `tag.<key>`."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="declared_tags")
    key = models.CharField(max_length=120, db_collation="C")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    objects = querysets.DeclaredTagQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["key"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["organization", "key"], name="declared_tag_unique")]

    def __str__(self) -> str:
        return self.key

    @property
    def dimension(self) -> str:
        """Its name in a question."""
        return f"tag.{self.key}"


class Annotation(Record):
    """Something that happened to the organization, or to one of its teams, which charts show at its time."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="annotations")
    team = models.ForeignKey(
        Team, on_delete=models.CASCADE, null=True, blank=True, related_name="+",
        help_text="Whose members alone see it; empty: everybody of the organization.",
    )  # fmt: skip
    kind = models.CharField(max_length=12, choices=AnnotationKind.choices, default=AnnotationKind.DEPLOY)
    text = models.CharField(max_length=200, help_text="What happened, in a few words.")
    at = models.DateTimeField(default=timezone.now, help_text="When it happened, or began.")
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When it was over; empty: at once, or not yet.")
    url = models.URLField(
        max_length=500, blank=True, validators=[URLValidator(schemes=["http", "https"])],
        help_text="Page that says more: a release, a post-mortem.",
    )  # fmt: skip
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    objects = querysets.AnnotationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-at", "-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gt=F("at")), name="annotation_ends_after_it_began"
            )
        ]
        indexes: ClassVar = [
            # the marks of a chart: an organization's window
            models.Index(fields=["organization", "at"], name="annotation_window")
        ]

    def __str__(self) -> str:
        return f"{AnnotationKind(self.kind).label}: {self.text}"


class LiveMinute(Sums, Histograms):
    """The last 48 hours by organization, model served and status, for real-time pages."""

    organization = models.UUIDField()
    model = models.TextField(null=True)
    status = models.TextField()

    class Meta:
        db_table = "analytics_live_minute"
        indexes: ClassVar = [
            # real-time queries and pruning: an organization's last hours
            models.Index(fields=["organization", "bucket"], name="live_minute_window")
        ]


class ChargeRollup(models.Model):
    """Quarter-hourly charges by meter and rate, so that quantity × unit price = cost in every row (rule 6)."""

    id = models.BigAutoField(primary_key=True)
    bucket = models.DateTimeField(help_text="Start of the bucket, UTC.")
    organization = models.UUIDField()
    team = models.UUIDField(null=True)
    project = models.UUIDField()
    api_key = models.UUIDField(null=True)
    provider = models.TextField(null=True)
    model = models.TextField(null=True)
    meter = models.TextField()
    rate_id = models.TextField(null=True)
    currency = models.TextField()
    unit_price = ExactField(null=True)
    quantity = ExactField()
    cost = ExactField()

    class Meta:
        db_table = "analytics_charge_quarter_hour"
        indexes: ClassVar = [
            # statements: an organization's window
            models.Index(fields=["organization", "bucket"], name="charge_quarter_window"),
            # whether anything is charged in another currency than the organization's
            models.Index(fields=["organization", "currency", "bucket"], name="charge_quarter_currency"),
        ]

    def __str__(self) -> str:
        return f"{self.meter} {self.bucket:%Y-%m-%d %H:%M}"


class RollupState(models.Model):
    """How current an organization's rollups are; `version` grows with every refresh and keys the result cache."""

    organization = models.UUIDField(primary_key=True)
    version = models.BigIntegerField(default=0)
    live_version = models.BigIntegerField(default=0, db_default=0, help_text="The same for the minute cube.")
    refreshed_at = models.DateTimeField()
    open_refreshed_at = models.DateTimeField(null=True, help_text="When the bucket still filling was last rolled up.")
    local_zone = models.TextField(default="", db_default="", help_text="Zone of the local days; empty: none are kept.")
    local_build = models.UUIDField(null=True, help_text="The build of the local days that may go on writing.")
    local_beat_at = models.DateTimeField(null=True, help_text="When that build last went on.")
    local_ready_at = models.DateTimeField(null=True, help_text="Since when the local days are complete.")
    local_from = models.DateTimeField(
        null=True,
        help_text="Local days are kept from here on; empty: all. Before it the quarter-hours were gone already.",
    )

    def __str__(self) -> str:
        return f"{self.organization} version {self.version}"


class LedgerHorizon(models.Model):
    """One row: the ledger is complete from here on. What retention detached is never recomputed (rule 14); lines that
    come for it later are added. `late_from`: those booked from then on, but for `CountedLine`s. `quarters_from`: before
    it quarter-hours were pruned and days are all there is; at least two days before `complete_from`."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    complete_from = models.DateTimeField()
    late_from = models.DateTimeField(db_default=models.functions.Now())
    quarters_from = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"complete from {self.complete_from:%Y-%m-%d}"


class CountedLine(models.Model):
    """A ledger line before the horizon that the rollups have, though it was booked after `late_from`."""

    id = models.UUIDField(primary_key=True)

    def __str__(self) -> str:
        return str(self.pk)


class Reconciliation(models.Model):
    """Result of one comparison of ledger and rollups, to the last decimal."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    lines = models.BigIntegerField(help_text="Ledger lines compared.")
    cost = ExactField(help_text="Their cost.")
    differences = models.IntegerField(help_text="Groups that differ in any cube.")
    sample = models.JSONField(default=list, help_text="The first differences, as text.")

    class Meta:
        indexes: ClassVar = [
            # the latest result
            models.Index(fields=["-finished_at"], name="reconciliation_latest")
        ]

    def __str__(self) -> str:
        return f"{self.finished_at:%Y-%m-%d %H:%M}: {self.differences} differences"


from analytics.alerts.models import Alert, AlertChannel, AlertDelivery, AlertEvent, AlertRule  # noqa: E402
from analytics.anomalies.models import Anomaly, AnomalyScan  # noqa: E402  (each subject keeps its models)
from analytics.exports.models import StoredFile, StoredPiece  # noqa: E402  (each subject keeps its models)
from analytics.outlook.models import ForecastRun  # noqa: E402, F401  (a model of this app, after its bases)
from analytics.reports.models import (  # noqa: E402
    Report,
    ReportDelivery,
    ReportMail,
    ReportRecipient,
    ReportRun,
    Unsubscription,
)

__all__ = [
    "Alert",
    "AlertChannel",
    "AlertDelivery",
    "AlertEvent",
    "AlertRule",
    "Anomaly",
    "AnomalyScan",
    "Report",
    "ReportDelivery",
    "ReportMail",
    "ReportRecipient",
    "ReportRun",
    "StoredFile",
    "StoredPiece",
    "Unsubscription",
]
