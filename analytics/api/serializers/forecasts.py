"""What is asked and answered about what is to come."""

from typing import Any

from rest_framework import serializers

from analytics.api.serializers.overview import ANSWER, Exact, ValueField
from analytics.api.serializers.questions import FilterSerializer
from analytics.api.serializers.results import AnswerSerializer
from analytics.metrics import MEASURES
from analytics.outlook.history import GRAINS, LEVELS, SPANS
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input
from gateway.api.serializers.identity import ID


@examples(
    request={"metric": "cost", "granularity": "day", "horizon": 30, "confidence_levels": [0.8, 0.95], "filters": []}
)
class ForecastQuerySerializer(Input):
    """Which measure, how far, at which levels."""

    metric = serializers.CharField(max_length=140, default="cost", help_text=f"Of {', '.join(MEASURES)}.")
    granularity = serializers.ChoiceField(choices=GRAINS, default="day")
    horizon = serializers.IntegerField(
        min_value=1, required=False,
        help_text="Steps. Default: 48 hours, 30 days, 12 weeks or 6 months.",
    )  # fmt: skip
    confidence_level = serializers.FloatField(required=False, help_text="One level, 0.95 or 95.")
    confidence_levels = serializers.ListField(
        child=serializers.FloatField(), required=False, min_length=1, max_length=5, help_text="Default: 0.5, 0.8, 0.95."
    )
    timezone = serializers.CharField(
        max_length=64, required=False, help_text="IANA zone of the buckets. Default: the organization's reporting zone."
    )
    filters = FilterSerializer(many=True, required=False, default=list, max_length=50)  # type: ignore[call-arg]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = [*attrs.pop("confidence_levels", [])]
        if "confidence_level" in attrs:
            given.append(attrs.pop("confidence_level"))
        levels = sorted({each / 100 if each > 1 else each for each in given} or LEVELS)
        if not all(0.01 <= level <= 0.999 for level in levels):
            message = "A level is a share between 0.01 and 0.999, or a per cent number of it."
            raise serializers.ValidationError({"confidence_levels": message}, code="level_out_of_range")
        attrs["levels"] = tuple(levels)
        attrs.setdefault("horizon", SPANS[attrs["granularity"]].default)
        return attrs


class ForecastIntervalSerializer(serializers.Serializer):
    """Bounds that the value lies within with probability `level`."""

    level = serializers.FloatField()
    lower = ValueField(read_only=True)
    upper = ValueField(read_only=True)


class ExpectedPointSerializer(serializers.Serializer):
    """Expected value of a bucket, named by its start."""

    time = serializers.DateTimeField()
    mean = ValueField(read_only=True)
    intervals = ForecastIntervalSerializer(many=True)


class ExpectedTotalSerializer(serializers.Serializer):
    """The sum over the horizon with intervals of its own, narrower than the sum of the points' bounds."""

    mean = ValueField(read_only=True)
    intervals = ForecastIntervalSerializer(many=True)


class CandidateSerializer(serializers.Serializer):
    """A method that was tried."""

    method = serializers.CharField()
    backtest_error = serializers.FloatField(allow_null=True, help_text="Σ|error| ÷ Σ|value| over the origins.")


class CoverageSerializer(serializers.Serializer):
    """Share of the back-test's values within the interval of a level."""

    level = serializers.FloatField()
    share = serializers.FloatField()


class BacktestSerializer(serializers.Serializer):
    """The chosen method on past origins of the same series."""

    error = serializers.FloatField(allow_null=True, help_text="Σ|error| ÷ Σ|value|.")
    bias = serializers.FloatField(allow_null=True, help_text="Σ(forecast − value) ÷ Σ|value|.")
    mase = serializers.FloatField(allow_null=True, help_text="1: as good as the season before was within the history.")
    origins = serializers.IntegerField()
    steps = serializers.IntegerField(help_text="The farthest step that could be tried.")
    coverage = CoverageSerializer(many=True)


class SeasonalitySerializer(serializers.Serializer):
    """How much of the variation repeats every so many steps, 0 to 1."""

    steps = serializers.IntegerField()
    strength = serializers.FloatField()


class UsedHistorySerializer(serializers.Serializer):
    """What the forecast was made from; `end` is where it begins."""

    start = serializers.DateTimeField(allow_null=True)
    end = serializers.DateTimeField()
    points = serializers.IntegerField()


class PastRunSerializer(serializers.Serializer):
    """A stored forecast and what came: over the steps that are over."""

    origin_at = serializers.DateTimeField()
    made_at = serializers.DateTimeField()
    method = serializers.CharField()
    horizon = serializers.IntegerField()
    expected_error = serializers.FloatField(allow_null=True)
    scored_steps = serializers.IntegerField()
    error = serializers.FloatField(allow_null=True)
    bias = serializers.FloatField(allow_null=True)
    coverage = serializers.FloatField(allow_null=True, help_text="Of the 95 % interval.")


class PartSerializer(serializers.Serializer):
    """A team or project in the newest stored forecast of cost; projects add up to their team, teams to the whole."""

    level = serializers.ChoiceField(choices=["team", "project"])
    id = serializers.CharField()
    name = serializers.CharField()
    team = serializers.UUIDField(allow_null=True)
    total = ExpectedTotalSerializer()


_BOUNDS = [{"level": 0.8, "lower": "8.1000000000", "upper": "11.9000000000"},
           {"level": 0.95, "lower": "7.0000000000", "upper": "13.0000000000"}]  # fmt: skip
