"""Logged requests and answers: off by default, redacted and encrypted before they are stored, for a limited time."""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from gateway import querysets
from gateway.ledger.ids import uuid7
from gateway.models.base import Record
from gateway.models.identity import Organization, Project

MAX_DAYS = 365
MAX_BODY_BYTES = 1024 * 1024


class BodyPolicy(Record):
    """Whether requests and answers are kept. A project's own policy wins over the organization's."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="body_policies")
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="body_policies", null=True, blank=True,
        help_text="Empty: every project without a policy of its own.",
    )  # fmt: skip
    is_enabled = models.BooleanField(default=True)
    retention_days = models.PositiveSmallIntegerField(
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_DAYS)],
        help_text="Days after which a body is deleted.",
    )
    max_body_bytes = models.PositiveIntegerField(
        default=64 * 1024,
        validators=[MinValueValidator(256), MaxValueValidator(MAX_BODY_BYTES)],
        help_text="Longer requests and answers are cut there, and marked.",
    )
    allows_training = models.BooleanField(
        default=False, db_default=False,
        help_text="Whether what is kept may become training files, for the project's own models.",
    )  # fmt: skip

    objects = querysets.MemberQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["organization", "project"]
        verbose_name_plural = "body policies"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "project"], name="body_policy_unique", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return f"Bodies of {self.project or self.organization}"


class LoggedBody(models.Model):
    """What one call sent and got, redacted and encrypted (Fernet). Written by data planes in SQL, read through
    `gateway.services.bodies`, which audits every reading."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.UUIDField()
    project = models.UUIDField()
    api_key = models.UUIDField(null=True)
    request_id = models.TextField()
    logged_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    endpoint = models.TextField()
    request = models.BinaryField()
    response = models.BinaryField()
    is_truncated = models.BooleanField(default=False)

    class Meta:
        indexes: ClassVar = [
            # the bodies of a request
            models.Index(fields=["organization", "request_id"], name="body_by_request"),
            # what is due for deletion
            models.Index(fields=["expires_at"], name="body_by_expiry"),
        ]

    def __str__(self) -> str:
        return f"bodies of {self.request_id}"
