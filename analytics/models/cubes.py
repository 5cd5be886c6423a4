"""Rollup tables: what each cube is by, and a table for each of its grains. Rows are written by `analytics.rollups`.

Columns follow `analytics.rollups.cubes`; ids are plain UUIDs as in the ledger.
"""

from typing import ClassVar

from django.db import models

from analytics.models.sums import Histograms, Sums


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