_TOTAL = {"mean": "301.2000000000", "intervals": [{"level": 0.8, "lower": "281.0000000000", "upper": "321.4000000000"}]}
POINTS = [{"time": "2026-11-08T00:00:00Z", "mean": "10.0000000000", "intervals": _BOUNDS}]
FORECAST = {
    **ANSWER, "metric": "cost", "granularity": "day", "horizon": 30, "method": "ensemble",
    "reason": "the middle of 6 forecasters, weighted by their back-test error",
    "candidates": [{"method": "ensemble", "backtest_error": 0.09},
                   {"method": "seasonal naive 7", "backtest_error": 0.13}],
    "points": POINTS, "total": _TOTAL, "trend": 0.04, "seasonality": [{"steps": 7, "strength": 0.71}],
    "backtest": {"error": 0.09, "bias": -0.01, "mase": 0.74, "origins": 5, "steps": 30,
                 "coverage": [{"level": 0.8, "share": 0.81}, {"level": 0.95, "share": 0.96}]},
    "low_confidence": False,
    "history": {"start": "2026-08-01T00:00:00Z", "end": "2026-11-08T00:00:00Z", "points": 99},
    "past_runs": [{"origin_at": "2026-11-01T00:00:00Z", "made_at": "2026-11-01T00:05:00Z", "method": "ensemble",
                   "horizon": 30, "expected_error": 0.1, "scored_steps": 7, "error": 0.08, "bias": 0.02,
                   "coverage": 1.0}],
    "parts": [{"level": "team", "id": ID, "name": "search", "team": ID, "total": _TOTAL}],
}  # fmt: skip


@examples(response=FORECAST)
class ForecastSerializer(AnswerSerializer):
    """A measure's future. `method` and `points` are null and empty, with the reason in `notes`, without any history."""

    metric = serializers.CharField()
    granularity = serializers.CharField()
    horizon = serializers.IntegerField()
    method = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_null=True, help_text="Why this method.")
    candidates = CandidateSerializer(many=True, help_text="The chosen one first, then from best to worst.")
    points = ExpectedPointSerializer(many=True)
    total = ExpectedTotalSerializer(allow_null=True)
    trend = serializers.FloatField(allow_null=True, help_text="Mean step of the horizon ÷ that of as long before, − 1.")
    seasonality = SeasonalitySerializer(many=True)
    backtest = BacktestSerializer(allow_null=True)
    low_confidence = serializers.BooleanField()
    history = UsedHistorySerializer()
    past_runs = PastRunSerializer(many=True)
    parts = PartSerializer(many=True)


# ---- predictive ----------------------------------------------------------------------------------------------------


class GrowthSerializer(serializers.Serializer):
    """The next 30 days of a measure."""

    measure = serializers.CharField()
    total = ExpectedTotalSerializer()
    change = serializers.FloatField(allow_null=True, help_text="Mean day of the horizon ÷ that of as long before, − 1.")
    low_confidence = serializers.BooleanField()


class ExhaustionSerializer(serializers.Serializer):
    """When a budget runs out, within its period; null with the reason in `note`."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    limit = Exact()
    spent = Exact()
    resets_at = serializers.DateTimeField(allow_null=True)
    exhausts_at = serializers.DateTimeField(allow_null=True, help_text="At the expected pace.")
    earliest = serializers.DateTimeField(allow_null=True, help_text="Of the 80 % interval.")
    latest = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField()


class CapacitySerializer(serializers.Serializer):
    """When a rate limit, or a limit of a key, is reached; null with the reason in `note`."""

    id = serializers.UUIDField(help_text="Of the rate limit or the key.")
    kind = serializers.ChoiceField(choices=["rate_limit", "key"])
    name = serializers.CharField()
    unit = serializers.ChoiceField(choices=["requests_per_minute", "tokens_per_minute"])
    limit = serializers.IntegerField()
    is_shadow = serializers.BooleanField(help_text="It counts and refuses nothing.")
    peak = serializers.FloatField(allow_null=True, help_text="Busiest minute of the last seven days, estimated.")
    utilization = serializers.FloatField(allow_null=True, help_text="peak ÷ limit.")
    reached_at = serializers.DateTimeField(allow_null=True, help_text="First day whose busiest minute is expected to.")
    earliest = serializers.DateTimeField(allow_null=True, help_text="Of the 80 % interval.")
    latest = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField(allow_blank=True)


class RiskSerializer(serializers.Serializer):
    """Something to act on."""

    kind = serializers.ChoiceField(choices=["budget", "capacity", "growth"])
    severity = serializers.ChoiceField(choices=["high", "medium"])
    subject = serializers.CharField()
    message = serializers.CharField()


@examples(
    response={
        **ANSWER, "growth": [{"measure": "cost", "total": _TOTAL, "change": 0.31, "low_confidence": False}],
        "budgets": [{"id": ID, "name": "Company", "limit": "500.0000000000", "spent": "312.0000000000",
                     "resets_at": "2026-12-01T00:00:00Z", "exhausts_at": "2026-11-24T10:00:00Z",
                     "earliest": "2026-11-21T04:00:00Z", "latest": "2026-11-28T19:00:00Z", "note": ""}],
        "capacity": [{"id": ID, "kind": "rate_limit", "name": "Assistant", "unit": "requests_per_minute", "limit": 600,
                      "is_shadow": False, "peak": 512.4, "utilization": 0.854, "reached_at": "2026-12-14T00:00:00Z",
                      "earliest": "2026-12-01T00:00:00Z", "latest": None, "note": ""}],
        "risks": [{"kind": "budget", "severity": "high", "subject": "Company",
                   "message": "Company is expected to be used up on 2026-11-24."}],
    },
)  # fmt: skip
class PredictiveSerializer(AnswerSerializer):
    """What lies ahead of what you see."""

    growth = GrowthSerializer(many=True)
    budgets = ExhaustionSerializer(many=True)
    capacity = CapacitySerializer(many=True)
    risks = RiskSerializer(many=True)
