"""What is asked and answered about costs: reports, breakdowns, trends, efficiency, forecast, anomalies, real time."""

from typing import Any

from django.utils import timezone as clock
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analytics.anomalies.models import Anomaly, AnomalyState
from analytics.answers.costs import MEASURES
from analytics.api.fields import CompareField, ReadField
from analytics.api.serializers.anomalies import (
    EXAMPLE,
    AnomalyCauseSerializer,
    AnomalyEffectsSerializer,
    AnomalySerializer,
    AnomalySummarySerializer,
)
from analytics.api.serializers.forecasts import (
    FORECAST,
    ExhaustionSerializer,
    ForecastIntervalSerializer,
    ForecastQuerySerializer,
    ForecastSerializer,
)
from analytics.api.serializers.models import ProviderCompareQuerySerializer
from analytics.api.serializers.overview import ANSWER, Exact, TrendSerializer, ValueField
from analytics.api.serializers.questions import (
    ASKED,
    FIRST,
    HavingSerializer,
    NarrowedSerializer,
    check_window,
)
from analytics.api.serializers.results import RESULT, AnalyticsResultSerializer, AnswerSerializer, LabelSerializer
from analytics.metrics import DIMENSIONS
from costs.analysis.anomalies import said
from costs.analysis.breakdown import MOST_LEVELS
from costs.analysis.efficiency import AGAINST
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input
from gateway.api.serializers.catalog import NoteSerializer
from gateway.api.serializers.identity import ID

COST_MEASURES = tuple(MEASURES)
TREND_GRAINS = ("day", "week", "month")
_SPAN = {name: ASKED[name] for name in ("start", "end", "timezone")}
_NAME = 140
_LABELS = [{"dimension": "team", "value": ID, "name": "search"}]


@extend_schema_field({"type": ["string", "number", "boolean", "null"]})
class DimensionValueField(ReadField):
    """The value of a dimension: an id, a name, a number; null where the lines do not say."""

    def to_representation(self, value: Any) -> Any:
        return value


# ---- report, breakdown -----------------------------------------------------------------------------------------------


@examples(
    request={
        **_SPAN, "group_by": ["team", "model"], "measures": ["cost", "requests"], "granularity": "day",
        "filters": [{"dimension": "provider", "op": "eq", "value": "openai"}], "compare_to": "previous_period",
        "limit": 20,
    },
)  # fmt: skip
class ReportQuerySerializer(NarrowedSerializer):
    """What is reported by what. `having` keeps groups by their figures."""

    measures = serializers.ListField(
        child=serializers.CharField(max_length=_NAME), required=False, min_length=1, max_length=50,
        default=lambda: list(COST_MEASURES), help_text=f"Default: {', '.join(COST_MEASURES)}.",
    )  # fmt: skip
    group_by = serializers.ListField(
        child=serializers.CharField(max_length=_NAME), required=False, default=list, max_length=6,
        help_text=f"Dimensions: {', '.join(DIMENSIONS)}, tag.<key>.",
    )  # fmt: skip
    having = HavingSerializer(many=True, required=False, default=list, max_length=20)  # type: ignore[call-arg]


