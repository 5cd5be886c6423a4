"""Exchange rates as the API shows and takes them."""

from decimal import Decimal

from rest_framework import serializers

from costs.models import ExchangeRate
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Record
from gateway.api.serializers.identity import ID

_RATE = {
    "id": ID, "organization": None, "base": "EUR", "quote": "USD", "rate": "1.08150000000000",
    "valid_from": "2026-11-02", "source": "European Central Bank", "created_at": "2026-11-02T16:05:00Z",
}  # fmt: skip


@examples(
    response=_RATE,
    request={"base": "EUR", "quote": "USD", "rate": "1.0815", "valid_from": "2026-11-02", "source": "ECB"},
)
class ExchangeRateSerializer(Record):
    """One unit of `base` is `rate` of `quote` from the UTC day `valid_from` on, until the day of the next one.
    `organization` null: for everybody; an own rate stands before it."""

    rate = serializers.DecimalField(max_digits=28, decimal_places=14, min_value=Decimal("1e-14"))
    source = serializers.CharField(max_length=200, help_text="Who states it.")  # type: ignore[assignment]

    class Meta:
        model = ExchangeRate
        fields = tuple(_RATE)
        read_only_fields = ("id", "organization", "created_at")
        validators: list[object] = []


@examples(request={"file": "(the file)", "source": "European Central Bank"})
class RatesUploadSerializer(Input):
    """`multipart/form-data`: a CSV with the columns base, quote, rate, valid_from and source."""

    file = serializers.FileField(max_length=300)
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=200, required=False, default="", allow_blank=True, help_text="Of rows that name none."
    )


@examples(response={"stated": 22, "known": 3})
class RatesUploadedSerializer(serializers.Serializer):
    """How many rates are new, and how many stood already."""

    stated = serializers.IntegerField()
    known = serializers.IntegerField()
