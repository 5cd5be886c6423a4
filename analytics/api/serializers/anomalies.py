"""Anomalies: what is asked, what is answered, what people say of one."""

from typing import Any

from django.utils import timezone as clock
from rest_framework import serializers

from analytics.anomalies.models import Anomaly, AnomalyScan, AnomalyState, Severity
from analytics.anomaly.frame import SCOPES
from analytics.anomaly.watch import METRICS
from analytics.api.serializers.questions import FIRST, check_window
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input
from gateway.api.serializers.catalog import NoteSerializer
from gateway.api.serializers.identity import ID

_EFFECTS = {
    "price": "0.0000000000", "volume": "210.1000000000", "mix": "0.0000000000", "size": "102.2000000000",
    "cache": "0.0000000000", "retry": "0.0000000000", "change": "312.3000000000",
}  # fmt: skip
_SERIES = {
    "metric": "cost", "dimension": "organization", "value": "", "start": "2026-11-16T22:00:00Z",
    "last": "2026-11-17T05:00:00Z",
}  # fmt: skip
EXAMPLE = {
    "id": ID, "metric": "cost", "scope": {"dimension": "organization", "value": "", "name": "Acme"},
    "start": "2026-11-16T22:00:00Z", "last_seen": "2026-11-17T05:00:00Z", "actual": 48.2, "expected": 2.1,
    "lower": 0.4, "upper": 5.9, "score": 0.83, "severity": "critical", "impact_amount": "312.3000000000",
    "currency": "USD", "state": "open",
    "causes": [{"dimension": "api_key", "value": ID, "name": "Nightly jobs (lgw_ab12)", "share": 0.99,
                "text": "key Nightly jobs (lgw_ab12): $47.90 instead of $0.00, 99.0 % of the change"}],
    "effects": _EFFECTS, "explanation": "Cost of Acme has been above what was expected since 16 Nov, 22:00: $48.20 "
    "instead of $2.10. Most of the change comes from key Nightly jobs (lgw_ab12) (99.0 %).", "feedback": "",
    "series": [_SERIES],
}  # fmt: skip
_SUMMARY = {
    "total": 1, "by_severity": {"low": 0, "medium": 0, "high": 0, "critical": 1}, "total_excess": "312.3000000000",
    "most_affected": [{"dimension": "api_key", "value": ID, "name": "Nightly jobs (lgw_ab12)", "anomalies": 1}],
}  # fmt: skip


@examples(request={"metrics": ["cost", "error_rate"], "sensitivity": 5, "min_score": 0.5, "dimensions": ["api_key"]})
class AnomalyQuerySerializer(Input):
    """Which of the stored anomalies."""

    metrics = serializers.ListField(
        child=serializers.ChoiceField(choices=METRICS), required=False, default=list, max_length=len(METRICS),
        help_text="Only anomalies in which one of these went off. Default: all.",
    )  # fmt: skip
    sensitivity = serializers.IntegerField(
        min_value=1, max_value=10, required=False, allow_null=True, default=None,
        help_text="Below the organization's own: only what a scan of this sensitivity would have told.",
    )  # fmt: skip
    min_score = serializers.FloatField(min_value=0, max_value=1, default=0)
    dimensions = serializers.ListField(
        child=serializers.ChoiceField(choices=SCOPES), required=False, default=list, max_length=len(SCOPES),
        help_text="Only anomalies whose scope or first cause is one of these. Default: all.",
    )  # fmt: skip
    states = serializers.ListField(
        child=serializers.ChoiceField(choices=AnomalyState.choices), required=False, default=list, max_length=4,
        help_text="Default: open and acknowledged.",
    )  # fmt: skip
    start = serializers.DateTimeField(required=False, default=FIRST, help_text="Seen from then on.")
    end = serializers.DateTimeField(required=False, help_text="Begun before then. Default: now.")
    limit = serializers.IntegerField(min_value=1, max_value=500, default=100)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs.setdefault("end", clock.now())
        if attrs["start"] != FIRST:
            check_window(attrs["start"], attrs["end"])
        return attrs


class AnomalyScopeSerializer(serializers.Serializer):
    """Where it is."""

    dimension = serializers.ChoiceField(choices=SCOPES)
    value = serializers.CharField(help_text="Id or name; empty for the whole organization.")
    name = serializers.CharField(help_text="What people call it.")


class AnomalyCauseSerializer(serializers.Serializer):
    """What carries the change."""

    dimension = serializers.CharField()
    value = serializers.CharField()
    name = serializers.CharField()
    share = serializers.FloatField(help_text="Of the change; above 1 when others went the other way.")
    text = serializers.CharField()


