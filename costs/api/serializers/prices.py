"""Prices, their reviews and estimates as the API shows and takes them."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from costs.choices import ReviewState
from costs.models import PriceOverride, PriceRate, PriceReview, PriceSnapshot, RepricingRun
from costs.pricing.meters import METERS, USAGE_KEYS
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Money, Record
from gateway.api.serializers.identity import ID

_RATE = {
    "id": ID, "source": "litellm", "version": "1.106.2", "provider": "openai", "model": "gpt-5.4",
    "context": "service_tier=flex", "meter": "input", "above_tokens": 272000, "amount": "0.000002500000000000",
    "currency": "USD", "valid_from": None, "valid_to": None,
}  # fmt: skip


class UnitPrice(serializers.DecimalField):
    """USD for one unit: one token, request, image, second."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_digits": 30, "decimal_places": 18, **kwargs})


@examples(response=_RATE)
class RateSerializer(serializers.ModelSerializer):
    """A rate of a public list over `[valid_from, valid_to)`; a null is open."""

    version = serializers.CharField(source="snapshot.version", help_text="Of the file in which the rate began.")
    amount = UnitPrice(help_text="For one unit: one token, request, image, character, second.")

    class Meta:
        model = PriceRate
        fields = tuple(_RATE)


_SNAPSHOT = {
    "id": ID, "source": "litellm", "version": "1.106.2", "origin": "bundled", "state": "accepted", "problems": [],
    "models_count": 3046, "opened_count": 12846, "closed_count": 0, "imported_at": "2026-11-28T09:00:00Z",
}  # fmt: skip


@examples(response=_SNAPSHOT)
class SnapshotSerializer(serializers.ModelSerializer):
    """A price file that was read; `problems` say why it was rejected, or what was forced."""

    problems: Any = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = PriceSnapshot
        fields = tuple(_SNAPSHOT)


@examples(request={"force": False})
class RefreshRequestSerializer(Input):
    """`force`: take a file whose prices moved unbelievably far."""

    force = serializers.BooleanField(required=False, default=False)


@examples(response={"snapshots": [_SNAPSHOT], "open_reviews": 12})
class RefreshSerializer(serializers.Serializer):
    """What became of each file."""

    snapshots = SnapshotSerializer(many=True)
    open_reviews = serializers.IntegerField()


class DifferenceSerializer(serializers.Serializer):
    """One rate that the lists state differently, per unit; `percent` of the dearer."""

    context: Any = serializers.CharField()
    above_tokens = serializers.IntegerField()
    meter = serializers.CharField()
    first = serializers.CharField()
    second = serializers.CharField()
    percent = serializers.CharField()


_REVIEW = {
    "id": ID, "provider": "mistral", "model": "mistral-large-latest", "largest_percent": "75.00", "state": "open",
    "differences": [{"context": "", "above_tokens": -1, "meter": "input", "first": "0.000002", "second": "0.0000005",
                     "percent": "75.00"}],
    "note": "", "decided_by": None, "decided_at": None, "created_at": "2026-11-28T09:00:00Z",
    "updated_at": "2026-11-28T09:00:00Z",
}  # fmt: skip


@examples(response=_REVIEW)
class ReviewSerializer(serializers.ModelSerializer):
    """A model of which the lists differ by more than 1 %. `first`: genai-prices; `second`: LiteLLM."""

    differences = DifferenceSerializer(many=True, read_only=True)

    class Meta:
        model = PriceReview
        fields = tuple(_REVIEW)


@examples(request={"state": "taken", "note": "The vendor's page agrees with the second list."})
class DecisionSerializer(Input):
    """`kept`: the first list stands; `taken`: the second; `open`: ask again."""

    state = serializers.ChoiceField(choices=[ReviewState.KEPT.value, ReviewState.TAKEN.value, ReviewState.OPEN.value])
    note = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)


_OVERRIDE: dict[str, Any] = {
    "id": ID, "organization": ID, "provider": "openai", "model": "gpt-4o*", "prices": {}, "tiers": [],
    "currency": "USD", "valid_from": "2026-11-01T00:00:00Z", "valid_to": None, "discount_percent": "12.5000",
    "source": "Contract 4711",
    "note": "", "created_at": "2026-10-28T09:00:00Z",
}  # fmt: skip
_PRICES = {"input": "2.00", "output": "8.00"}
_TIERS = [
    {"service_tier": "batch", "prices": {"input": "1.00", "output": "4.00"}},
    {"above_tokens": 272_000, "prices": {"input": "4.00", "output": "12.00"}},
]


def _prices_field() -> dict[str, serializers.Field]:
    return {
        meter: serializers.DecimalField(max_digits=20, decimal_places=10, min_value=Decimal(0), required=False)
        for meter in METERS
    }


class _Prices(Input):
    """Prices by meter: per 1,000,000 tokens or characters, per minute heard, per unit of the others."""

    def to_representation(self, instance: Any) -> Any:
        return dict(instance)


PricesSerializer = type("PricesSerializer", (_Prices,), {"__doc__": _Prices.__doc__, **_prices_field()})


