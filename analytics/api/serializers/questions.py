"""What is asked: the common question, and what some endpoints add to it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

from django.utils import timezone as clock
from rest_framework import serializers

from analytics.api.fields import CompareField, Scalar
from analytics.console.periods import next_quarter
from analytics.metrics import DIMENSIONS, MEASURES
from analytics.query import Filter, Having, Query
from analytics.query.shapes import Comparison, Granularity
from analytics.query.values import OPERATORS
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input
from gateway.models import Organization

GRANULARITIES = get_args(Granularity)
FIRST, LAST = datetime(1971, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
LONGEST = timedelta(days=5 * 366)
DEFAULT_DAYS = 30
MAX_LIMIT = 1_000
_NAME = 140
_WINDOW = {"start": "2026-11-01T00:00:00Z", "end": "2026-11-08T00:00:00Z"}
_FILTERS = [{"dimension": "model", "op": "in", "values": ["gpt-4o", "gpt-4o-mini"]}]
ASKED = {
    **_WINDOW, "granularity": "day", "timezone": "Europe/Vienna", "group_by": ["team"], "filters": _FILTERS,
    "compare_to": "previous_period", "limit": 20,
}  # fmt: skip


class FilterSerializer(Input):
    """Only lines whose `dimension` compares to `value`, or to one of `values`. Ids may be given by name: slug of
    organization, team or project, prefix of a key, user name. null means "not set"."""

    dimension = serializers.CharField(max_length=_NAME)
    op = serializers.ChoiceField(choices=OPERATORS, default="eq")
    value = Scalar(required=False, allow_null=True)
    values = serializers.ListField(child=Scalar(allow_null=True), required=False, min_length=1, max_length=1000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("value" in attrs) == ("values" in attrs):
            raise serializers.ValidationError({"values": "Give either value or values."}, code="required")
        return attrs


class HavingSerializer(Input):
    """Name only the groups whose measure compares to `value`; the others join the rest bucket."""

    measure = serializers.CharField(max_length=_NAME)
    op = serializers.ChoiceField(choices=get_args(Comparison))
    value = serializers.DecimalField(max_digits=30, decimal_places=12)


class PeriodSerializer(Input):
    """A window and the zone in which its days are cut."""

    start = serializers.DateTimeField(help_text="From, inclusive.")
    end = serializers.DateTimeField(help_text="To, exclusive.")
    timezone = serializers.CharField(
        max_length=64, default="UTC", help_text="IANA zone in which days, weeks, months are cut."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_window(attrs["start"], attrs["end"])
        return attrs


class LooseWindowSerializer(PeriodSerializer):
    """The same as query parameters: by default the last 30 days, the running quarter-hour included."""

    start = serializers.DateTimeField(required=False, help_text="From, inclusive. Default: 30 days before `end`.")
    end = serializers.DateTimeField(required=False, help_text="To, exclusive. Default: the end of this quarter-hour.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs.setdefault("end", next_quarter(clock.now()))
        if "start" not in attrs:
            attrs["start"] = max(FIRST, attrs["end"]) - timedelta(days=DEFAULT_DAYS)
        return super().validate(attrs)


class NarrowedSerializer(PeriodSerializer):
    """A window, filters and a comparison."""

    granularity = serializers.ChoiceField(
        choices=GRANULARITIES, required=False, allow_null=True, default=None,
        help_text="Bucket of the series; without it there is none. Minutes are kept for 48 hours.",
    )  # fmt: skip
    filters = FilterSerializer(many=True, required=False, default=list, max_length=50)  # type: ignore[call-arg]
    compare_to = CompareField(default="none")
    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_LIMIT, default=100, help_text="Groups; what lies beyond is one group `Other`."
    )
    order = serializers.CharField(
        max_length=_NAME, required=False, allow_null=True, default=None,
        help_text="Measure or dimension, `-` in front for descending. Default: the first measure, descending.",
    )  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if isinstance(attrs["compare_to"], tuple):
            first, last = attrs["compare_to"]
            check_window(first, last, name="compare_to")
        return attrs


@examples(request=ASKED)
class AnalyticsQuerySerializer(NarrowedSerializer):
    """The common question."""

    group_by = serializers.ListField(
        child=serializers.CharField(max_length=_NAME), required=False, default=list, max_length=6,
        help_text=f"Dimensions: {', '.join(DIMENSIONS)}, tag.<key>.",
    )  # fmt: skip


@examples(
    request={
        **_WINDOW, "measures": ["cost", "requests", "latency_p95"], "dimensions": ["team"], "granularity": "day",
        "timezone": "Europe/Vienna", "filters": [{"dimension": "model", "op": "eq", "value": "gpt-4o"}],
        "compare_to": "previous_period", "order": "-cost", "limit": 20,
        "having": [{"measure": "requests", "op": "gte", "value": "100"}],
    },
)  # fmt: skip
class SemanticQuerySerializer(NarrowedSerializer):
    """Any measures by any dimensions."""

    measures = serializers.ListField(
        child=serializers.CharField(max_length=_NAME), min_length=1, max_length=50,
        help_text=f"Of {', '.join(MEASURES)}.",
    )  # fmt: skip
    dimensions = serializers.ListField(
        child=serializers.CharField(max_length=_NAME), required=False, default=list, max_length=6,
        help_text=f"Of {', '.join(DIMENSIONS)}, tag.<key>.",
    )  # fmt: skip
    having = HavingSerializer(many=True, required=False, default=list, max_length=20)  # type: ignore[call-arg]


def check_window(start: datetime, end: datetime, name: str = "end") -> None:
    """Raises ValidationError for an empty, absurd or endless window."""
    if not start < end:
        raise serializers.ValidationError({name: "end must be after start."}, code="empty_window")
    if start < FIRST or end > LAST or end - start > LONGEST:
        words = "Windows lie between 1971 and 2200 and are at most five years long."
        raise serializers.ValidationError({name: words}, code="window_out_of_range")


def filters_of(fields: Mapping[str, Any]) -> tuple[Filter, ...]:
    """The filters of checked input."""
    return tuple(
        Filter(item["dimension"], item["op"], tuple(item["values"] if "values" in item else [item["value"]]))
        for item in fields.get("filters", ())
    )


def query_of(fields: Mapping[str, Any], organization: Organization, **more: Any) -> Query:
    """The question of checked input; `more` replaces or adds fields of `Query`."""
    known: dict[str, Any] = {
        name: fields[name] for name in ("start", "end", "timezone", "granularity", "compare_to", "limit", "order")
        if fields.get(name) is not None
    }  # fmt: skip
    known["dimensions"] = tuple(fields.get("group_by") or fields.get("dimensions") or ())
    known["filters"] = filters_of(fields)
    known["having"] = tuple(
        Having(item["measure"], item["op"], Decimal(f"{item['value'].normalize():f}"))
        for item in fields.get("having", ())
    )
    if "measures" in fields:
        known["measures"] = tuple(fields["measures"])
    return Query(**{**known, "organization": organization, **more})