@examples(
    request={**_SPAN, "dimensions": ["team", "model"], "limit": 5},
)
class BreakdownQuerySerializer(NarrowedSerializer):
    """Cost of a window by dimensions, the first around the second and so on."""

    granularity = None  # type: ignore[assignment]  # parts have no series
    order = None  # type: ignore[assignment]  # the dearest first
    compare_to = None  # type: ignore[assignment]  # trends compare
    dimensions = serializers.ListField(
        child=serializers.CharField(max_length=_NAME), min_length=1, max_length=MOST_LEVELS,
        help_text=f"From the outermost inwards: {', '.join(DIMENSIONS)}, tag.<key>.",
    )  # fmt: skip
    limit = serializers.IntegerField(
        min_value=1, max_value=100, default=20, help_text="Parts of each part; the rest is one, `Other`."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return super().validate({**attrs, "compare_to": "none"})


class NodeMeasuresSerializer(serializers.Serializer):
    """Figures of a part."""

    cost = Exact()
    requests = serializers.IntegerField()
    total_tokens = serializers.IntegerField()


class NodeSerializer(serializers.Serializer):
    """A part: `path` from the outermost dimension inwards."""

    path = serializers.ListField(child=DimensionValueField())
    depth = serializers.IntegerField()
    measures = NodeMeasuresSerializer()
    share = serializers.FloatField(allow_null=True, help_text="Of the whole cost.")
    share_of_parent = serializers.FloatField(allow_null=True, help_text="Of the part that it lies in.")
    is_other = serializers.BooleanField(help_text="What lies beyond the limit within its parent.")


_NODE = {
    "path": [ID], "depth": 1, "measures": {"cost": "30.0000000000", "requests": 6200, "total_tokens": 601000},
    "share": 0.71, "share_of_parent": 0.71, "is_other": False,
}  # fmt: skip


@examples(
    response={
        **RESULT, "previous_totals": None, "change": {}, "series": [], "groups": [], "labels": _LABELS,
        "dimensions": ["team", "model"],
        "nodes": [_NODE, {**_NODE, "path": [ID, "gpt-4o"], "depth": 2, "share": 0.43, "share_of_parent": 0.61}],
    },
)  # fmt: skip
class BreakdownSerializer(AnalyticsResultSerializer):
    """The dearest part first, each followed by its own; the parts of a part, the rest included, add up to it."""

    dimensions = serializers.ListField(child=serializers.CharField())
    nodes = NodeSerializer(many=True)


# ---- trends ----------------------------------------------------------------------------------------------------------


@examples(request={**_SPAN, "granularity": "week", "compare_to": "previous_period", "filters": ASKED["filters"]})
class TrendsQuerySerializer(NarrowedSerializer):
    """Which window, in which steps, against what."""

    granularity = serializers.ChoiceField(choices=TREND_GRAINS, default="day")
    compare_to = CompareField(default="previous_period")
    order = None  # type: ignore[assignment]  # nothing is grouped
    limit = None  # type: ignore[assignment]


class StepSerializer(serializers.Serializer):
    """A bucket. `change` against the one before, null where either is cut or the one before cost nothing."""

    time = serializers.DateTimeField()
    cost = Exact()
    requests = serializers.IntegerField()
    cost_per_request = ValueField(read_only=True, allow_null=True)
    change = serializers.FloatField(allow_null=True)
    is_whole = serializers.BooleanField(help_text="Neither cut by the window nor still filling.")


class VolatilitySerializer(serializers.Serializer):
    """How much whole buckets swing."""

    mean = Exact()
    standard_deviation = Exact()
    coefficient = serializers.FloatField(allow_null=True, help_text="Standard deviation ÷ mean.")
    largest_step = serializers.FloatField(allow_null=True, help_text="From one bucket to the next, relative.")
    buckets = serializers.IntegerField()


class EffectsSerializer(serializers.Serializer):
    """A change of cost, split; the parts add up to `change` to the last digit."""

    price = Exact(help_text="Other prices for the same usage.")
    volume = Exact(help_text="More or fewer requests, at the old mix.")
    mix = Exact(help_text="Other models, providers or projects.")
    size = Exact(help_text="Tokens per request.")
    cache = Exact(help_text="Input read from and written to the provider's cache.")
    retry = Exact(help_text="Attempts that were followed by another one.")
    change = Exact()


class DriverSerializer(serializers.Serializer):
    """One value of a dimension and why its cost changed."""

    dimension = serializers.CharField()
    value = DimensionValueField()
    cost = Exact()
    previous = Exact()
    change = Exact()
    share = serializers.FloatField(allow_null=True, help_text="Of the whole change; above 1 when others went down.")
    effects = EffectsSerializer()


_STEP = {
    "time": "2026-11-03T00:00:00Z", "cost": "9.1200000000", "requests": 1310, "cost_per_request": "0.0069618321",
    "change": 0.12, "is_whole": True,
}  # fmt: skip
_EFFECTS = {
    "price": "0.0000000000", "volume": "3.1000000000", "mix": "0.8700000000", "size": "0.2000000000",
    "cache": "0.0000000000", "retry": "0.0000000000", "change": "4.1700000000",
}  # fmt: skip
_DRIVER = {
    "dimension": "model", "value": "gpt-4o", "cost": "30.0000000000", "previous": "26.1000000000",
    "change": "3.9000000000", "share": 0.935, "effects": {**_EFFECTS, "mix": "0.6000000000", "change": "3.9000000000"},
}  # fmt: skip


@examples(
    response={
        **RESULT, "series": [], "groups": [], "labels": [],
        "trends": [{"measure": "cost", "value": "42.1700000000", "previous": "38.0000000000", "change": 0.1097,
                    "direction": "up"}],
        "periods": [_STEP],
        "volatility": {"mean": "6.0200000000", "standard_deviation": "1.1000000000", "coefficient": 0.183,
                       "largest_step": -0.31, "buckets": 7},
        "peak": _STEP, "trough": _STEP, "effects": _EFFECTS, "drivers": [_DRIVER],
    },
)  # fmt: skip
class TrendsSerializer(AnalyticsResultSerializer):
    """How cost moves, and why. `effects` null and `drivers` empty without a comparison."""

    trends = TrendSerializer(many=True)
    periods = StepSerializer(many=True)
    volatility = VolatilitySerializer(allow_null=True)
    peak = StepSerializer(allow_null=True)
    trough = StepSerializer(allow_null=True)
    effects = EffectsSerializer(allow_null=True)
    drivers = DriverSerializer(many=True, help_text="Per dimension the five largest changes.")


# ---- efficiency ------------------------------------------------------------------------------------------------------


@examples(request={**_SPAN, "granularity": "week", "against": "previous_period", "filters": ASKED["filters"]})
class EfficiencyQuerySerializer(NarrowedSerializer):
    """Which window, and what it is held against."""

    granularity = serializers.ChoiceField(choices=("hour", *TREND_GRAINS), default="day")
    compare_to = None  # type: ignore[assignment]  # against says it
    order = None  # type: ignore[assignment]
    limit = None  # type: ignore[assignment]
    against = serializers.ChoiceField(choices=AGAINST, default="previous_period")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return super().validate({**attrs, "compare_to": "none"})


class RatiosSerializer(serializers.Serializer):
    """What an outcome costs and what is wasted; null where there is nothing to divide by."""

    cost_per_request = ValueField(read_only=True, allow_null=True)
    cost_per_success = ValueField(read_only=True, allow_null=True)
    cost_per_1k_tokens = ValueField(read_only=True, allow_null=True)
    cached_share = serializers.FloatField(allow_null=True, help_text="Input tokens read from the provider's cache.")
    retry_waste = Exact(help_text="Cost of attempts that were followed by another one.")
    retry_share = serializers.FloatField(allow_null=True, help_text="The same as a share of the cost.")
    failed_share = serializers.FloatField(allow_null=True, help_text="Cost of attempts that ended in an error ÷ cost.")
    output_input_ratio = serializers.FloatField(allow_null=True, help_text="Output ÷ input tokens.")


class MomentSerializer(serializers.Serializer):
    """A bucket."""

    time = serializers.DateTimeField()
    cost = Exact(source="ratios.cost")
    cost_per_request = ValueField(read_only=True, allow_null=True, source="ratios.cost_per_request")
    cost_per_success = ValueField(read_only=True, allow_null=True, source="ratios.cost_per_success")
    cost_per_1k_tokens = ValueField(read_only=True, allow_null=True, source="ratios.cost_per_1k_tokens")
    cached_share = serializers.FloatField(allow_null=True, source="ratios.cached_share")
    retry_share = serializers.FloatField(allow_null=True, source="ratios.retry_share")
    failed_share = serializers.FloatField(allow_null=True, source="ratios.failed_share")
    output_input_ratio = serializers.FloatField(allow_null=True, source="ratios.output_input_ratio")


class ComparedRatioSerializer(serializers.Serializer):
    """One ratio beside the benchmark's."""

    measure = serializers.CharField()
    value = ValueField(read_only=True, allow_null=True)
    benchmark = ValueField(read_only=True, allow_null=True)
    difference = serializers.FloatField(allow_null=True, help_text="Relative.")


class BenchmarkSerializer(serializers.Serializer):
    """`difference`: relative, of cost per 1,000 tokens; against list prices, of the cost."""

    against = serializers.ChoiceField(choices=AGAINST)
    difference = serializers.FloatField(allow_null=True)
    measures = ComparedRatioSerializer(many=True)


class UnitDaySerializer(serializers.Serializer):
    """One day of the reporting zone; `value` null: it is not known."""

    day = serializers.DateField()
    value = serializers.DecimalField(max_digits=40, decimal_places=6, allow_null=True)
    cost = Exact()
    cost_per_unit = ValueField(read_only=True, allow_null=True)
    is_partial = serializers.BooleanField(help_text="Some scopes are not known and left out of value and cost.")


class UnitScopeSerializer(serializers.Serializer):
    """One team, project or tag value, over the days that have a value."""

    scope = serializers.CharField()
    name = serializers.CharField()
    value = serializers.DecimalField(max_digits=40, decimal_places=6)
    cost = Exact()
    cost_per_unit = ValueField(read_only=True, allow_null=True)


class UnitCostSerializer(serializers.Serializer):
    """What one unit of a metric costs; days without a value are in neither sum."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    unit = serializers.CharField()
    dimension = serializers.CharField(allow_blank=True)
    value = serializers.DecimalField(max_digits=40, decimal_places=6, allow_null=True)
    cost = Exact(allow_null=True)
    cost_per_unit = ValueField(read_only=True, allow_null=True)
    days_without_value = serializers.IntegerField()
    scopes = UnitScopeSerializer(many=True)
    series = UnitDaySerializer(many=True)
    note = serializers.CharField(allow_blank=True, help_text="Why nothing is said; empty otherwise.")


_RATIOS: dict[str, Any] = {
    "cost_per_request": "0.0046239035", "cost_per_success": "0.0046800000", "cost_per_1k_tokens": "0.0462000000",
    "cached_share": 0.17, "retry_share": 0.012, "failed_share": 0.004, "output_input_ratio": 0.3,
}  # fmt: skip
_UNIT_DAY = {
    "day": "2026-11-03", "value": "412.000000", "cost": "18.5400000000", "cost_per_unit": "0.0450000000",
    "is_partial": False,
}  # fmt: skip
UNIT_COST = {
    "id": ID, "name": "Tickets solved", "unit": "ticket", "dimension": "team", "value": "2610.000000",
    "cost": "117.4500000000", "cost_per_unit": "0.0450000000", "days_without_value": 1,
    "scopes": [{"scope": ID, "name": "support", "value": "2610.000000", "cost": "117.4500000000",
                "cost_per_unit": "0.0450000000"}],
    "series": [_UNIT_DAY, {**_UNIT_DAY, "day": "2026-11-04", "value": None, "cost_per_unit": None}], "note": "",
}  # fmt: skip


@examples(
    response={
        **RESULT, "previous_totals": None, "change": {}, "series": [], "groups": [], "labels": [], **_RATIOS,
        "retry_waste": "0.5060000000", "saved_by_cache": "3.2000000000", "unit_metrics": [UNIT_COST],
        "benchmark": {"against": "previous_period", "difference": -0.08, "measures": [
            {"measure": "cost_per_1k_tokens", "value": "0.0462000000", "benchmark": "0.0502000000",
             "difference": -0.08}]},
        "trend": [{"time": "2026-11-03T00:00:00Z", "cost": "9.1200000000", **_RATIOS}],
    },
)  # fmt: skip
class EfficiencySerializer(RatiosSerializer, AnalyticsResultSerializer):
    """What an outcome costs, what is wasted, against what, and how it moved."""

    saved_by_cache = Exact(help_text="List cost of answers that the gateway's own cache gave instead.")
    unit_metrics = UnitCostSerializer(many=True)
    benchmark = BenchmarkSerializer()
    trend = MomentSerializer(many=True)


# ---- forecast --------------------------------------------------------------------------------------------------------


@examples(request={"horizon": 30, "confidence_levels": [0.8, 0.95], "filters": []})
class CostForecastQuerySerializer(ForecastQuerySerializer):
    """How far, at which levels."""

    metric = None  # type: ignore[assignment]  # it is cost


class LastingSerializer(ExhaustionSerializer):
    """When a budget runs out within its running period, and in how many months it does, in that or in a later one; null
    with the reason in `note`."""

    months_to_exhaustion = serializers.FloatField(allow_null=True, source="months")
    earliest_months = serializers.FloatField(allow_null=True)
    latest_months = serializers.FloatField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        """What the exhaustion says, out of `exhaustion`."""
        fields = super().get_fields()
        for name in ExhaustionSerializer._declared_fields:
            fields[name].source = f"exhaustion.{name}"
        return fields


_LASTING = {
    "id": ID, "name": "Company", "limit": "500.0000000000", "spent": "312.0000000000",
    "resets_at": "2026-12-01T00:00:00Z", "exhausts_at": "2026-11-24T10:00:00Z", "earliest": "2026-11-21T04:00:00Z",
    "latest": "2026-11-28T19:00:00Z", "note": "", "months_to_exhaustion": 0.53, "earliest_months": 0.42,
    "latest_months": 0.67,
}  # fmt: skip


@examples(response={**FORECAST, "budgets": [_LASTING]})
class CostForecastSerializer(ForecastSerializer):
    """What is going to be spent, and until when budgets last."""

    budgets = LastingSerializer(many=True)


# ---- anomalies -------------------------------------------------------------------------------------------------------


@examples(request={"min_score": 0.5, "states": ["open"], "limit": 20})
class CostAnomalyQuerySerializer(Input):
    """Which of the stored anomalies of cost."""

    sensitivity = serializers.IntegerField(
        min_value=1, max_value=10, required=False, allow_null=True, default=None,
        help_text="Below the organization's own: only what a scan of this sensitivity would have told.",
    )  # fmt: skip
    min_score = serializers.FloatField(min_value=0, max_value=1, default=0)
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
        return {**attrs, "dimensions": []}


_ANOMALY = {
    name: EXAMPLE[name]
    for name in ("id", "scope", "start", "last_seen", "lower", "upper", "score", "severity", "currency", "state",
                 "causes", "explanation")
}  # fmt: skip
_ANOMALY |= {
    "actual": "48.2000000000", "expected": "2.1000000000", "excess": "312.3000000000",
    "decomposition": EXAMPLE["effects"], "feedback": {"is_anomaly": None, "text": ""},
}  # fmt: skip


class AnomalyFeedbackSerializer(serializers.Serializer):
    """What people said: it was one, it was none; null: nobody has said."""

    is_anomaly = serializers.BooleanField(allow_null=True)
    text = serializers.CharField(allow_blank=True)


@examples(response=_ANOMALY)
class CostAnomalySerializer(serializers.ModelSerializer):
    """An anomaly of cost. `actual`, `expected` and the band are of its worst hour, `excess` of all its hours."""

    scope = serializers.SerializerMethodField()
    start = serializers.DateTimeField(source="started_at")
    last_seen = serializers.DateTimeField(source="last_seen_at")
    actual = ValueField(read_only=True)
    expected = ValueField(read_only=True)
    excess = Exact(source="impact_amount")
    decomposition = AnomalyEffectsSerializer(source="effects")
    causes = AnomalyCauseSerializer(many=True)
    feedback = serializers.SerializerMethodField()

    class Meta:
        model = Anomaly
        fields = (
            "id", "scope", "start", "last_seen", "actual", "expected", "excess", "lower", "upper", "score", "severity",
            "currency", "state", "decomposition", "causes", "explanation", "feedback",
        )  # fmt: skip
        read_only_fields = fields

    get_scope = AnomalySerializer.get_scope

    def get_feedback(self, row: Anomaly) -> AnomalyFeedbackSerializer:
        return {"is_anomaly": said(row), "text": row.feedback}  # type: ignore[return-value]


@examples(
    response={
        "generated_at": "2026-11-22T10:00:00Z", "scanned_until": "2026-11-22T09:00:00Z", "currency": "USD",
        "anomalies": [_ANOMALY],
        "summary": {"total": 1, "by_severity": {"low": 0, "medium": 0, "high": 0, "critical": 1},
                    "total_excess": "312.3000000000", "most_affected": [
                        {"dimension": "api_key", "value": ID, "name": "lgw_ab12", "anomalies": 1}]},
        "recommendations": ["Look at key lgw_ab12: it carries 99.0 % of a change of cost since 16 Nov, 22:00."],
        "notes": [],
    }
)  # fmt: skip
class CostAnomaliesSerializer(serializers.Serializer):
    """Newest first."""

    generated_at = serializers.DateTimeField()
    scanned_until = serializers.DateTimeField(allow_null=True, help_text="Hours before it are judged.")
    currency = serializers.CharField()
    anomalies = CostAnomalySerializer(many=True)
    summary = AnomalySummarySerializer()
    recommendations = serializers.ListField(child=serializers.CharField())
    notes = NoteSerializer(many=True)


@examples(request={"is_anomaly": False, "text": "The monthly batch; it is always like that."})
class FeedbackRequestSerializer(Input):
    """Whether it was one. False: its series have to be stranger to be told again."""

    is_anomaly = serializers.BooleanField()
    text = serializers.CharField(max_length=2_000, required=False, allow_blank=True, default="")


# ---- real time -------------------------------------------------------------------------------------------------------


class ProjectionSerializer(serializers.Serializer):
    """What a running period will have cost; never less than what is spent."""

    mean = Exact()
    intervals = ForecastIntervalSerializer(many=True)


class CostDriverSerializer(serializers.Serializer):
    """Who or what spends today."""

    dimension = serializers.CharField()
    value = DimensionValueField()
    cost = Exact()
    share = serializers.FloatField(allow_null=True)
    previous = Exact(allow_null=True, help_text="By the same time yesterday.")


class TransactionSerializer(serializers.Serializer):
    """A request that is over, with what it cost; null: its price is not known."""

    request_id = serializers.CharField()
    at = serializers.DateTimeField(source="started_at")
    provider = serializers.CharField(allow_null=True)
    model = serializers.CharField(allow_null=True, source="model_served")
    team = serializers.UUIDField(allow_null=True)
    project = serializers.UUIDField(allow_null=True)
    api_key = serializers.UUIDField(allow_null=True)
    status = serializers.CharField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost = Exact(allow_null=True)
    currency = serializers.CharField()
    price_status = serializers.CharField()


_PROJECTION = {"mean": "21.0000000000", "intervals": [{"level": 0.8, "lower": "18.1000000000", "upper": "24.0"}]}


@examples(
    response={
        **ANSWER, "cost_this_hour": "0.8000000000", "today": "9.1000000000", "yesterday": "19.0000000000",
        "yesterday_by_now": "8.2000000000", "month_to_date": "212.0000000000", "last_month": "502.0000000000",
        "velocity_per_hour": "0.9000000000", "projected_day": _PROJECTION,
        "projected_month": {**_PROJECTION, "mean": "561.0000000000"}, "budgets": [_LASTING],
        "top_drivers": [{"dimension": "team", "value": ID, "cost": "6.1000000000", "share": 0.67,
                         "previous": "5.0000000000"}],
        "labels": _LABELS,
        "recent_transactions": [{
            "request_id": "req_3f1c2d9a8b7e4f60a1b2c3d4e5f60718", "at": "2026-11-08T09:29:51Z", "provider": "openai",
            "model": "gpt-4o-mini", "team": ID, "project": ID, "api_key": ID, "status": "ok", "input_tokens": 1200,
            "output_tokens": 310, "cost": "0.0003660000", "currency": "USD", "price_status": "priced"}],
        "ledger_lag_s": 0.4, "notes": [],
    },
)  # fmt: skip
class RealtimeCostSerializer(AnswerSerializer):
    """What is being spent. Hours, days and months are those of the organization's reporting zone."""

    cost_this_hour = Exact()
    today = Exact()
    yesterday = Exact()
    yesterday_by_now = Exact(help_text="Up to the same time of the day.")
    month_to_date = Exact()
    last_month = Exact()
    velocity_per_hour = Exact(help_text="Of the last four quarter-hours that are over.")
    projected_day = ProjectionSerializer(allow_null=True)
    projected_month = ProjectionSerializer(allow_null=True)
    budgets = LastingSerializer(many=True)
    top_drivers = CostDriverSerializer(many=True, help_text="Five each of teams, models and keys.")
    labels = LabelSerializer(many=True)
    recent_transactions = TransactionSerializer(many=True, help_text="Of the last 15 minutes, newest first.")
    ledger_lag_s = serializers.FloatField(allow_null=True)


# ---- providers -------------------------------------------------------------------------------------------------------


@examples(request={**{name: ASKED[name] for name in ("start", "end")}, "providers": ["openai", "azure"]})
class CostCompareQuerySerializer(ProviderCompareQuerySerializer):
    """Providers to compare; each model with itself unless said otherwise."""

    same_model = serializers.BooleanField(default=True, help_text="Compare each model only with itself.")
