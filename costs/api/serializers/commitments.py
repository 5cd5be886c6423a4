"""Commitments as the API shows and takes them."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from costs.api.serializers.prices import PriceNoteSerializer
from costs.models import Commitment
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Money, Record, Scoped
from gateway.api.serializers.identity import ID, TIMES
from gateway.models import Project

_COMMITMENT: dict[str, Any] = {
    "id": ID, "organization": ID, "name": "gpt-4o PTU", "kind": "provisioned_throughput", "provider": "azure-ptu",
    "model": "gpt-4o*", "project": ID, "amount": "1.0000000000", "per": "hour", "units": "100.0000",
    "unit_name": "PTU", "currency": "USD", "tokens_per_minute": 250000, "covers_calls": True,
    "starts_on": "2026-11-01", "ends_on": None, "booked_until": "2026-11-20", "note": "", **TIMES,
}  # fmt: skip
_ASKED = {
    name: _COMMITMENT[name]
    for name in ("name", "kind", "provider", "model", "project", "amount", "per", "units", "unit_name", "starts_on")
}


@examples(response=_COMMITMENT, request=_ASKED)
class CommitmentSerializer(Record):
    """What is paid whether it is used or not, over the UTC days `[starts_on, ends_on)`. `amount` is of one of `units`,
    per hour or month. Its terms never change: end it and agree another."""

    project: Any = Scoped(queryset=Project.objects.all(), help_text="Where its daily lines are booked.")
    amount = Money(min_value=Decimal(0))
    units = serializers.DecimalField(max_digits=14, decimal_places=4, min_value=Decimal("0.0001"), required=False)
    currency = serializers.CharField(max_length=3, required=False, default="", help_text="Default: the organization's.")
    covers_calls = serializers.BooleanField(
        required=False, default=True, help_text="Its calls cost nothing more; their list cost stays known."
    )

    class Meta:
        model = Commitment
        fields = tuple(_COMMITMENT)
        read_only_fields = ("id", "organization", "booked_until")
        validators: list[object] = []


@examples(request={"ends_on": "2026-12-01"})
class CommitmentEndSerializer(Input):
    """The first day (UTC) on which it is no longer paid; no earlier than `booked_until`."""

    ends_on = serializers.DateField()


@examples(
    response={
        "start": "2026-11-01T00:00:00Z", "end": "2026-11-11T00:00:00Z", "currency": "USD", "cost": "24000.0000000000",
        "list_value": "9000.0000000000", "calls": 120000, "unlisted_calls": 0, "tokens": 1800000000, "hours": 240,
        "peak_tokens": 12000000, "peak_value": "62.0000000000", "used_share": "0.375000", "unused_share": "0.625000",
        "unused_cost": "15000.0000000000", "token_share": "0.500000", "peak_token_share": "0.800000", "notes": [],
    }
)  # fmt: skip
class UtilisationSerializer(serializers.Serializer):
    """`list_value`: what the covered calls would have cost by the public list. `used_share`: value ÷ cost, at most 1.
    `token_share`: tokens ÷ what `tokens_per_minute` would have served. Null: not known; `notes` say why."""

    start = serializers.DateTimeField(help_text="Of the part of the window in which it is paid.")
    end = serializers.DateTimeField()
    currency = serializers.CharField()
    cost = Money()
    list_value = Money(allow_null=True)
    calls = serializers.IntegerField()
    unlisted_calls = serializers.IntegerField(help_text="Without a list price; their value is in no sum.")
    tokens = serializers.IntegerField()
    hours = serializers.IntegerField()
    peak_tokens = serializers.IntegerField(help_text="Of the busiest hour.")
    peak_value = Money(allow_null=True)
    used_share = serializers.DecimalField(max_digits=12, decimal_places=6, allow_null=True)
    unused_share = serializers.DecimalField(max_digits=12, decimal_places=6, allow_null=True)
    unused_cost = Money(allow_null=True)
    token_share = serializers.DecimalField(max_digits=20, decimal_places=6, allow_null=True)
    peak_token_share = serializers.DecimalField(max_digits=20, decimal_places=6, allow_null=True)
    notes = PriceNoteSerializer(many=True)
