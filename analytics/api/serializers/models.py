"""Answers about models, and comparisons of models and of providers."""

from typing import Any

from rest_framework import serializers

from analytics.answers.compare import FEWEST, MOST, interval_of
from analytics.answers.models import RANKED
from analytics.api.fields import ChangeMap, CompareField, GroupsField, MeasureMap
from analytics.api.serializers.overview import ANSWER, BY_MODEL, BY_PROVIDER, SubjectSerializer
from analytics.api.serializers.questions import ASKED, NarrowedSerializer, PeriodSerializer
from analytics.api.serializers.results import GROUP, RESULT, AnalyticsResultSerializer
from gateway.api.openapi import examples
from gateway.api.serializers.identity import ID


class RanksSerializer(serializers.Serializer):
    """1 is the best; those that cannot be told apart share a rank; null where nothing can be ranked."""

    cost = serializers.IntegerField(allow_null=True)
    speed = serializers.IntegerField(allow_null=True)
    reliability = serializers.IntegerField(allow_null=True)
    quality = serializers.IntegerField(allow_null=True, help_text="By recorded scores alone.")


class ModelTrendSerializer(serializers.Serializer):
    """Against the compared window."""

    change = ChangeMap()
    direction = serializers.CharField(allow_null=True, help_text="Of requests: up, down, or flat within 1 %.")


VERDICTS = ("better", "worse", "equivalent", "cannot_tell")
_RANKS = {**dict.fromkeys(RANKED, 1), "quality": None}
_TREND = {"change": {"requests": 0.12}, "direction": "up"}


@examples(
    request={name: value for name, value in ASKED.items() if name not in ("group_by", "granularity", "filters")}
    | {"models": ["gpt-4o", "gpt-4o-mini"]}
)
class ModelsQuerySerializer(NarrowedSerializer):
    """Which models, in which window; those with most requests unless named."""

    granularity = None  # type: ignore[assignment]  # a list of models has no series
    compare_to = CompareField(default="previous_period")
    limit = serializers.IntegerField(min_value=1, max_value=500, default=50)
    models = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, default=list, max_length=100,
        help_text="Names of models served.",
    )  # fmt: skip


class ModelUsageSerializer(serializers.Serializer):
    """One model. `ranks` as observed, among the models of this answer."""

    model = serializers.CharField(allow_null=True)
    measures = MeasureMap()
    share = serializers.FloatField(allow_null=True, help_text="Of the requests of all.")
    ranks = RanksSerializer()
    trend = ModelTrendSerializer(allow_null=True, help_text="Null without requests in the compared window.")


@examples(
    response={
        **RESULT, **ANSWER, "groups": BY_MODEL,
        "models": [{"model": "gpt-4o", "measures": GROUP["measures"], "share": 1.0, "ranks": _RANKS, "trend": _TREND}],
    },
)  # fmt: skip
class ModelsAnalyticsSerializer(AnalyticsResultSerializer):
    """The common answer by model, and more about each."""

    models = ModelUsageSerializer(many=True)


@examples(
    response={
        **RESULT, "groups": [], "subject": {"id": ID, "name": "gpt-4o"}, "by_provider": BY_PROVIDER,
        "by_team": [GROUP], "by_project": [{**GROUP, "dimensions": {"project": ID}}], "quality_score": None,
        "ranks": _RANKS, "ranked_among": 4, "trend": _TREND,
    },
)  # fmt: skip
class ModelAnalyticsSerializer(AnalyticsResultSerializer):
    """Usage, cost and performance of one model (`totals`, by day in `series`) against the window before."""

    subject = SubjectSerializer()
    by_provider = GroupsField()
    by_team = GroupsField()
    by_project = GroupsField()
    quality_score = serializers.FloatField(allow_null=True, help_text="Mean of recorded scores, 0 to 1.")
    ranks = RanksSerializer()
    ranked_among = serializers.IntegerField(help_text="Models with requests in the window.")
    trend = ModelTrendSerializer(allow_null=True)


# ---- comparisons ---------------------------------------------------------------------------------------------------

_SPAN = {name: ASKED[name] for name in ("start", "end")}


