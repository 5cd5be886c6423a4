"""What left the ledger: archives of months, the spend of keys in them, and archived lines while somebody reads them."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from gateway import querysets
from gateway.choices import ArchiveState
from gateway.ledger.archive.manifest import Manifest
from gateway.models.base import Record
from gateway.models.ledger import LineColumns


class LedgerArchive(Record):
    """One part of a month in the object store. A late partition of a month makes a part of its own; a restored month is
    written again as a whole and takes the place of its parts (`superseded_by`)."""

    month = models.DateField(help_text="First day of the UTC month.")
    part = models.PositiveSmallIntegerField(help_text="1, or more when lines came later.")
    table_name = models.CharField(max_length=63, help_text="Detached table that it is, or was, written from.")
    state = models.CharField(max_length=10, choices=ArchiveState.choices, default=ArchiveState.WRITING)
    place = models.CharField(max_length=500, blank=True, help_text="Store that has it.")
    manifest = models.JSONField(null=True, help_text="As it lies beside the file.")
    lines = models.BigIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True, help_text="Last time that the stored file was read and compared.")
    fault = models.TextField(blank=True, db_default="", help_text="What that found wrong.")
    restored_until = models.DateTimeField(null=True, help_text="Retention leaves the month alone until then.")
    superseded_by = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="replaced")
    rewrites = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, related_name="rewritten",
        help_text="Part that it is a copy of, without end users who were erased; none: it is written from a table.",
    )  # fmt: skip

    objects = querysets.LedgerArchiveQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["month", "part"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["month", "part"], name="archive_unique_part"),
            models.UniqueConstraint(
                fields=["table_name"], condition=Q(state=ArchiveState.WRITING, rewrites=None), name="archive_one_writer"
            ),
            models.UniqueConstraint(
                fields=["rewrites"], condition=Q(state=ArchiveState.WRITING), name="archive_one_rewriter"
            ),
        ]
        indexes: ClassVar = [
            # which archives a window touches
            models.Index(F("last_at"), name="archive_by_time", condition=Q(state=ArchiveState.COMPLETE))
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} part {self.part}"

    @property
    def about(self) -> Manifest:
        """Raises ValueError while it is being written."""
        if self.manifest is None:
            raise ValueError(f"{self} has no manifest yet")
        return Manifest.from_dict(self.manifest)


class ArchiveErasure(models.Model):
    """An archive that holds nothing any more of an end user who was erased. A copy has the rows
    of what it is a copy of; they go when the name is forgotten."""

    id = models.BigAutoField(primary_key=True)
    erasure = models.ForeignKey("gateway.EndUserErasure", on_delete=models.CASCADE, related_name="archives")
    archive = models.ForeignKey(LedgerArchive, on_delete=models.CASCADE, related_name="erasures")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["erasure", "archive"], name="archive_erasure_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.erasure_id} in {self.archive_id}"


class RetiredSpend(models.Model):
    """What keys spent in lines that left the ledger, so that `KeySpend` can still be compared with its lines.
    `currency` is that of the lines."""

    id = models.BigAutoField(primary_key=True)
    key_id = models.UUIDField()
    currency = models.CharField(max_length=3)
    spent = models.DecimalField(max_digits=20, decimal_places=10, default=0)
    requests = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["key_id", "currency"], name="retired_spend_unique")]

    def __str__(self) -> str:
        return f"{self.key_id}: {self.spent} {self.currency}"


class ArchivedLine(LineColumns):
    """Archived lines, in a temporary table of the transaction that reads them (`gateway.services.archivedlines`)."""

    objects = querysets.LedgerLineQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "gateway_archivedline"
        ordering: ClassVar = ["-started_at", "-id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.request_id}"
