"""Usage records (ledger lines) and audit events: read-only, typed, explained."""

import json
from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from gateway.api.openapi import examples
from gateway.api.serializers.base import Money
from gateway.api.serializers.catalog import NoteSerializer
from gateway.api.serializers.identity import ID
from gateway.models import AuditEvent, LedgerLine
from gateway.services.explanation import explain, rate_of

REQUEST_ID = "req_3f1c2d9a8b7e4f60a1b2c3d4e5f60718"
_CHARGES = [
    {"meter": "input_tokens", "rate_id": "genai-prices:openai/gpt-4o-mini:input_tokens:base", "quantity": "1200",
     "unit_price": "0.00000015", "cost": "0.0001800000", "currency": "USD"},
    {"meter": "output_tokens", "rate_id": "genai-prices:openai/gpt-4o-mini:output_tokens:base", "quantity": "310",
     "unit_price": "0.0000006", "cost": "0.0001860000", "currency": "USD"},
]  # fmt: skip
_TEXT = (
    "1,200 input tokens × 0.00000015 USD = 0.00018 USD (rate genai-prices:openai/gpt-4o-mini:input_tokens:base). "
    "310 output tokens × 0.0000006 USD = 0.000186 USD (rate genai-prices:openai/gpt-4o-mini:output_tokens:base). "
    "Together 0.000366 USD. Token counts are the vendor's own."
)
_LINE = {
    "id": ID, "request_id": REQUEST_ID, "kind": "attempt", "is_final": True, "corrects": None, "organization": ID,
    "team": ID, "project": ID, "api_key": ID, "user": ID, "end_user": None,
    "tags": [{"key": "feature", "value": "search"}], "started_at": "2026-11-02T09:30:00.123000Z",
    "booked_at": "2026-11-02T09:30:01.400000Z", "duration_ms": 842.1, "ttft_ms": 210.4, "output_ms": 631.7,
    "endpoint": "chat/completions", "is_stream": True, "provider": "openai", "model_requested": "fast",
    "model_served": "gpt-4o-mini", "route": "fast", "route_decision": {"attempt": 1, "targets": ["openai", "mistral"]},
    "status": "ok", "http_status": 200, "error_type": None, "input_tokens": 1200, "cache_read_tokens": 0,
    "cache_write_5m_tokens": 0, "cache_write_1h_tokens": 0, "output_tokens": 310, "reasoning_tokens": 0,
    "audio_input_tokens": 0, "audio_output_tokens": 0, "image_units": 0, "tool_calls": 0, "usage_source": "reported",
    "charges": _CHARGES, "cost": "0.0003660000", "list_cost": "0.0003660000", "currency": "USD",
    "price_status": "priced", "service_tier_requested": None, "service_tier_served": "default", "cache_status": "miss",
    "max_tokens": 1000, "finish_reason": "stop", "message_count": 4, "tool_count": None, "sdk": "openai-python/3.54.0",
    "origin": "gateway", "request_count": 1, "characters": 0, "audio_ms": 0, "sdk_about": None, "explanation": _TEXT,
    "is_archived": False,
}  # fmt: skip
EXPORTED_EVENT = (
    '{"actor":"01930a1e-6c00-7000-8000-000000000001","actor_key":null,"after":{"name":"Acme Ltd"},"at":'
    '"2026-11-02T09:30:00.000000+00:00","before":{"name":"Acme"},"hash":'
    '"7b1c0e5a9d2f4c8b3e6a1d0f9c8b7a6e5d4c3b2a190f8e7d6c5b4a3928170f6e","id":'
    '"01930a1e-6c00-7000-8000-000000000002","object_id":"01930a1e-6c00-7000-8000-000000000003","object_type":'
    '"organization","organization":"01930a1e-6c00-7000-8000-000000000003","previous_hash":'
    '"0000000000000000000000000000000000000000000000000000000000000000","request_id":"","sequence":1,"verb":'
    '"organization.update"}\n'
)
_HIDDEN = frozenset({"pk", "ledger_shard", "tag_set", "client_ip_hash", "request_hmac", "prefix_hmacs"})


class ChargeSerializer(serializers.Serializer):
    """quantity × unit_price = cost, for one meter."""

    meter = serializers.CharField()
    rate_id = serializers.CharField(help_text="Which price of which list, version and tier.")
    quantity = serializers.CharField(help_text="Decimal string.")
    unit_price = serializers.CharField(help_text="Decimal string, per unit of the meter.")
    cost = serializers.CharField(help_text="Decimal string, rounded once.")
    currency = serializers.CharField()


class TagSerializer(serializers.Serializer):
    """A free cost dimension the caller sent."""

    key = serializers.CharField()
    value = serializers.CharField()


