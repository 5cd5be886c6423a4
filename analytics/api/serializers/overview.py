"""Answers about usage at large: advanced, tokens, dashboard, costs."""

from rest_framework import serializers

from analytics.answers.health import STATES
from analytics.api.fields import CompareField, GroupsField, Scalar, plain
from analytics.api.serializers.questions import (
    ASKED,
    GRANULARITIES,
    AnalyticsQuerySerializer,
    LooseWindowSerializer,
)
from analytics.api.serializers.results import (
    GROUP,
    RESULT,
    AnalyticsResultSerializer,
    AnswerSerializer,
    LabelSerializer,
)
from gateway.api.openapi import examples
from gateway.api.serializers.base import Money
from gateway.api.serializers.catalog import CircuitSerializer
from gateway.api.serializers.identity import ID

BY_MODEL = [{**GROUP, "dimensions": {"model": "gpt-4o"}}]
BY_USER = [{**GROUP, "dimensions": {"user": ID}}]
BY_PROVIDER = [{**GROUP, "dimensions": {"provider": "openai"}}]
ANSWER = {
    name: RESULT[name]
    for name in ("generated_at", "data_version", "rollup_lag_s", "currency", "timezone", "notes", "stale")
}


class Exact(Money):
    """A sum of costs: as many digits before the point as it takes."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**{"max_digits": 40, **kwargs})


class ValueField(Scalar):
    """A measure's value: money as a decimal string."""

    def to_representation(self, value: object) -> object:
        return plain(value)  # type: ignore[arg-type]


@examples(
    response={
        **RESULT, "success_rate": 0.991, "top_users": BY_USER, "by_provider": BY_PROVIDER, "by_model": BY_MODEL,
        "by_user": BY_USER, "by_team": [GROUP],
    },
)  # fmt: skip
class AdvancedSerializer(AnalyticsResultSerializer):
    """The common answer with its parts. `top_users`: the ten with most requests."""

    success_rate = serializers.FloatField(allow_null=True, help_text="Requests that ended `ok` ÷ requests.")
    by_provider = GroupsField()
    by_model = GroupsField()
    by_user = GroupsField()
    by_team = GroupsField()
    top_users = GroupsField()


# ---- tokens --------------------------------------------------------------------------------------------------------


class TokenUsageParametersSerializer(LooseWindowSerializer):
    """A window and its buckets."""

    granularity = serializers.ChoiceField(choices=GRANULARITIES, default="day", help_text="Bucket of the series.")


_TOKENS = {
    "total_tokens": 912000, "input_tokens": 700000, "cache_read_tokens": 120000, "cache_write_tokens": 8000,
    "output_tokens": 212000, "reasoning_tokens": 31000, "requests": 4100, "cost": "18.2000000000",
}  # fmt: skip
TOKENS = {
    **RESULT, "totals": _TOKENS, "previous_totals": None, "change": {}, "groups": [],
    "series": [{"time": "2026-11-01T00:00:00Z", "dimensions": {}, "measures": _TOKENS}],
    "by_model": [{**GROUP, "dimensions": {"model": "gpt-4o"}, "measures": _TOKENS, "previous": None}],
    "by_user": [{**GROUP, "dimensions": {"user": ID}, "measures": _TOKENS, "previous": None}],
}  # fmt: skip


class SubjectSerializer(serializers.Serializer):
    """What the figures are about; `id` null: a model that is not in the catalog."""

    id = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()


@examples(response=TOKENS)
class TokenUsageSerializer(AnalyticsResultSerializer):
    """Tokens by class, by day. Input includes cached and cache-write tokens, output includes reasoning."""

    by_model = GroupsField()
    by_user = GroupsField()


@examples(response={**TOKENS, "subject": {"id": ID, "name": "gpt-4o"}})
class SubjectTokenUsageSerializer(TokenUsageSerializer):
    """The same of one person or model."""

    subject = SubjectSerializer()


# ---- dashboard, health ---------------------------------------------------------------------------------------------


class DashboardParametersSerializer(serializers.Serializer):
    """The zone in which days begin."""

    timezone = serializers.CharField(
        required=False, max_length=64, help_text="IANA zone. Default: the organization's reporting zone."
    )


