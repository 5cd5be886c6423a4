"""What every rollup row has: additive figures, and histograms where a cube keeps them."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models


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
