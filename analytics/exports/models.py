"""Files that jobs made, kept in encrypted pieces: the process that reads one may run on another machine."""

from typing import ClassVar

from django.db import models

from gateway.models import Job
from gateway.models.base import Record


class StoredFile(Record):
    """A finished file; there is one of a job, written in the transaction that ends the job."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="stored_file")
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100)
    size_bytes = models.BigIntegerField()
    rows = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    expires_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            # what is to be deleted
            models.Index(fields=["expires_at"], name="stored_file_expiry")
        ]

    def __str__(self) -> str:
        return self.name


class StoredPiece(models.Model):
    """Up to 1 MiB of a file, encrypted."""

    file = models.ForeignKey(StoredFile, on_delete=models.CASCADE, related_name="pieces")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["file", "number"], name="stored_piece_unique")]

    def __str__(self) -> str:
        return f"{self.file_id} piece {self.number}"
