"""What every configuration model shares: a UUIDv7 key and its two times."""

from django.db import models

from gateway.ledger.ids import uuid7


class Record(models.Model):
    """Abstract: `id` (UUIDv7), `created_at`, `updated_at` (UTC)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True
