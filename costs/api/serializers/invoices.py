"""Invoices as the API takes and shows them."""

from rest_framework import serializers

from costs.invoices.effects import CAUSES
from costs.invoices.formats import AUTO, FORMATS
from costs.invoices.models import DriftPolicy, Invoice, InvoiceState
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Money, Record
from gateway.api.serializers.catalog import NoteSerializer
from gateway.api.serializers.identity import ID, TIMES
from gateway.imports.fields import parse_mapping

BY = ("day", "meter")
_INVOICE = {
    "id": ID, "organization": ID, "file_name": "costs-2026-10.json", "format": "openai", "size_bytes": 48120,
    "sha256": "5a1f…", "state": "ready", "error": "", "vendor": "openai", "providers": ["openai"],
    "start": "2026-10-01", "end": "2026-11-01", "currency": "USD", "rows": 412, "skipped": 0, "has_costs": True,
    "billed": "1284.2210000000", "billed_usage": "1290.2210000000", "ledger": "1242.1180000000",
    "drift": "42.1030000000", "drift_percent": "3.2785", "unpriced_share": 0.0, "exceeds_threshold": False,
    "notes": [], "computed_at": "2026-11-02T09:30:09Z", "requested_by": ID, **TIMES,
}  # fmt: skip
QUEUED = {
    **_INVOICE, "state": "queued", "format": "auto", "vendor": "", "providers": [], "start": None, "end": None,
    "currency": "", "rows": 0, "billed": None, "billed_usage": None, "ledger": None, "drift": None,
    "drift_percent": None, "computed_at": None,
}  # fmt: skip
_PART = {
    "model": "gpt-4.1", "meter": "cache_read", "amount": "40.2000000000", "quantity": "26800000", "days": 4,
    "arithmetic": "2026-10-12: 9,100,000 tokens × (2 billed − 0.5 here) per 1M = +13.650000",
}  # fmt: skip
_CAUSE = {
    "kind": "cached_detail", "title": "Cached tokens are told apart differently", "amount": "48.1030000000",
    "share": 0.889, "first_on": "2026-10-09", "last_on": "2026-10-12", "days": 4,
    "text": "Tokens that one side counts as cached input are other input on the other side, at another price.",
    "advice": "Check that the provider's usage detail reaches the ledger.", "parts": [_PART],
}  # fmt: skip
_CELL = {
    "day": "2026-10-12", "model": "gpt-4.1", "meter": "input", "billed_quantity": "31000000.000000",
    "ledger_quantity": "21900000.000000", "billed_cost": "62.0000000000", "ledger_cost": "43.8000000000",
    "drift": "18.2000000000", "drift_percent": "29.3548", "cause": "cached_detail",
}  # fmt: skip


@examples(
    request={
        "file": "(the file)", "format": "auto", "providers": ["openai"], "mapping": ["day=Date", "currency==USD"],
        "start": "2026-10-01", "end": "2026-11-01",
    }
)  # fmt: skip
class InvoiceRequestSerializer(Input):
    """`multipart/form-data`: the file, and what it does not say itself."""

    file = serializers.FileField(allow_empty_file=True, max_length=300)
    format = serializers.ChoiceField(
        choices=[AUTO, *FORMATS], required=False, default=AUTO, help_text="Default: found out from the file."
    )
    providers = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, max_length=20,
        help_text="Providers of the ledger to compare with; default: all that this vendor bills.",
    )  # fmt: skip
    mapping = serializers.ListField(
        child=serializers.CharField(max_length=300), required=False, max_length=30,
        help_text="Of the format `table`: `FIELD=COLUMN`, `FIELD==VALUE`; repeat the part for several.",
    )  # fmt: skip
    start = serializers.DateField(required=False, help_text="First UTC day; default: the first that the file has.")
    end = serializers.DateField(required=False, help_text="First UTC day after it; default: after the last one.")

    def validate_mapping(self, pairs: list[str]) -> dict[str, str]:
        try:
            return parse_mapping(pairs)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error


