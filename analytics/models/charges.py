"""The rollup of charges."""

from typing import ClassVar

from django.db import models

from analytics.models.sums import ExactField


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
        ]

    def __str__(self) -> str:
        return f"{self.meter} {self.bucket:%Y-%m-%d %H:%M}"