class CompareQuerySerializer(PeriodSerializer):
    """Whom, in which window, for which project."""

    project = serializers.UUIDField(required=False, allow_null=True, default=None, help_text="Only its requests.")


def _candidates(what: str) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, default=list, max_length=MOST,
        help_text=f"{FEWEST} to {MOST} {what}; without, those with most requests.",
    )  # fmt: skip


@examples(request={**_SPAN, "models": ["gpt-4o", "gpt-4o-mini"], "project": ID})
class ModelCompareQuerySerializer(CompareQuerySerializer):
    """Models to compare."""

    models = _candidates("names of models served")


@examples(request={**_SPAN, "providers": ["openai", "azure"], "same_model": True})
class ProviderCompareQuerySerializer(CompareQuerySerializer):
    """Providers to compare."""

    providers = _candidates("slugs of providers")
    same_model = serializers.BooleanField(default=False, help_text="Compare each model only with itself.")


class DifferenceIntervalSerializer(serializers.Serializer):
    """All intervals of one metric cover at once with 95 %; `level` is that of each."""

    level = serializers.FloatField()
    lower = serializers.FloatField()
    upper = serializers.FloatField()


class ComparedPairSerializer(serializers.Serializer):
    """`a` against `b`. `difference`: relative for cost (mean) and speed (median time to the last byte), so 0.1 is 10 %
    more; absolute for reliability (share of failed requests) and quality (mean score)."""

    a = serializers.CharField()
    b = serializers.CharField()
    metric = serializers.ChoiceField(choices=tuple(RANKED))
    difference = serializers.FloatField(allow_null=True)
    interval = serializers.SerializerMethodField()
    verdict = serializers.ChoiceField(choices=VERDICTS, help_text="Of a.")
    shared = serializers.FloatField(help_text="Part of the sampled requests of both that are of common sizes.")
    reason = serializers.CharField(help_text="Why it cannot be told; empty otherwise.")

    def get_interval(self, pair: Any) -> DifferenceIntervalSerializer(allow_null=True):  # type: ignore[valid-type]
        return interval_of(pair)


class ComparedRowSerializer(serializers.Serializer):
    """One candidate: `measures` of all its requests, ranks from the pairs."""

    id = serializers.CharField()
    measures = MeasureMap()
    ranks = RanksSerializer()
    strengths = serializers.ListField(child=serializers.CharField())
    weaknesses = serializers.ListField(child=serializers.CharField())
    sampled = serializers.IntegerField(help_text="Requests behind its pairs.")


class BestForSerializer(serializers.Serializer):
    """`id` null: nobody is better than all others for sure."""

    use_case = serializers.ChoiceField(choices=("lowest_cost", "fastest_answers", "most_reliable", "highest_quality"))
    id = serializers.CharField(allow_null=True)
    reason = serializers.CharField()


_PAIR = {
    "a": "gpt-4o", "b": "gpt-4o-mini", "metric": "cost", "difference": 14.2,
    "interval": {"level": 0.95, "lower": 13.1, "upper": 15.4}, "verdict": "worse", "shared": 0.97, "reason": "",
}  # fmt: skip
_ROW = {
    "id": "gpt-4o-mini", "measures": GROUP["measures"], "ranks": _RANKS, "strengths": ["cheaper than the other"],
    "weaknesses": [], "sampled": 2000,
}  # fmt: skip


@examples(
    response={
        **RESULT, "groups": BY_MODEL, "rows": [_ROW], "pairs": [_PAIR],
        "best_for": [{"use_case": "lowest_cost", "id": "gpt-4o-mini",
                      "reason": "gpt-4o-mini is cheaper than the other on requests alike."}],
        "stratified_by": ["input tokens up to 256, 1,024, 4,096, 16,384, more"],
    },
)  # fmt: skip
class ComparisonSerializer(AnalyticsResultSerializer):
    """Candidates side by side, like for like: only requests of the same size are compared with each other."""

    rows = ComparedRowSerializer(many=True)
    pairs = ComparedPairSerializer(many=True)
    best_for = BestForSerializer(many=True)
    stratified_by = serializers.ListField(child=serializers.CharField())
