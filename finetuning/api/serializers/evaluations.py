"""Evaluations and comparisons as the API shows and takes them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from finetuning.choices import CanaryGuard
from finetuning.evaluation.slices import KINDS
from finetuning.models import Canary, Evaluation, Hosting, TunedModel, TuningFile, TuningJob
from finetuning.money import LISTED_CURRENCY
from finetuning.services.evaluations.scoring import METRICS
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Money, Scoped
from gateway.api.serializers.identity import ID, TIMES
from gateway.models import Project

_DIFFERENCE = {
    "contestant": 1, "items": 200, "first": 0.71, "second": 0.84, "difference": 0.13, "lower": 0.07, "upper": 0.19,
    "p_value": 0.00002, "p_adjusted": 0.00002, "wins": 34, "ties": 158, "losses": 8, "win_rate_lower": 0.67,
    "win_rate_upper": 0.9, "detectable": 0.063, "verdict": "better",
}  # fmt: skip
_PART: dict[str, Any] = {
    "items": 200, "errors": [{"contestant": 0, "count": 0}, {"contestant": 1, "count": 0}],
    "contestants": [
        {"label": "base", "model": "gpt-4.1-mini", "answers": 200, "currency": "USD", "cost": "0.0410000000",
         "cost_per_1k": "0.2050000000",
         "latency_p50_ms": 640, "latency_p95_ms": 1210, "input_tokens": 81200, "output_tokens": 600},
    ],
    "metrics": [
        {"metric": "exact", "contestants": [{"contestant": 0, "mean": 0.71, "lower": 0.64, "upper": 0.77}],
         "differences": [_DIFFERENCE]},
    ],
    "detectable": [{"discordance": 0.1, "difference": 0.044}],
    "worst": [{"contestant": 1, "line": 17, "before": 1.0, "after": 0.0}],
}  # fmt: skip
RESULT = {
    **_PART, "regression": None,
    "slices": [
        {"kind": "label", "name": "billing", "items": 40, "metric": "exact",
         "contestants": [{"contestant": 0, "mean": 0.7, "lower": 0.55, "upper": 0.82}], "differences": [_DIFFERENCE]},
    ],
    "verdict": [{"contestant": 1, "verdict": "better", "few": False, "regressed": False}],
}  # fmt: skip
_CONTESTANTS = [
    {"label": "base", "model": "gpt-4.1-mini", "system": None, "temperature": 0.0, "max_tokens": None},
    {"label": "tuned", "model": "ft:local-head:acme:tickets:1", "system": "", "temperature": 0.0, "max_tokens": None},
]
EVALUATION = {
    "id": ID, "project": ID, "name": "Tickets", "job": ID, "file": ID, "regression_file": None,
    "contestants": _CONTESTANTS, "metrics": ["exact", "macro_f1"], "judge": None, "sample": 200, "seed": 7,
    "budget_limit": "2.0000000000", "status": "succeeded", "progress": 1.0, "error": "",
    "left_out": [{"reason": "leak_exact", "lines": [4, 9]}], "result": RESULT,
    "started_at": "2026-11-29T09:00:00Z", "finished_at": "2026-11-29T09:04:00Z", **TIMES,
}  # fmt: skip


class ContestantSerializer(Input):
    """A model that answers. `system`: instructions in place of the items' own; empty: none; null: the items' own."""

    label = serializers.CharField(max_length=60, required=False)  # type: ignore[assignment]
    model = serializers.CharField(max_length=300, help_text="A model or route, as applications name it.")
    system = serializers.CharField(max_length=20_000, required=False, allow_null=True, allow_blank=True, default=None)
    temperature = serializers.FloatField(min_value=0, max_value=2, required=False, allow_null=True, default=0.0)
    max_tokens = serializers.IntegerField(min_value=1, required=False, allow_null=True, default=None)


class JudgeSerializer(Input):
    """Who compares pairs of answers. Each pair is judged twice, with places changed."""

    model = serializers.CharField(max_length=300)
    rubric = serializers.CharField(max_length=2_000, required=False, default="", allow_blank=True)


@examples(
    request={"project": ID, "file": ID, "job": ID, "contestants": _CONTESTANTS, "metrics": ["exact", "macro_f1"]}
)  # fmt: skip
class EvaluationRequestSerializer(Input):
    """The first contestant is what the others are held against, the first metric decides."""

    project = Scoped(queryset=Project.objects.all())
    name = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    file = Scoped(queryset=TuningFile.objects.live(), help_text="Held-out chat records that end with the answer.")
    regression_file = Scoped(queryset=TuningFile.objects.live(), required=False, allow_null=True, default=None)
    job = Scoped(
        queryset=TuningJob.objects.all(), required=False, allow_null=True, default=None,
        help_text="Whose training file must not hold the items: those it has are left out.",
    )  # fmt: skip
    contestants = ContestantSerializer(many=True, min_length=2, max_length=6)  # type: ignore[call-arg]
    metrics = serializers.ListField(
        child=serializers.ChoiceField(choices=METRICS), min_length=1, max_length=len(METRICS)
    )
    judge = JudgeSerializer(required=False, allow_null=True, default=None)
    sample = serializers.IntegerField(min_value=1, required=False, allow_null=True, default=None)
    seed = serializers.IntegerField(min_value=0, max_value=2**31, required=False, default=0)
    budget_limit = Money(
        required=False, allow_null=True, default=None, min_value=0,
        help_text="Answers and judge cost no more than this, in the currency of their prices: it ends before.",
    )  # fmt: skip


class CountSerializer(serializers.Serializer):
    """Answers that never came."""

    contestant = serializers.IntegerField()
    count = serializers.IntegerField()


class AnsweredSerializer(serializers.Serializer):
    """What a contestant took. `cost` null: its answers are billed in several currencies; `cost_per_1k` null: so, or not
    every answer has a known price."""

    label = serializers.CharField()  # type: ignore[assignment]
    model = serializers.CharField()
    answers = serializers.IntegerField()
    currency = serializers.CharField()
    cost = Money(allow_null=True)
    cost_per_1k = Money(allow_null=True)
    latency_p50_ms = serializers.IntegerField(allow_null=True)
    latency_p95_ms = serializers.IntegerField(allow_null=True)
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()


class MeanSerializer(serializers.Serializer):
    """Mean score 0–1, with Wilson's interval where answers are right or wrong."""

    contestant = serializers.IntegerField()
    mean = serializers.FloatField(allow_null=True)
    lower = serializers.FloatField(allow_null=True)
    upper = serializers.FloatField(allow_null=True)


