"""Cost records: ledger lines as the costs that they are."""

from gateway.api.openapi import examples
from gateway.api.serializers.identity import ID
from gateway.api.serializers.ledger import REQUEST_ID, ChargeSerializer, UsageRecordSerializer
from gateway.models import LedgerLine

_RECORD = {
    "id": ID, "request_id": REQUEST_ID, "started_at": "2026-11-02T09:30:00.123000Z", "kind": "attempt",
    "corrects": None, "team": ID, "project": ID, "api_key": ID, "user": ID, "end_user": None,
    "tags": [{"key": "feature", "value": "search"}], "provider": "openai", "model_served": "gpt-4o-mini",
    "status": "ok", "origin": "gateway", "request_count": 1, "input_tokens": 1200, "cache_read_tokens": 0,
    "cache_write_5m_tokens": 0, "cache_write_1h_tokens": 0, "output_tokens": 310, "reasoning_tokens": 0,
    "usage_source": "reported", "charges": [
        {"meter": "input_tokens", "rate_id": "genai-prices:openai/gpt-4o-mini:input_tokens:base", "quantity": "1200",
         "unit_price": "0.00000015", "cost": "0.0001800000", "currency": "USD"},
    ], "cost": "0.0001800000", "list_cost": "0.0001800000", "currency": "USD", "price_status": "priced",
}  # fmt: skip


@examples(response=_RECORD)
class CostRecordSerializer(UsageRecordSerializer):
    """One ledger line: what was used, at which prices, what it cost. `cost` null: no price is known."""

    charges = ChargeSerializer(many=True)
    explanation = None  # type: ignore[assignment]  # usage-records/{id}/cost-explanation has it
    route_decision = None  # type: ignore[assignment]

    class Meta:
        model = LedgerLine
        fields = tuple(_RECORD)
