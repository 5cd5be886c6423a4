"""The common answer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rest_framework import serializers

from analytics.api.fields import (
    ChangeMap,
    CompareField,
    GroupsField,
    MeasureMap,
    Scalar,
    SeriesField,
)
from gateway.api.openapi import examples
from gateway.api.serializers.catalog import NoteSerializer
from gateway.api.serializers.identity import ID

_COSTS = {"cost": "42.1700000000", "requests": 9120}
_BEFORE = {"cost": "38.0000000000", "requests": 9500}
GROUP = {
    "dimensions": {"team": ID}, "measures": _COSTS, "share": 1.0, "is_other": False, "previous": _BEFORE,
}  # fmt: skip
UNDERSTOOD = {
    "start": "2026-11-01T00:00:00Z", "end": "2026-11-08T00:00:00Z", "granularity": "day", "timezone": "UTC",
    "measures": ["cost", "requests"], "group_by": ["team"], "filters": [], "having": [],
    "compare_to": "previous_period", "order": "-cost", "limit": 100,
}  # fmt: skip
RESULT = {
    "generated_at": "2026-11-08T09:30:00Z", "data_version": 812, "rollup_lag_s": 1.2, "currency": "USD",
    "timezone": "UTC", "query": UNDERSTOOD, "totals": _COSTS, "previous_totals": _BEFORE,
    "change": {"cost": 0.1097, "requests": -0.04},
    "series": [{"time": "2026-11-01T00:00:00Z", "dimensions": {"team": ID}, "measures": _COSTS}],
    "groups": [GROUP], "labels": [{"dimension": "team", "value": ID, "name": "search"}], "notes": [], "stale": False,
}  # fmt: skip


class UnderstoodFilterSerializer(serializers.Serializer):
    """A filter as it was applied."""

    dimension = serializers.CharField()
    op = serializers.CharField()
    values = serializers.ListField(child=Scalar(allow_null=True))


class UnderstoodHavingSerializer(serializers.Serializer):
    """A condition on groups as it was applied."""

    measure = serializers.CharField()
    op = serializers.CharField()
    value = Scalar()


class UnderstoodSerializer(serializers.Serializer):
    """The question with its defaults filled in and its window widened to whole buckets."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    granularity = serializers.CharField(allow_null=True)
    timezone = serializers.CharField()
    measures = serializers.ListField(child=serializers.CharField())
    group_by = serializers.ListField(child=serializers.CharField())
    filters = UnderstoodFilterSerializer(many=True)
    having = UnderstoodHavingSerializer(many=True)
    compare_to = CompareField(read_only=True)
    order = serializers.CharField()
    limit = serializers.IntegerField()

    def to_representation(self, instance: Mapping[str, Any]) -> Any:
        return super().to_representation({**instance, **_times(instance), "having": instance.get("having", [])})


def _times(understood: Mapping[str, Any]) -> dict[str, Any]:
    return {name: datetime.fromisoformat(understood[name]) for name in ("start", "end")}


class LabelSerializer(serializers.Serializer):
    """The name that people know for an id."""

    dimension = serializers.CharField()
    value = serializers.CharField(help_text="The id, as in `dimensions`.")
    name = serializers.CharField(help_text="Slug, key prefix or user name.")


class AnswerSerializer(serializers.Serializer):
    """What every answer says about itself."""

    generated_at = serializers.DateTimeField()
    data_version = serializers.IntegerField(help_text="Grows with every refresh of the rollups.")
    rollup_lag_s = serializers.FloatField(help_text="Age of the oldest change that is not in the figures yet.")
    currency = serializers.CharField()
    timezone = serializers.CharField()
    notes = NoteSerializer(many=True)
    stale = serializers.BooleanField(help_text="The figures could not be read again; these are the last ones.")


@examples(response=RESULT)
class AnalyticsResultSerializer(AnswerSerializer):
    """The common answer: totals, series, groups. `labels` name the ids among the dimensions."""

    query = UnderstoodSerializer()
    totals = MeasureMap()
    previous_totals = MeasureMap(allow_null=True)
    change = ChangeMap()
    series = SeriesField()
    groups = GroupsField()
    labels = LabelSerializer(many=True)
