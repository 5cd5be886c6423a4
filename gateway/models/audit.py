"""The audit trail: append-only, hash-chained per organization by a sealer, erasable per person."""

from typing import ClassVar

from django.db import models

from gateway import querysets
from gateway.ledger.ids import uuid7
from gateway.models.identity import Organization, User


class AuditEvent(models.Model):
    """One change. Written in the transaction of the change; `sequence` and `hash` follow within seconds (rule 24).

    `before`/`after` hold ids and plain values; personal values are ciphertext under the person's `SubjectKey`, and
    the chain hashes the ciphertext, so deleting the key erases the person without breaking the chain.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, null=True, related_name="audit_events")
    at = models.DateTimeField()
    actor = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+", db_constraint=False)
    actor_key_id = models.UUIDField(null=True)
    verb = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=60)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    request_id = models.CharField(max_length=128, blank=True)
    sequence = models.BigIntegerField(null=True, help_text="Position in the organization's chain.")
    previous_hash = models.BinaryField(max_length=32, null=True)
    hash = models.BinaryField(max_length=32, null=True)

    objects = querysets.AuditEventQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "sequence"], name="audit_sequence_unique", nulls_distinct=True
            )
        ]
        indexes: ClassVar = [
            # the sealer's work list
            models.Index(fields=["id"], name="audit_unsealed", condition=models.Q(sequence__isnull=True)),
            # history of one object
            models.Index(fields=["object_type", "object_id"], name="audit_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.object_type} {self.object_id}"


class SubjectKey(models.Model):
    """Encryption key of one person's values in the audit trail; deleting the row is the erasure."""

    subject_id = models.UUIDField(primary_key=True)
    key = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.subject_id)