@examples(response=_INVOICE)
class InvoiceSerializer(serializers.ModelSerializer):
    """What a provider billed over `[start, end)`, UTC days, against the ledger: `drift` = `billed` − `ledger`."""

    sha256 = serializers.CharField(source="digest")
    state = serializers.ChoiceField(choices=InvoiceState.choices)
    providers = serializers.ListField(child=serializers.CharField())
    billed = Money(allow_null=True, help_text="Everything on the bill. An export without money: at our prices.")
    billed_usage = Money(allow_null=True, help_text="Without credits, taxes and fees.")
    ledger = Money(allow_null=True)
    drift = Money(allow_null=True)
    drift_percent = serializers.DecimalField(
        max_digits=14, decimal_places=4, allow_null=True, help_text="Of `billed`; null when that is 0."
    )
    unpriced_share = serializers.FloatField(help_text="Of the billed usage, what has no price here.")
    exceeds_threshold = serializers.SerializerMethodField()
    notes = NoteSerializer(many=True)
    requested_by = serializers.UUIDField(source="requested_by_id", allow_null=True)

    class Meta:
        model = Invoice
        fields = (
            "id", "organization", "file_name", "format", "size_bytes", "sha256", "state", "error", "vendor",
            "providers", "start", "end", "currency", "rows", "skipped", "has_costs", "billed", "billed_usage", "ledger",
            "drift", "drift_percent", "unpriced_share", "exceeds_threshold", "notes", "computed_at", "requested_by",
            "created_at", "updated_at",
        )  # fmt: skip

    def get_exceeds_threshold(self, row: Invoice) -> bool:
        return bool(self.context["exceeds"](row))


class CausePartSerializer(serializers.Serializer):
    """What a cause explains for one model and meter; `arithmetic` is of its largest day."""

    model = serializers.CharField()
    meter = serializers.CharField()
    amount = Money()
    quantity = serializers.CharField()
    days = serializers.IntegerField()
    arithmetic = serializers.CharField()


class InvoiceCauseSerializer(serializers.Serializer):
    """A part of the drift, the largest first; the amounts sum to the drift. `share` of all amounts without signs."""

    kind = serializers.ChoiceField(choices=CAUSES)
    title = serializers.CharField()
    amount = Money(help_text="Positive where the bill is higher than the ledger.")
    share = serializers.FloatField()
    first_on = serializers.DateField()
    last_on = serializers.DateField()
    days = serializers.IntegerField()
    text = serializers.CharField()
    advice = serializers.CharField()
    parts = CausePartSerializer(many=True)


class DriftCellSerializer(serializers.Serializer):
    """Both sides of a day and model. `meter` is null where the answer is by day; "" is a cost that is not split."""

    day = serializers.DateField()
    model = serializers.CharField()
    meter = serializers.CharField(allow_null=True)
    billed_quantity = serializers.DecimalField(max_digits=30, decimal_places=6, allow_null=True)
    ledger_quantity = serializers.DecimalField(max_digits=30, decimal_places=6, allow_null=True)
    billed_cost = Money(allow_null=True)
    ledger_cost = Money()
    drift = Money()
    drift_percent = serializers.DecimalField(max_digits=14, decimal_places=4, allow_null=True)
    cause = serializers.CharField(help_text="What explains most of it; empty without drift.")


@examples(response={"invoice": _INVOICE, "causes": [_CAUSE], "count": 1, "cells": [_CELL], "notes": []})
class InvoiceReconciliationSerializer(serializers.Serializer):
    """The invoice, the causes of its drift, and the cells that the filters leave."""

    invoice = InvoiceSerializer()
    causes = InvoiceCauseSerializer(many=True)
    count = serializers.IntegerField(help_text="Cells that the filters leave; up to 2,000 of them are shown.")
    cells = DriftCellSerializer(many=True)
    notes = NoteSerializer(many=True)


@examples(response={"percent": "5.000", "minimum": "1.0000000000"}, request={"percent": "2.5", "minimum": "10"})
class DriftPolicySerializer(Record):
    """A drift of more than `percent` of the billed usage and more than `minimum` opens an alert, where a rule of the
    source `invoices` is set up. Credits, taxes and fees do not count."""

    percent = serializers.DecimalField(max_digits=6, decimal_places=3, min_value=0, max_value=100)
    minimum = Money(min_value=0)

    class Meta:
        model = DriftPolicy
        fields = ("percent", "minimum")
        validators: list[object] = []


class CellQuerySerializer(serializers.Serializer):
    """Filters of the cells."""

    by = serializers.ChoiceField(choices=BY, required=False, default="day")
    day = serializers.DateField(required=False)
    model = serializers.CharField(required=False, max_length=200)
    cause = serializers.ChoiceField(choices=CAUSES, required=False)
