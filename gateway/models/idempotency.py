"""Calls with an `Idempotency-Key`: who makes one, and what it was answered."""

from typing import ClassVar

from django.db import models

from gateway.choices import IdempotentState
from gateway.ledger.ids import uuid7


class IdempotentCall(models.Model):
    """One call of one key, for 24 hours. Written by data planes in SQL. Header and body are kept as keyed hashes, the
    answer encrypted (Fernet); `id` changes with every claim, so that an owner that lost it cannot write."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.UUIDField()
    project = models.UUIDField()
    api_key = models.UUIDField()
    key_hmac = models.BinaryField()
    body_hmac = models.BinaryField()
    state = models.CharField(max_length=10, choices=IdempotentState.choices)
    owner = models.CharField(max_length=40, help_text="Data-plane process that makes the call.")
    request_id = models.CharField(max_length=128)
    claimed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    answer = models.BinaryField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["api_key", "key_hmac"], name="idempotent_call_unique"),
        ]
        indexes: ClassVar = [
            # the answers of a request, to forget them
            models.Index(fields=["organization", "request_id"], name="idempotent_by_request"),
            # what is due for deletion
            models.Index(fields=["expires_at"], name="idempotent_by_expiry"),
        ]

    def __str__(self) -> str:
        return f"idempotent call {self.request_id}"