class RouteDecisionSerializer(serializers.Serializer):
    """Which try this was, and the providers in the order they were to be tried."""

    attempt = serializers.IntegerField()
    targets = serializers.ListField(child=serializers.CharField())


class SdkAboutSerializer(serializers.Serializer):
    """What an SDK of this gateway says of itself; each null when it did not say."""

    runtime = serializers.CharField(allow_null=True, default=None, help_text="`node-20.11`.")
    os = serializers.CharField(allow_null=True, default=None)
    document = serializers.CharField(
        allow_null=True, default=None, help_text="Beginning of the hash of the API's document it was made from."
    )
    retry = serializers.IntegerField(allow_null=True, default=None, help_text="0: the first try.")
    helper = serializers.CharField(allow_null=True, default=None, help_text="`stream`, `page` or `upload`.")


@examples(response=_LINE)
class UsageRecordSerializer(serializers.ModelSerializer):
    """One ledger line. `cost` null means that no price is known, never that it was free."""

    charges = ChargeSerializer(many=True)
    tags = serializers.SerializerMethodField()
    route_decision = RouteDecisionSerializer(allow_null=True)
    sdk_about = SdkAboutSerializer(allow_null=True)
    explanation = serializers.SerializerMethodField(help_text="The cost in words.")
    is_archived = serializers.BooleanField(
        read_only=True, help_text="The line left the ledger by its retention and was read from the archive."
    )

    class Meta:
        model = LedgerLine
        fields = (
            *(f.name for f in LedgerLine._meta.get_fields() if f.name not in _HIDDEN),
            "tags", "explanation", "is_archived",
        )  # fmt: skip

    @extend_schema_field(TagSerializer(many=True))
    def get_tags(self, line: LedgerLine) -> list[dict[str, str]]:
        return [{"key": str(key), "value": str(value)} for key, value in sorted((line.tag_set or {}).items())]

    def get_explanation(self, line: LedgerLine) -> str:
        return explain(line)


@examples(response={**_LINE, "total_cost": "0.0003660000", "lines": [_LINE]})
class UsageRecordDetailSerializer(UsageRecordSerializer):
    """The final line of a request with every line of it: retries, fallbacks, adjustments."""

    total_cost = Money(read_only=True, allow_null=True, help_text="Sum of the known costs of all lines.")
    lines = UsageRecordSerializer(many=True, read_only=True)

    class Meta(UsageRecordSerializer.Meta):
        fields: Any = (*UsageRecordSerializer.Meta.fields, "total_cost", "lines")


class ChargeRateSerializer(serializers.Serializer):
    """Which price that is. `kind`: list, own (a price or discount of one's own), commitment, file (the cost came with
    an import) or unknown. `contract`: id of the own price or of the commitment."""

    kind = serializers.CharField()
    source = serializers.CharField(  # type: ignore[assignment]
        allow_blank=True, help_text="The list, also under a discount or a commitment."
    )
    version = serializers.CharField(allow_blank=True)
    contract = serializers.CharField(allow_blank=True)
    since = serializers.CharField(allow_null=True, help_text="First day of the price; null: it reaches back.")
    context: Any = serializers.ListField(child=serializers.CharField(), help_text="`service_tier=flex`, `region=eu`, …")
    above_tokens = serializers.IntegerField(allow_null=True, help_text="For prompts longer than that.")
    words = serializers.CharField()


class ExplainedChargeSerializer(ChargeSerializer):
    """quantity × unit_price = cost, and which price that is."""

    rate = serializers.SerializerMethodField()

    @extend_schema_field(ChargeRateSerializer)
    def get_rate(self, charge: dict[str, Any]) -> dict[str, Any]:
        found = rate_of(charge)
        return {**asdict(found), "words": found.words()}


class ConvertedSerializer(serializers.Serializer):
    """The total in the currency asked for, each line by the rate of its day."""

    currency = serializers.CharField()
    total = Money()
    rates = serializers.ListField(child=serializers.CharField(), help_text="The rates used, in words.")