class PairedDifferenceSerializer(serializers.Serializer):
    """Against the first contestant, on the same items. `p_adjusted`: for all that was looked at (Holm). `detectable`:
    the smallest difference that so many items can show. `verdict`: better, worse, equivalent or cannot_tell."""

    contestant = serializers.IntegerField()
    items = serializers.IntegerField()
    first = serializers.FloatField()
    second = serializers.FloatField()
    difference = serializers.FloatField()
    lower = serializers.FloatField()
    upper = serializers.FloatField()
    p_value = serializers.FloatField()
    p_adjusted = serializers.FloatField()
    wins = serializers.IntegerField()
    ties = serializers.IntegerField()
    losses = serializers.IntegerField()
    win_rate_lower = serializers.FloatField(allow_null=True)
    win_rate_upper = serializers.FloatField(allow_null=True)
    detectable = serializers.FloatField()
    verdict = serializers.CharField()


class MetricSerializer(serializers.Serializer):
    """One metric."""

    metric = serializers.CharField()
    contestants = MeanSerializer(many=True)
    differences = PairedDifferenceSerializer(many=True)


class DetectableSerializer(serializers.Serializer):
    """The smallest difference that so many items show when the two differ on this share of them."""

    discordance = serializers.FloatField()
    difference = serializers.FloatField()


class WorstSerializer(serializers.Serializer):
    """An item on which a contestant did worse than the first."""

    contestant = serializers.IntegerField()
    line = serializers.IntegerField()
    before = serializers.FloatField()
    after = serializers.FloatField()


class EvaluatedPartSerializer(serializers.Serializer):
    """Of the items that every contestant answered."""

    items = serializers.IntegerField()
    errors = CountSerializer(many=True)  # type: ignore[assignment]
    contestants = AnsweredSerializer(many=True)
    metrics = MetricSerializer(many=True)
    detectable = DetectableSerializer(many=True)
    worst = WorstSerializer(many=True)


class VerdictSerializer(serializers.Serializer):
    """By the metric that decides. `few`: fewer than 100 items rarely decide; `regressed`: worse on general prompts."""

    contestant = serializers.IntegerField()
    verdict = serializers.CharField()
    few = serializers.BooleanField()
    regressed = serializers.BooleanField()


