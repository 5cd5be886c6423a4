"""The rollups of money in other currencies than the organization's, see `cubes.FOREIGN_TABLES`."""

from typing import ClassVar

from django.db import models

from analytics.models.sums import ExactField


class ForeignSums(models.Model):
    """Abstract: the money sums of lines in one other currency, as they are."""

    id = models.BigAutoField(primary_key=True)
    bucket = models.DateTimeField(help_text="Start of the bucket, UTC.")
    organization = models.UUIDField()
    currency = models.TextField()
    lines = models.BigIntegerField()
    cost = ExactField()
    list_cost = ExactField()
    saved_by_cache = ExactField()
    input_cost = ExactField()
    output_cost = ExactField()
    cache_cost = ExactField()
    estimated_cost = ExactField()
    retry_cost = ExactField()
    failed_cost = ExactField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.currency} {self.bucket:%Y-%m-%d %H:%M}"


class ForeignQuarterHour(ForeignSums):
    """By all that is kept of a line (`name` NULL), and by one subject of it (`name`, `value`)."""

    team = models.UUIDField(null=True)
    project = models.UUIDField()
    api_key = models.UUIDField(null=True)
    user = models.UUIDField(null=True)
    provider = models.TextField(null=True)
    model = models.TextField(null=True)
    model_requested = models.TextField(null=True)
    endpoint = models.TextField(null=True)
    kind = models.TextField(null=True)
    status = models.TextField(null=True)
    error_type = models.TextField(null=True)
    http_status = models.SmallIntegerField(null=True)
    is_stream = models.BooleanField(null=True)
    cache_status = models.TextField(null=True)
    route = models.TextField(null=True)
    sdk = models.TextField(null=True)
    origin = models.TextField(null=True)
    name = models.TextField(null=True)
    value = models.TextField(null=True)

    class Meta:
        db_table = "analytics_foreign_quarter_hour"
        indexes: ClassVar = [
            # every question about money; which currencies there are
            models.Index(fields=["organization", "bucket"], name="foreign_quarter_window"),
        ]


class ForeignMinute(ForeignSums):
    """By model and status, of the last 48 hours."""

    model = models.TextField(null=True)
    status = models.TextField(null=True)

    class Meta:
        db_table = "analytics_foreign_minute"
        indexes: ClassVar = [
            models.Index(fields=["organization", "bucket"], name="foreign_minute_window"),
        ]