class LineCostSerializer(serializers.Serializer):
    """The cost of one line."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    corrects = serializers.UUIDField(allow_null=True, help_text="The line that an adjustment corrects.")
    started_at = serializers.DateTimeField(help_text="Its prices stood then.")
    booked_at = serializers.DateTimeField()
    currency = serializers.CharField()
    status = serializers.CharField()
    provider = serializers.CharField(allow_null=True)
    model_served = serializers.CharField(allow_null=True)
    service_tier = serializers.CharField(source="service_tier_served", allow_null=True)
    price_status = serializers.CharField()
    usage_source = serializers.CharField()
    cost = Money(allow_null=True)
    list_cost = Money(allow_null=True)
    charges = ExplainedChargeSerializer(many=True)
    explanation = serializers.SerializerMethodField()

    def get_explanation(self, line: LedgerLine) -> str:
        return explain(line)


_RATE: dict[str, Any] = {
    "kind": "list", "source": "genai-prices", "version": "0.2.3", "contract": "", "since": None, "context": [],
    "above_tokens": None, "words": "genai-prices 0.2.3",
}  # fmt: skip


@examples(
    response={
        "request_id": REQUEST_ID, "currency": "USD", "total_cost": "0.0003660000", "is_complete": True,
        "converted": {"currency": "EUR", "total": "0.0003384189",
                      "rates": ["1 EUR = 1.0815 USD from 2026-11-02, European Central Bank"]},
        "lines": [{"id": ID, "kind": "attempt", "corrects": None, "started_at": "2026-11-02T09:30:00.123000Z",
                   "booked_at": "2026-11-02T09:30:01.400000Z", "currency": "USD", "status": "ok", "provider": "openai",
                   "model_served": "gpt-4o-mini",
                   "service_tier": "default", "price_status": "priced", "usage_source": "reported",
                   "cost": "0.0003660000", "list_cost": "0.0003660000", "explanation": _TEXT,
                   "charges": [charge | {"rate": _RATE} for charge in _CHARGES]}],
        "notes": [],
    },
)  # fmt: skip
class CostExplanationSerializer(serializers.Serializer):
    """Quantity × rate, line by line. `is_complete` is false while a line has no known price. `total_cost` null: none
    is known, or the lines have several currencies, which have no sum. `converted` null: not asked for, or a day has no
    rate."""

    request_id = serializers.CharField()
    currency = serializers.CharField()
    total_cost = Money(allow_null=True)
    converted = ConvertedSerializer(allow_null=True)
    is_complete = serializers.BooleanField()
    lines = LineCostSerializer(many=True)
    notes = NoteSerializer(many=True)


# ---- audit ---------------------------------------------------------------------------------------------------------


class ChangeSerializer(serializers.Serializer):
    """One field of a change. Values are text; lists and mappings are JSON text; null: there was none."""

    field = serializers.CharField()
    before = serializers.CharField(allow_null=True)
    after = serializers.CharField(allow_null=True)


@examples(
    response={
        "id": ID, "organization": ID, "at": "2026-11-02T09:30:00.123456Z", "actor": ID, "actor_key": None,
        "verb": "key.update", "object_type": "virtualkey", "object_id": ID,
        "changes": [{"field": "rpm_limit", "before": "600", "after": "300"}], "request_id": REQUEST_ID,
        "sequence": 4711, "hash": "9f2c4e0d1b3a58677c6f5e4d3c2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a09",
    },
)  # fmt: skip
class AuditEventSerializer(serializers.ModelSerializer):
    """One change. `sequence` and `hash` follow within seconds of the change."""

    actor = serializers.UUIDField(source="actor_id", allow_null=True, help_text="Person; null: a key or the operator.")
    actor_key = serializers.UUIDField(source="actor_key_id", allow_null=True)
    changes = serializers.SerializerMethodField()
    hash = serializers.SerializerMethodField(help_text="SHA-256, hexadecimal; null until sealed.")

    class Meta:
        model = AuditEvent
        fields = (
            "id", "organization", "at", "actor", "actor_key", "verb", "object_type", "object_id", "changes",
            "request_id", "sequence", "hash",
        )  # fmt: skip

    @extend_schema_field(ChangeSerializer(many=True))
    def get_changes(self, event: AuditEvent) -> list[dict[str, str | None]]:
        before, after = self.context["revealed"][event.pk]
        names = dict.fromkeys([*(before or {}), *(after or {})])
        return [
            {"field": name, "before": _text((before or {}).get(name)), "after": _text((after or {}).get(name))}
            for name in names
        ]

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_hash(self, event: AuditEvent) -> str | None:
        return bytes(event.hash).hex() if event.hash else None


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@examples(
    response={
        "organization": ID, "is_intact": True, "sealed": 4711, "unsealed": 2,
        "head_hash": "9f2c4e0d1b3a58677c6f5e4d3c2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a09", "broken_at": None,
        "problem": "",
    },
)  # fmt: skip
class AuditVerificationSerializer(serializers.Serializer):
    """Outcome of walking the chain. Keep `head_hash` elsewhere: it shows if the end of the trail is ever cut off."""

    organization = serializers.UUIDField(allow_null=True)
    is_intact = serializers.BooleanField()
    sealed = serializers.IntegerField()
    unsealed = serializers.IntegerField()
    head_hash = serializers.CharField()
    broken_at = serializers.IntegerField(allow_null=True)
    problem = serializers.CharField(allow_blank=True)