class PriceTierSerializer(Input):
    """Other prices of a service tier, or of prompts longer than `above_tokens`. What a service tier leaves out is
    unpriced there; what a longer one leaves out stays as below it."""

    service_tier = serializers.CharField(
        max_length=30,
        required=False,
        default="",
        allow_blank=True,
        help_text="batch, flex, priority, …; empty: standard.",
    )
    above_tokens = serializers.IntegerField(
        min_value=0, required=False, allow_null=True, default=None,
        help_text="For prompts of more than this, the whole request; null: of any length.",
    )  # fmt: skip
    prices = PricesSerializer()

    def to_representation(self, instance: Any) -> Any:
        return dict(instance)


@examples(
    response=_OVERRIDE,
    request={
        "provider": "openai", "model": "gpt-5.4", "prices": _PRICES, "tiers": _TIERS,
        "valid_from": "2026-11-01T00:00:00Z",
    },
)  # fmt: skip
class OverrideSerializer(Record):
    """An own price or discount. A new one ends the one in force before it; none is ever changed."""

    prices = PricesSerializer(required=False)
    tiers = PriceTierSerializer(many=True, required=False)
    currency = serializers.CharField(max_length=3, required=False, default="USD")
    discount_percent = serializers.DecimalField(
        max_digits=7, decimal_places=4, min_value=0, max_value=100, required=False, allow_null=True, default=None,
        help_text="Off `prices` when they are stated, else off the public list with its tiers.",
    )  # fmt: skip

    class Meta:
        model = PriceOverride
        fields = tuple(_OVERRIDE)
        read_only_fields = ("id", "organization", "created_at")
        validators: list[object] = []


@examples(request={"valid_to": "2026-12-01T00:00:00Z"})
class EndSerializer(Input):
    """The first instant at which the price no longer applies."""

    valid_to = serializers.DateTimeField()


# ---- estimates -------------------------------------------------------------------------------------------------------
class ContextSerializer(Input):
    """What the call is served with; empty: standard."""

    processing = serializers.CharField(required=False, max_length=40, help_text="`batch`, …")
    service_tier = serializers.CharField(required=False, max_length=40, help_text="`flex`, `priority`, …")
    speed = serializers.CharField(required=False, max_length=40, help_text="`fast`, …")
    region = serializers.CharField(required=False, max_length=40, help_text="`eu`, `us-gov-west-1`, …")


class _Usage(Input):
    """Counts by class of usage: whole input and output with their parts, and units."""


UsageSerializer = type(
    "PricedUsageSerializer",
    (_Usage,),
    {
        "__doc__": _Usage.__doc__,
        **{key: serializers.IntegerField(min_value=0, max_value=10**12, required=False) for key in sorted(USAGE_KEYS)},
    },
)


_USAGE = {"input_tokens": 300_000, "cache_read_tokens": 200_000, "output_tokens": 1_000}


@examples(request={"provider": "openai", "model": "gpt-5.4", "usage": _USAGE, "context": {"service_tier": "default"}})
class EstimateRequestSerializer(Input):
    """`provider`: vendor whose price list applies; `usage`: whole input and output with their parts, and units."""

    provider = serializers.CharField(max_length=60)
    model = serializers.CharField(max_length=200)
    usage = UsageSerializer()
    context: Any = ContextSerializer(required=False, default=dict)
    at = serializers.DateTimeField(required=False, help_text="When the call begins. Default: now.")


class LineSerializer(serializers.Serializer):
    """`quantity` × `unit_price`, rounded to ten places."""

    meter = serializers.CharField()
    rate_id = serializers.CharField(help_text="List, version, model, since when, context and bound of the rate.")
    quantity = serializers.CharField()
    unit_price = UnitPrice()
    cost = Money()
    currency = serializers.CharField()


class PriceNoteSerializer(serializers.Serializer):
    """Something about the answer that a person should know."""

    code = serializers.CharField()
    message = serializers.CharField()


@examples(
    response={
        "provider": "openai", "model": "gpt-5.4", "at": "2026-11-28T09:00:00Z", "currency": "USD",
        "total": "0.6225000000", "list_total": "0.6225000000", "price_status": "priced",
        "lines": [
            {"meter": "input", "rate_id": "genai-prices@0.2.3:openai/gpt-5.4:input:initial:gt272000",
             "quantity": "100000", "unit_price": "0.000005000000000000", "cost": "0.5000000000", "currency": "USD"},
            {"meter": "cache_read", "rate_id": "genai-prices@0.2.3:openai/gpt-5.4:cache_read:initial:gt272000",
             "quantity": "200000", "unit_price": "0.000000500000000000", "cost": "0.1000000000", "currency": "USD"},
            {"meter": "output", "rate_id": "genai-prices@0.2.3:openai/gpt-5.4:output:initial:gt272000",
             "quantity": "1000", "unit_price": "0.000022500000000000", "cost": "0.0225000000", "currency": "USD"},
        ],
        "notes": [],
    },
)  # fmt: skip
class EstimateSerializer(serializers.Serializer):
    """`total` null: no price is known for something that was used; `list_total`: at the public list's price."""

    provider = serializers.CharField()
    model = serializers.CharField()
    at = serializers.DateTimeField()
    currency = serializers.CharField()
    total = Money(allow_null=True)
    list_total = Money(allow_null=True)
    price_status = serializers.CharField()
    lines = LineSerializer(many=True)
    notes = PriceNoteSerializer(many=True)