class PeriodFiguresSerializer(serializers.Serializer):
    """Figures of `[start, end)`."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    requests = serializers.IntegerField()
    total_tokens = serializers.IntegerField()
    cost = Exact()
    errors = serializers.IntegerField()  # type: ignore[assignment]  # the measure's name
    error_rate = serializers.FloatField(allow_null=True)
    denied = serializers.IntegerField()
    active_keys = serializers.IntegerField(help_text="Keys with a request.")


class AlertSerializer(serializers.Serializer):
    """An alert that is not resolved."""

    id = serializers.UUIDField()
    rule = serializers.CharField()
    severity = serializers.CharField()
    state = serializers.CharField()
    since = serializers.DateTimeField()
    acknowledged_by = serializers.UUIDField(allow_null=True)


_PERIOD = {
    "start": "2026-11-08T00:00:00Z", "end": "2026-11-08T09:45:00Z", "requests": 812, "total_tokens": 912000,
    "cost": "18.2000000000", "errors": 4, "error_rate": 0.0049, "denied": 2, "active_keys": 17,
}  # fmt: skip
ALERTS = [
    {"id": ID, "rule": "Errors of the assistant", "severity": "critical", "state": "firing",
     "since": "2026-11-08T09:30:00Z", "acknowledged_by": None},
]  # fmt: skip


@examples(
    response={
        **ANSWER, "labels": RESULT["labels"], "today": _PERIOD, "yesterday": _PERIOD, "month_to_date": _PERIOD,
        "top_models": BY_MODEL, "top_teams": [GROUP], "open_alerts": ALERTS, "notes": [],
    },
)  # fmt: skip
class DashboardSerializer(AnswerSerializer):
    """Today, yesterday and the month so far; the five dearest models and teams of the month, and the rest."""

    labels = LabelSerializer(many=True)
    today = PeriodFiguresSerializer()
    yesterday = PeriodFiguresSerializer()
    month_to_date = PeriodFiguresSerializer()
    top_models = GroupsField()
    top_teams = GroupsField()
    open_alerts = AlertSerializer(many=True)


class LatestFailureSerializer(serializers.Serializer):
    """The kind of failure seen last, within 24 hours."""

    at = serializers.DateTimeField(help_text="Start of its quarter-hour.")
    status = serializers.CharField()
    http_status = serializers.IntegerField(allow_null=True)
    error_type = serializers.CharField(allow_null=True)
    count = serializers.IntegerField(help_text="How often in that quarter-hour.")


class ProviderStateSerializer(serializers.Serializer):
    """Availability is 1 − failures ÷ attempts; failures are upstream errors and time-outs. Windows end with the running
    quarter-hour: one hour is up to 75 minutes. Null without attempts."""

    id = serializers.UUIDField()
    provider = serializers.CharField(help_text="Slug.")
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    attempts_1h = serializers.IntegerField()
    availability_1h = serializers.FloatField(allow_null=True)
    availability_24h = serializers.FloatField(allow_null=True)
    availability_30d = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True, help_text="Milliseconds, last hour, requests it answered.")
    last_error = LatestFailureSerializer(allow_null=True)
    circuits = CircuitSerializer(many=True)


PROVIDERS = [
    {
        "id": ID, "provider": "openai", "name": "OpenAI", "state": "up", "attempts_1h": 812, "availability_1h": 0.9988,
        "availability_24h": 0.9971, "availability_30d": 0.9982, "p95": 2140.0,
        "last_error": {"at": "2026-11-08T09:00:00Z", "status": "timeout", "http_status": 504,
                       "error_type": "first_byte_timeout", "count": 1},
        "circuits": [{"model": "gpt-4o-2024-11-20", "state": "closed", "retry_in_s": 0.0, "opened": 1}],
    }
]  # fmt: skip


@examples(response={**ANSWER, "providers": PROVIDERS})
class ProviderHealthListSerializer(AnswerSerializer):
    """Every provider as the traffic you see saw it, and its circuits as the data planes report them."""

    providers = ProviderStateSerializer(many=True)


# ---- costs ---------------------------------------------------------------------------------------------------------


@examples(request={**ASKED, "currency": "USD", "include_forecast": False})
class CostQuerySerializer(AnalyticsQuerySerializer):
    """The common question about cost; compared to the period before unless said otherwise."""

    compare_to = CompareField(default="previous_period")
    currency = serializers.RegexField(
        r"^[A-Za-z]{3}$", required=False, allow_null=True, default=None,
        help_text="Costs in this currency, by the exchange rates stated for the days; null with a note where a day has "
        "none. Default: the organization's.",
    )  # fmt: skip
    include_forecast = serializers.BooleanField(default=False)


class TrendSerializer(serializers.Serializer):
    """A measure against the compared window; `flat` within 1 %."""

    measure = serializers.CharField()
    value = ValueField(read_only=True, allow_null=True)
    previous = ValueField(read_only=True, allow_null=True)
    change = serializers.FloatField(allow_null=True)
    direction = serializers.ChoiceField(choices=["up", "down", "flat"], allow_null=True)


class PeakSerializer(serializers.Serializer):
    """The dearest bucket."""

    time = serializers.DateTimeField()
    cost = Exact()


class CostIntervalSerializer(serializers.Serializer):
    """Bounds that the cost lies within with probability `level`."""

    level = serializers.FloatField()
    lower = Exact()
    upper = Exact()


class ForecastPointSerializer(serializers.Serializer):
    """Expected cost of a day."""

    time = serializers.DateTimeField()
    mean = Exact()
    intervals = CostIntervalSerializer(many=True)


@examples(
    response={
        **RESULT, "by_provider": BY_PROVIDER, "by_model": BY_MODEL, "by_team": [GROUP],
        "by_project": [{**GROUP, "dimensions": {"project": ID}}], "by_user": BY_USER,
        "by_api_key": [{**GROUP, "dimensions": {"api_key": ID}}],
        "trends": [{"measure": "cost", "value": "42.1700000000", "previous": "38.0000000000", "change": 0.1097,
                    "direction": "up"}],
        "peak": {"time": "2026-11-03T00:00:00Z", "cost": "9.1200000000"}, "forecast": [
            {"time": "2026-11-08T00:00:00Z", "mean": "6.2000000000",
             "intervals": [{"level": 0.95, "lower": "4.1000000000", "upper": "8.3000000000"}]},
        ],
    },
)  # fmt: skip
class CostSerializer(AnalyticsResultSerializer):
    """The common answer about cost with its parts."""

    by_provider = GroupsField()
    by_model = GroupsField()
    by_team = GroupsField()
    by_project = GroupsField()
    by_user = GroupsField()
    by_api_key = GroupsField()
    trends = TrendSerializer(many=True)
    peak = PeakSerializer(allow_null=True)
    forecast = ForecastPointSerializer(
        many=True,
        allow_null=True,
        help_text="The next 30 days, when asked for; null otherwise, or without any history.",
    )