class AnomalyEffectsSerializer(serializers.Serializer):
    """Cost of the first day against the same hours a week before, split; the parts add up to `change` exactly."""

    price = serializers.CharField()
    volume = serializers.CharField()
    mix = serializers.CharField(help_text="Other models or projects.")
    size = serializers.CharField(help_text="Tokens per request.")
    cache = serializers.CharField(help_text="Input read from and written to the provider's cache.")
    retry = serializers.CharField()
    change = serializers.CharField()


class AnomalySeriesSerializer(serializers.Serializer):
    """One of the series that went off together."""

    metric = serializers.ChoiceField(choices=METRICS)
    dimension = serializers.CharField()
    value = serializers.CharField()
    start = serializers.DateTimeField()
    last = serializers.DateTimeField()


@examples(response=EXAMPLE)
class AnomalySerializer(serializers.ModelSerializer):
    """An incident. `actual`, `expected` and the band are those of its worst hour."""

    scope = serializers.SerializerMethodField()
    start = serializers.DateTimeField(source="started_at")
    last_seen = serializers.DateTimeField(source="last_seen_at")
    causes = AnomalyCauseSerializer(many=True)
    effects = AnomalyEffectsSerializer()
    series = AnomalySeriesSerializer(source="members", many=True)

    class Meta:
        model = Anomaly
        fields = (
            "id", "metric", "scope", "start", "last_seen", "actual", "expected", "lower", "upper", "score", "severity",
            "impact_amount", "currency", "state", "causes", "effects", "explanation", "feedback", "series",
        )  # fmt: skip
        read_only_fields = fields

    def get_scope(self, row: Anomaly) -> AnomalyScopeSerializer:
        names = self.context.get("names", {})
        name = names.get((row.dimension, row.value), row.value)
        return {"dimension": row.dimension, "value": row.value, "name": name}  # type: ignore[return-value]


class SeverityCountsSerializer(serializers.Serializer):
    """How many of each."""

    low = serializers.IntegerField()
    medium = serializers.IntegerField()
    high = serializers.IntegerField()
    critical = serializers.IntegerField()


class AffectedSerializer(serializers.Serializer):
    """What anomalies come from most often."""

    dimension = serializers.CharField()
    value = serializers.CharField()
    name = serializers.CharField()
    anomalies = serializers.IntegerField()


class AnomalySummarySerializer(serializers.Serializer):
    """All that the question found, beyond the limit too."""

    total = serializers.IntegerField()
    by_severity = SeverityCountsSerializer()
    total_excess = serializers.DecimalField(
        max_digits=20, decimal_places=10, help_text="Money above what was expected; less is not counted against it."
    )
    most_affected = AffectedSerializer(many=True)


@examples(
    response={
        "generated_at": "2026-11-22T10:00:00Z", "scanned_until": "2026-11-22T09:00:00Z", "currency": "USD",
        "anomalies": [EXAMPLE], "summary": _SUMMARY,
        "recommendations": [
            "Look at key Nightly jobs (lgw_ab12): it carries 99.0 % of a change of cost since 16 Nov, 22:00.",
        ],
        "notes": [],
    }
)  # fmt: skip
class AnomaliesSerializer(serializers.Serializer):
    """Newest first."""

    generated_at = serializers.DateTimeField()
    scanned_until = serializers.DateTimeField(allow_null=True, help_text="Hours before it are judged.")
    currency = serializers.CharField()
    anomalies = AnomalySerializer(many=True)
    summary = AnomalySummarySerializer()
    recommendations = serializers.ListField(child=serializers.CharField())
    notes = NoteSerializer(many=True)


@examples(request={"state": "expected", "feedback": "Load test of the new index."})
class AnomalyStateSerializer(Input):
    """What somebody says of it."""

    state = serializers.ChoiceField(choices=AnomalyState.choices)
    feedback = serializers.CharField(max_length=2_000, required=False, allow_blank=True, default="")


_SETTINGS = {"is_enabled": True, "sensitivity": 5, "min_impact": "1.0000000000"}


@examples(response={**_SETTINGS, "scanned_until": "2026-11-22T09:00:00Z"}, request=_SETTINGS)
class AnomalySettingsSerializer(Input, serializers.ModelSerializer):
    """How the organization is watched."""

    sensitivity = serializers.IntegerField(min_value=1, max_value=10, help_text="1 (only the glaring) to 10.")
    min_impact = serializers.DecimalField(max_digits=20, decimal_places=10, min_value=0)

    class Meta:
        model = AnomalyScan
        fields = ("is_enabled", "sensitivity", "min_impact", "scanned_until")
        read_only_fields = ("scanned_until",)


__all__ = [
    "AnomaliesSerializer", "AnomalyQuerySerializer", "AnomalySerializer", "AnomalySettingsSerializer",
    "AnomalyStateSerializer", "Severity",
]  # fmt: skip
