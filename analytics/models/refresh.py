"""The bookkeeping of rollups: how current they are, from when the ledger is complete, how they compare with it."""

from typing import ClassVar

from django.db import models

from analytics.models.sums import ExactField
from gateway.ledger.ids import uuid7


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
