"""Answers about speed and reliability."""

from rest_framework import serializers

from analytics.answers.performance import PERCENTILES
from analytics.api.fields import GroupsField
from analytics.api.serializers.overview import BY_MODEL, BY_PROVIDER
from analytics.api.serializers.questions import ASKED, AnalyticsQuerySerializer
from analytics.api.serializers.results import RESULT, AnalyticsResultSerializer
from gateway.api.openapi import examples


@examples(request={**ASKED, "include_percentiles": True, "include_error_analysis": True})
class PerformanceQuerySerializer(AnalyticsQuerySerializer):
    """The common question about performance."""

    include_percentiles = serializers.BooleanField(default=True)
    include_error_analysis = serializers.BooleanField(default=True)


def _milliseconds(text: str) -> serializers.FloatField:
    return serializers.FloatField(allow_null=True, help_text=text)


class PercentilesSerializer(serializers.Serializer):
    """Nearest rank, within 1 %. Milliseconds, but for `output_rate_p50`, which is tokens per second."""

    latency_p50 = _milliseconds("Half of the answers were whole by then.")
    latency_p75 = _milliseconds("")
    latency_p90 = _milliseconds("")
    latency_p95 = _milliseconds("")
    latency_p99 = _milliseconds("")
    latency_p999 = _milliseconds("")
    ttft_p50 = _milliseconds("Time to the first token.")
    ttft_p95 = _milliseconds("")
    ttft_p99 = _milliseconds("")
    output_rate_p50 = serializers.FloatField(allow_null=True, help_text="Visible output tokens per second.")


class ThroughputSerializer(serializers.Serializer):
    """Means over the elapsed part of the window."""

    requests_per_minute = serializers.FloatField(allow_null=True)
    tokens_per_minute = serializers.FloatField(allow_null=True)


class ErrorTypeSerializer(serializers.Serializer):
    """Errors of one type."""

    type = serializers.CharField(source="name", allow_null=True)
    count = serializers.IntegerField()
    share = serializers.FloatField(help_text="Of all errors.")


class ErrorProviderSerializer(serializers.Serializer):
    """Errors at one provider."""

    provider = serializers.CharField(source="name", allow_null=True)
    count = serializers.IntegerField()
    share = serializers.FloatField(help_text="Of all errors.")
    error_rate = serializers.FloatField(allow_null=True, help_text="Errors ÷ requests of that provider.")


class CommonErrorSerializer(serializers.Serializer):
    """One sort of error. Times are the start of the bucket in which it was seen."""

    type = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_null=True, help_text="What the type means; providers' texts are not kept.")
    http_status = serializers.IntegerField(allow_null=True)
    provider = serializers.CharField(allow_null=True)
    model = serializers.CharField(allow_null=True)
    count = serializers.IntegerField()
    first_seen = serializers.DateTimeField()
    last_seen = serializers.DateTimeField()


class ErrorAnalysisSerializer(serializers.Serializer):
    """Requests that ended in an error, by what and where."""

    total = serializers.IntegerField()
    by_type = ErrorTypeSerializer(many=True)
    by_provider = ErrorProviderSerializer(many=True)
    most_common = CommonErrorSerializer(many=True)


_PERCENTILES = dict.fromkeys(PERCENTILES, 812.5)
_ERRORS = {
    "total": 12, "by_type": [{"type": "idle_timeout", "count": 12, "share": 1.0}],
    "by_provider": [{"provider": "openai", "count": 12, "share": 1.0, "error_rate": 0.004}],
    "most_common": [{"type": "idle_timeout", "message": "The provider fell silent in the middle of its answer.",
                     "http_status": 504, "provider": "openai", "model": "gpt-4o", "count": 12,
                     "first_seen": "2026-11-02T08:00:00Z", "last_seen": "2026-11-06T17:00:00Z"}],
}  # fmt: skip


@examples(
    response={
        **RESULT, "by_provider": BY_PROVIDER, "by_model": BY_MODEL, "percentiles": _PERCENTILES,
        "throughput": {"requests_per_minute": 12.4, "tokens_per_minute": 9120.0}, "apdex": 0.94,
        "apdex_target_ms": 5000, "error_analysis": _ERRORS,
    },
)  # fmt: skip
class PerformanceSerializer(AnalyticsResultSerializer):
    """The common answer about performance. `apdex` by the Apdex specification 1.1, with T = `apdex_target_ms`."""

    by_provider = GroupsField()
    by_model = GroupsField()
    percentiles = PercentilesSerializer(allow_null=True)
    throughput = ThroughputSerializer()
    apdex = serializers.FloatField(allow_null=True)
    apdex_target_ms = serializers.IntegerField()
    error_analysis = ErrorAnalysisSerializer(allow_null=True)
