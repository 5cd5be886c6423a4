"""Training files: immutable versions with a hash, their bytes in parts."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from finetuning.choices import FileFormat, FileOrigin, FilePurpose, FileStatus
from finetuning.querysets import TuningFileQuerySet
from gateway.models import Organization, Project, User
from gateway.models.base import Record

PREFIX = "file-ft-"


class TuningFile(Record):
    """One version of a file; versions of one `family` follow each other and are never changed.

    `lineage` says how this version was made of `parent` or of traffic (filters, consent, redaction, sample, seed);
    `tokens`: {tokenizer: {"tokens": int, "is_exact": bool}}; `report`: the newest quality report as
    `finetuning.quality.as_dict` gives it.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="tuning_files")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tuning_files")
    name = models.CharField(max_length=255, help_text="File name, as it was uploaded.")
    purpose = models.CharField(max_length=20, choices=FilePurpose.choices, default=FilePurpose.FINE_TUNE)
    format = models.CharField(max_length=15, choices=FileFormat.choices, default=FileFormat.UNKNOWN)
    origin = models.CharField(max_length=10, choices=FileOrigin.choices, default=FileOrigin.UPLOAD)
    status = models.CharField(max_length=10, choices=FileStatus.choices, default=FileStatus.UPLOADING)
    status_details = models.TextField(blank=True)
    family = models.UUIDField(help_text="Id of the first version.")
    version = models.PositiveIntegerField(default=1)
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="children")
    lineage = models.JSONField(default=dict, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    expected_bytes = models.BigIntegerField(null=True, blank=True, help_text="Of an upload in parts.")
    sha256 = models.CharField(max_length=64, blank=True)
    lines = models.PositiveIntegerField(null=True, blank=True)
    has_tools = models.BooleanField(default=False, db_default=False, help_text="Whether lines offer tools.")
    tokens = models.JSONField(default=dict, blank=True)
    score = models.FloatField(null=True, blank=True, help_text="Quality, 0–100.")
    report = models.JSONField(null=True, blank=True)
    inspected_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="When an unfinished upload is removed.")
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = TuningFileQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            # two that make a version of the same file at once: one waits and takes the next number
            models.UniqueConstraint(fields=["family", "version"], name="tuning_file_version_unique")
        ]
        indexes: ClassVar = [
            models.Index(fields=["project", "-created_at"], name="tuning_file_list", condition=Q(deleted_at=None)),
            models.Index(fields=["expires_at"], name="tuning_file_unfinished", condition=Q(status="uploading")),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    @property
    def public_id(self) -> str:
        """As `/v1/files` gives it: `file-ft-` and the id's 32 hexadecimal digits."""
        return f"{PREFIX}{self.pk.hex}"


class FilePart(models.Model):
    """At most 1 MiB of a file, encrypted (Fernet); parts are read in the order of their numbers."""

    id = models.BigAutoField(primary_key=True)
    file = models.ForeignKey(TuningFile, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    size_bytes = models.PositiveIntegerField(help_text="Before encryption.")
    data = models.BinaryField()

    objects = models.Manager()

    class Meta:
        ordering: ClassVar = ["file", "number"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["file", "number"], name="file_part_unique")]

    def __str__(self) -> str:
        return f"{self.file} part {self.number}"