# ---- re-pricing ------------------------------------------------------------------------------------------------------
_GROUP = {
    "team": ID, "model": "gpt-4o", "currency": "USD", "lines": 1200, "newly_priced": 0, "before": "12.5000000000",
    "after": "10.0000000000", "difference": "-2.5000000000",
}  # fmt: skip
_COUNT = {
    "lines": 1200, "changed": 1180, "still_unpriced": 3, "other_currency": 0, "meanwhile": 0, "before": "12.5000000000",
    "after": "10.0000000000", "difference": "-2.5000000000", "groups": [_GROUP],
}  # fmt: skip
_DIGEST = "9f2c41b1d3a80b6be0a4f0c7d5a86e1f2b7c3d4e5f60718293a4b5c6d7e8f901"
_RUN = {
    "id": ID, "organization": ID, "start": "2026-11-01T00:00:00Z", "end": "2026-11-08T00:00:00Z", "provider": "",
    "model": "", "only_unpriced": False, "is_automatic": False, "state": "ready", "counted": _COUNT, "applied": None,
    "counted_as": _DIGEST, "error": "", "created_by": ID, "applied_by": None, "applied_at": None,
    "created_at": "2026-11-28T09:00:00Z",
}  # fmt: skip

QUEUED_RUN = _RUN | {"state": "counting", "counted": None}


class RepricingGroupSerializer(serializers.Serializer):
    """Lines of one team and model; `newly_priced` had no price before."""

    team = serializers.UUIDField(allow_null=True)
    model = serializers.CharField()
    currency = serializers.CharField()
    lines = serializers.IntegerField()
    newly_priced = serializers.IntegerField()
    before = Money()
    after = Money()
    difference = Money()


class RepricingCountSerializer(serializers.Serializer):
    """`changed` lines differ; `still_unpriced` have no price now either; `other_currency` are left alone, and
    `meanwhile`, which others adjusted while it was applied. The sums are null where groups are of several currencies.
    """

    lines = serializers.IntegerField()
    changed = serializers.IntegerField()
    still_unpriced = serializers.IntegerField()
    other_currency = serializers.IntegerField()
    meanwhile = serializers.IntegerField(default=0)
    before = Money(allow_null=True)
    after = Money(allow_null=True)
    difference = Money(allow_null=True)
    groups = RepricingGroupSerializer(many=True)


@examples(response=_RUN, request={"start": "2026-11-01T00:00:00Z", "end": "2026-11-08T00:00:00Z", "model": "gpt-4o"})
class RepricingSerializer(Record):
    """`[start, end)` priced anew by today's book. Applied as adjusting entries; the original lines stay."""

    counted = RepricingCountSerializer(read_only=True, allow_null=True)
    applied = RepricingCountSerializer(read_only=True, allow_null=True)
    counted_as = serializers.CharField(source="digest", read_only=True, help_text="Fingerprint of what was counted.")
    provider = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    model = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    only_unpriced = serializers.BooleanField(required=False, default=False)

    class Meta:
        model = RepricingRun
        fields = tuple(_RUN)
        read_only_fields = (
            "id", "organization", "is_automatic", "state", "error", "created_by", "applied_by", "applied_at",
            "created_at",
        )  # fmt: skip
        validators: list[object] = []


@examples(request={"counted_as": _DIGEST})
class RepricingApplySerializer(Input):
    """`counted_as` of the run that was looked at; left out, what is counted by now is meant."""

    counted_as = serializers.CharField(max_length=64, required=False, allow_blank=True)


@examples(
    response={
        "provider": "openai", "model": "gpt-9", "lines": 12, "input_tokens": 24000, "output_tokens": 3000,
        "first_at": "2026-11-20T09:00:00Z", "last_at": "2026-11-21T09:00:00Z", "has_price_now": True,
    },
)  # fmt: skip
class UnpricedSerializer(serializers.Serializer):
    """Calls of a provider and model without a price. `has_price_now`: re-pricing them would find one."""

    provider = serializers.CharField(allow_blank=True)
    model = serializers.CharField()
    lines = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()
    has_price_now = serializers.BooleanField()


class WindowSerializer(Input):
    """`[start, end)`; by default the last 30 days."""

    start = serializers.DateTimeField(required=False)
    end = serializers.DateTimeField(required=False)


@examples(response={"backfills_unpriced": True}, request={"backfills_unpriced": False})
class PriceSettingSerializer(Input):
    """`backfills_unpriced`: calls without a price are priced by adjusting entries as soon as a price is known."""

    backfills_unpriced = serializers.BooleanField()