class SliceSerializer(MetricSerializer):
    """A part of the items, by what all of it has in common. `p_adjusted` is for all slices together."""

    kind = serializers.ChoiceField(KINDS)
    name = serializers.CharField()
    items = serializers.IntegerField()


class ResultSerializer(EvaluatedPartSerializer):
    """The outcome, the same of the regression set, and the first metric that scores single answers on each slice of at
    least five items."""

    slices = SliceSerializer(many=True)

    regression = EvaluatedPartSerializer(allow_null=True)
    verdict = VerdictSerializer(many=True)


class LeftOutSerializer(serializers.Serializer):
    """Lines of the file that were not asked. `reason`: leak_exact, leak_near or unusable."""

    reason = serializers.CharField()
    lines = serializers.ListField(child=serializers.IntegerField())


@examples(response=EVALUATION)
class EvaluationSerializer(serializers.ModelSerializer):
    """The same items asked of several models."""

    contestants = ContestantSerializer(many=True)
    metrics = serializers.ListField(child=serializers.CharField())
    judge = JudgeSerializer(allow_null=True)
    left_out = serializers.SerializerMethodField()
    result = serializers.SerializerMethodField()

    class Meta:
        model = Evaluation
        fields = (
            "id", "project", "name", "job", "file", "regression_file", "contestants", "metrics", "judge", "sample",
            "seed", "budget_limit", "status", "progress", "error", "left_out", "result", "started_at", "finished_at",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(LeftOutSerializer(many=True))
    def get_left_out(self, row: Evaluation) -> list[dict[str, Any]]:
        return [{"reason": reason, "lines": lines} for reason, lines in row.leaks.items()]

    @extend_schema_field(ResultSerializer(allow_null=True))
    def get_result(self, row: Evaluation) -> dict[str, Any] | None:
        return None if row.result is None else ResultSerializer(shaped(row.result)).data


def shaped(result: dict[str, Any]) -> dict[str, Any]:
    """A stored result with its maps as lists."""
    told = {**result}
    told["contestants"] = [{"currency": LISTED_CURRENCY, **one} for one in result["contestants"]]  # none in older ones
    told["errors"] = [{"contestant": int(key), "count": value} for key, value in result["errors"].items()]
    told["detectable"] = [
        {"discordance": float(key), "difference": value} for key, value in result["detectable"].items()
    ]
    if "regression" in result:
        told["slices"] = result.get("slices", [])  # none in results of before there were any
    if result.get("regression"):
        told["regression"] = shaped(result["regression"])
    return told


class ItemScoreSerializer(serializers.Serializer):
    """0–1; of `judge` 1 better than the first contestant's answer, 0.5 neither, 0 worse."""

    metric = serializers.CharField()
    value = serializers.FloatField()


@examples(response={"line": 17, "is_regression": False, "contestant": 1, "answer": "billing",
                    "scores": [{"metric": "exact", "value": 0.0}], "request_id": "req_47ef", "cost": "0.0002050000",
                    "currency": "USD", "latency_ms": 640, "error": ""})  # fmt: skip
class EvaluationItemSerializer(serializers.Serializer):
    """One answer of one contestant."""

    scores = ItemScoreSerializer(many=True)

    line = serializers.IntegerField()
    is_regression = serializers.BooleanField()
    contestant = serializers.IntegerField()
    answer = serializers.CharField()
    request_id = serializers.CharField(help_text="Finds its ledger line.")
    cost = Money(allow_null=True)
    currency = serializers.CharField()
    latency_ms = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()


@examples(request={"route": "tickets", "share": 10, "canary_guard": "rollback"})
class DeployRequestSerializer(Input):
    """Give a share of a route's first choices to the tuned model."""

    route = serializers.CharField(max_length=200, help_text="An alias, or a model's name that becomes one.")
    share = serializers.IntegerField(min_value=1, max_value=100, default=10, help_text="Percent.")
    canary_guard = serializers.ChoiceField(
        CanaryGuard.choices, default=CanaryGuard.ROLLBACK.value,
        help_text="Of a share below 100: whether it is taken off by itself when it is worse, and with `promote` gets "
        "all calls when it is not.",
    )  # fmt: skip


@examples(request={"route": "tickets"})
class WithdrawRequestSerializer(Input):
    """Take the tuned model from a route again."""

    route = serializers.CharField(max_length=200)


class RouteShareSerializer(serializers.Serializer):
    """A route that it answers on."""

    route = serializers.CharField()
    share = serializers.IntegerField()


_CANARY = {
    "id": ID, "route": "tickets", "share": 10, "guard": "rollback", "state": "rolled_back",
    "since": "2026-11-29T09:00:00Z", "looks": 14, "looked_at": "2026-11-29T09:14:00Z", "decision": "roll_back",
    "why": "It fails more often: 20.5% of 78 calls against 1.1% of 702, a difference of +3.2 to +41.0 points.",
    "measures": [
        {"name": "errors", "tuned": 78, "tuned_mean": 0.205, "others": 702, "others_mean": 0.011, "difference": 0.194,
         "interval": {"lower": 0.032, "upper": 0.41}},
        {"name": "score", "tuned": 0, "tuned_mean": None, "others": 0, "others_mean": None, "difference": None,
         "interval": {"lower": -1.0, "upper": 1.0}},
    ],
    "ended_at": "2026-11-29T09:14:00Z",
}  # fmt: skip


class CanaryIntervalSerializer(serializers.Serializer):
    """Of the difference, at all times at once."""

    lower = serializers.FloatField()
    upper = serializers.FloatField()


class CanaryMeasureSerializer(serializers.Serializer):
    """`errors` (shares of calls) or `score` (0–1): outcomes and mean of the tuned model and of the route's other
    targets in the same time, and the former less the latter. Null: no outcome."""

    name = serializers.CharField()
    tuned = serializers.IntegerField()
    tuned_mean = serializers.FloatField(allow_null=True)
    others = serializers.IntegerField()
    others_mean = serializers.FloatField(allow_null=True)
    difference = serializers.FloatField(allow_null=True)
    interval = CanaryIntervalSerializer()


class CanarySerializer(serializers.ModelSerializer):
    """A watch over a tuned model on a share of a route. `decision`: go_on, roll_back or promote, of the last look;
    empty before the first."""

    measures = CanaryMeasureSerializer(many=True)

    class Meta:
        model = Canary
        fields = (
            "id", "route", "share", "guard", "state", "since", "looks", "looked_at", "decision", "why", "measures",
            "ended_at",
        )  # fmt: skip
        read_only_fields = fields


_TUNED = {
    "id": ID, "project": ID, "job": ID, "name": "ft:local-head:acme:tickets:1", "backend": "local-head",
    "base_model": "local-head-hash", "routes": [], "canaries": [_CANARY], "hosting": None,
    "hosting_since": None, "hosting_until": None, "sunset_on": None, "sunset_source": "", "archived_at": None, **TIMES,
}  # fmt: skip


class HostingSerializer(serializers.ModelSerializer):
    """A deployment at the vendor: how far it is, what went wrong, and the routes that wait for it."""

    waits = serializers.SerializerMethodField()

    class Meta:
        model = Hosting
        fields = ("name", "kind", "is_wanted", "state", "error", "waits", "updated_at")
        read_only_fields = fields

    @extend_schema_field(RouteShareSerializer(many=True))
    def get_waits(self, row: Hosting) -> list[dict[str, Any]]:
        return [{"route": alias, "share": share} for alias, share in row.waits.items()]


@examples(response=_TUNED)
class TunedModelSerializer(serializers.ModelSerializer):
    """A tuned model by the name that applications send."""

    routes = serializers.SerializerMethodField()
    canaries = CanarySerializer(many=True, help_text="The newest first.")
    hosting = serializers.SerializerMethodField(help_text="Null where none was asked for.")

    class Meta:
        model = TunedModel
        fields = (
            "id", "project", "job", "name", "backend", "base_model", "routes", "canaries", "hosting",
            "hosting_since",
            "hosting_until", "sunset_on", "sunset_source", "archived_at", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(RouteShareSerializer(many=True))
    def get_routes(self, row: TunedModel) -> list[dict[str, Any]]:
        return [{"route": alias, "share": one["share"]} for alias, one in row.serving.get("routes", {}).items()]

    @extend_schema_field(HostingSerializer(allow_null=True))
    def get_hosting(self, row: TunedModel) -> dict[str, Any] | None:
        found = getattr(row, "hosting", None)
        return None if found is None else dict(HostingSerializer(found).data)
