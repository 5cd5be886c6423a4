"""Virtual and management keys: random 256 bit, shown once, stored as keyed HMAC-SHA-256 with a display prefix."""

from typing import ClassVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from gateway import querysets
from gateway.choices import Scope
from gateway.models.base import Record
from gateway.models.identity import Organization, Project, User


def default_scopes() -> list[str]:
    return [Scope.INFERENCE.value]


class VirtualKey(Record):
    """A credential of one project. `user` is its owner (None: a service key)."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="keys")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="keys")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="keys", null=True, blank=True)
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=16, help_text="First characters, shown to recognise the key.")
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    pepper_version = models.PositiveSmallIntegerField(default=1, editable=False)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope.choices), default=default_scopes)
    allowed_models = ArrayField(
        models.CharField(max_length=200), default=list, blank=True, help_text="Model or route names; empty: all."
    )
    rpm_limit = models.PositiveIntegerField(null=True, blank=True, help_text="Requests per minute.")
    tpm_limit = models.PositiveIntegerField(null=True, blank=True, help_text="Tokens per minute.")
    budget_amount = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    rotated_from = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="successors"
    )
    lineage_id = models.UUIDField(
        null=True, editable=False, help_text="First key of a chain of rotations, when it is not this one."
    )
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    objects = querysets.VirtualKeyQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        indexes: ClassVar = [
            # the key list of an organization, newest first
            models.Index(fields=["organization", "-created_at"], name="key_by_organization"),
            # the keys that share a budget
            models.Index(fields=["lineage_id"], name="key_by_lineage", condition=models.Q(lineage_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def lineage(self) -> UUID:
        """What a budget of the key is kept under: rotating a key keeps its budget."""
        return self.lineage_id or self.pk

    @property
    def is_active(self) -> bool:
        """Neither revoked nor past its expiry now."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class KeySpend(models.Model):
    """Settled spend of a key in the currency that its organization keeps, booked by the ledger writer alone, in the
    transaction that inserts the lines (rule 1)."""

    key_id = models.UUIDField(primary_key=True)
    spent = models.DecimalField(max_digits=20, decimal_places=10, default=0)
    requests = models.BigIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.key_id}: {self.spent}"


class KeyForeignSpend(models.Model):
    """Settled spend of a key in one other currency, as it is; booked with `KeySpend`, never added to it."""

    key_id = models.UUIDField()
    currency = models.TextField()
    spent = models.DecimalField(max_digits=20, decimal_places=10, default=0)

    class Meta:
        constraints: ClassVar = [
            # what the writer adds to, and the currencies of a key
            models.UniqueConstraint(fields=["key_id", "currency"], name="key_foreign_spend_unique")
        ]

    def __str__(self) -> str:
        return f"{self.key_id}: {self.spent} {self.currency}"
