"""The real-time answer."""

from rest_framework import serializers

from analytics.api.fields import SeriesField
from analytics.api.serializers.overview import ALERTS, ANSWER, PROVIDERS, AlertSerializer, ProviderStateSerializer
from analytics.api.serializers.results import AnswerSerializer
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Money
from gateway.api.serializers.identity import ID


class RealtimeParametersSerializer(Input):
    """Whose calls."""

    user_id = serializers.UUIDField(required=False, help_text="Only this person's.")


class ActivitySerializer(serializers.Serializer):
    """A request that is over."""

    request_id = serializers.CharField()
    at = serializers.DateTimeField(help_text="When it began.")
    kind = serializers.CharField()
    status = serializers.CharField()
    http_status = serializers.IntegerField(allow_null=True)
    error_type = serializers.CharField(allow_null=True)
    provider = serializers.CharField(allow_null=True)
    model = serializers.CharField(allow_null=True, help_text="Model served.")
    model_requested = serializers.CharField()
    endpoint = serializers.CharField()
    project = serializers.UUIDField()
    api_key = serializers.UUIDField(allow_null=True)
    user = serializers.UUIDField(allow_null=True)
    duration_ms = serializers.FloatField(allow_null=True)
    ttft_ms = serializers.FloatField(allow_null=True)
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost = Money(allow_null=True, help_text="Null: no price is known.")
    currency = serializers.CharField()


class ResourcesSerializer(serializers.Serializer):
    """What the data planes take together, and how far behind their work is. Null is not known."""

    cpu_percent = serializers.FloatField(allow_null=True, help_text="100 is one processor.")
    rss_bytes = serializers.IntegerField(allow_null=True)
    network_in_bps = serializers.FloatField(allow_null=True, help_text="Bits per second of the busiest host.")
    network_out_bps = serializers.FloatField(allow_null=True)
    cache_hit_rate = serializers.FloatField(allow_null=True, help_text="Of the window's requests.")
    queue_depth = serializers.IntegerField(help_text="Changed buckets of the organization that wait for the rollups.")
    ledger_lag_s = serializers.FloatField(allow_null=True)
    spool_bytes = serializers.IntegerField(allow_null=True, help_text="Written and not booked yet.")


REALTIME = {
    **ANSWER, "start": "2026-11-08T09:25:00Z", "active_requests": 3, "requests_per_minute": 12.4,
    "tokens_per_minute": 9120.0, "error_rate": 0.004, "latency_p50": 812.0, "latency_p95": 2140.0,
    "latency_p99": 4100.0, "ttft_p95": 410.0,
    "series": [{"time": "2026-11-08T09:25:00Z", "dimensions": {}, "measures": {"requests": 12, "error_rate": 0.0}}],
    "provider_health": PROVIDERS,
    "recent_activity": [
        {"request_id": "req_3f1c2d9a8b7e4f60a1b2c3d4e5f60718", "at": "2026-11-08T09:29:58.120000Z", "kind": "attempt",
         "status": "ok", "http_status": 200, "error_type": None, "provider": "openai", "model": "gpt-4o",
         "model_requested": "fast", "endpoint": "chat/completions", "project": ID, "api_key": ID, "user": ID,
         "duration_ms": 842.1, "ttft_ms": 210.4, "input_tokens": 1200, "output_tokens": 310, "cost": "0.0061000000",
         "currency": "USD"},
    ],
    "alerts": ALERTS,
    "resources": {"cpu_percent": 12.5, "rss_bytes": 91000000, "network_in_bps": 18000.0, "network_out_bps": 42000.0,
                  "cache_hit_rate": 0.08, "queue_depth": 2, "ledger_lag_s": 0.4, "spool_bytes": 4096},
}  # fmt: skip


@examples(response=REALTIME)
class RealtimeSerializer(AnswerSerializer):
    """Now, and the last five minutes by minute."""

    start = serializers.DateTimeField(help_text="From when on the figures are.")
    active_requests = serializers.IntegerField(allow_null=True, help_text="Calls that run, of keys that you see.")
    requests_per_minute = serializers.FloatField(allow_null=True)
    tokens_per_minute = serializers.FloatField(allow_null=True)
    error_rate = serializers.FloatField(allow_null=True)
    latency_p50 = serializers.FloatField(allow_null=True)
    latency_p95 = serializers.FloatField(allow_null=True)
    latency_p99 = serializers.FloatField(allow_null=True)
    ttft_p95 = serializers.FloatField(allow_null=True)
    series = SeriesField()
    provider_health = ProviderStateSerializer(many=True)
    recent_activity = ActivitySerializer(many=True, help_text="Up to 20 of the last 15 minutes, newest first.")
    alerts = AlertSerializer(many=True)
    resources = ResourcesSerializer()
