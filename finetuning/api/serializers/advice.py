"""Estimates, advice, sums and last days of fine-tuning, as the API shows and takes them."""

from typing import Any

from rest_framework import serializers

from finetuning.answers.estimates import SHOTS
from finetuning.api.serializers.jobs import GraderEstimateSerializer, JSONText
from finetuning.choices import METHODS, Backend
from finetuning.estimates import Method
from finetuning.models import TuningFile
from finetuning.services.jobs.grading import check_grader
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Money, Scoped
from gateway.api.serializers.catalog import NoteSerializer
from gateway.api.serializers.identity import ID
from gateway.models import Provider
from gateway.services.errors import Invalid

MOST_CANDIDATES = 20
LONGEST_CONTENT = 8 * 1024 * 1024

_LAST = {
    "model": "ft:gpt-4o-mini-2024-07-18:acme:tickets:9x", "provider": "openai", "base_model": "gpt-4o-mini-2024-07-18",
    "is_tuned": True, "new_jobs_until": "2027-01-06", "answers_until": "2027-01-14",
    "source": "https://developers.openai.com/api/docs/deprecations", "days_left": 46, "state": "soon",
    "requests": 18250, "cost": "41.2000000000", "share": 0.08, "projects": [ID], "golden_at": None, "golden_file": None,
    "advice": "Record its answers now: after 2027-01-14 nobody can.",
}  # fmt: skip
_ESTIMATE = {
    "backend": "azure", "model": "gpt-4.1-mini-2025-04-14", "method": "supervised", "technique": "", "epochs": 3,
    "epochs_by": "rule", "tokens_per_epoch": 70959, "tokens_exact": True, "tokens_error": 0.0,
    "tokenizer": "o200k_base", "examples": 1540, "unread_lines": 0, "billable_tokens": 213000,
    "training": "1.0650000000", "training_lower": "1.0650000000", "training_upper": "1.0650000000",
    "hosting_per_month": "1241.0000000000",
    "price": {"amount": "5.0000000000", "per": "1M tokens", "source": "https://learn.microsoft.com/azure/…",
              "read_on": "2026-02-11", "confidence": "low"},
    "inference_per_1k": "0.0480000000", "base_per_1k": "0.0240000000",
    "break_even": {"requests": None, "months": None, "saved_per_request": "-0.0000240000",
                   "note": "A request of the tuned model costs no less than one of the base model."},
    "grader": None,
    "eta": {"p50_s": None, "p90_s": None, "jobs": 0,
            "note": "0 finished jobs of this kind are known; a range needs 3."},
    "currency": "USD", "notes": [], "blocked_by": [],
}  # fmt: skip


class CandidateSerializer(Input):
    """One way to ask about."""

    backend = serializers.ChoiceField(choices=Backend.choices)
    model = serializers.CharField(max_length=200, help_text="Base model, by the name that the backend takes.")
    method = serializers.ChoiceField(choices=METHODS, default=Method.SUPERVISED.value)
    technique = serializers.ChoiceField(choices=["", "lora", "full"], default="", allow_blank=True)
    epochs = serializers.IntegerField(min_value=1, max_value=50, required=False, allow_null=True, default=None)
    max_tokens = serializers.IntegerField(
        min_value=1, required=False, allow_null=True, default=None, help_text="Longest example that is not cut."
    )
    shots = serializers.IntegerField(min_value=1, max_value=64, default=SHOTS, help_text="Of an example bank.")
    grader = JSONText(
        required=False, allow_null=True, default=None, max_length=65_536,
        help_text="Of reinforcement: JSON text of what OpenAI's API takes.",
    )  # fmt: skip
    provider = Scoped(
        queryset=Provider.objects.all(), platform=True, required=False, allow_null=True, default=None,
        help_text="Whose price list the models that grade are priced by; nothing: the backend's.",
    )  # fmt: skip

    def validate_grader(self, grader: dict[str, Any] | None) -> dict[str, Any] | None:
        if grader is not None:
            try:
                check_grader(grader)
            except Invalid as error:
                raise serializers.ValidationError(error.message, code=error.code) from error
        return grader


class TodaySerializer(Input):
    """What answers these requests now. Token counts are of one request; as in the file when they are not given."""

    provider = serializers.CharField(max_length=40, help_text="Vendor whose price list applies.")
    model = serializers.CharField(max_length=200)
    prompt_tokens = serializers.IntegerField(min_value=0, required=False, allow_null=True, default=None)
    answer_tokens = serializers.IntegerField(min_value=0, required=False, allow_null=True, default=None)
    requests_per_month = serializers.IntegerField(min_value=0, default=0)


@examples(
    request={
        "file": ID, "candidates": [{"backend": "azure", "model": "gpt-4.1-mini-2025-04-14"}],
        "today": {"provider": "openai", "model": "gpt-4.1", "requests_per_month": 60000},
    }
)  # fmt: skip
class TuningEstimateRequestSerializer(Input):
    """A file that is here, or the lines themselves before anything is uploaded. Without candidates: the usual ones."""

    file = Scoped(queryset=TuningFile.objects.live(), required=False, allow_null=True, default=None)
    validation_file = Scoped(queryset=TuningFile.objects.live(), required=False, allow_null=True, default=None)
    content = serializers.CharField(
        max_length=LONGEST_CONTENT, required=False, default="", trim_whitespace=False, help_text="JSONL."
    )
    candidates = CandidateSerializer(many=True, required=False, max_length=MOST_CANDIDATES)  # type: ignore[call-arg]
    today = TodaySerializer(required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if bool(attrs["file"]) == bool(attrs["content"]):
            raise serializers.ValidationError({"file": "Give either a file or content."}, code="required")
        return attrs


class TrainingRateSerializer(serializers.Serializer):
    """The price row that was used. `per`: 1M tokens, or hour."""

    amount = Money()
    per = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    read_on = serializers.DateField()
    confidence = serializers.CharField()


class BreakEvenSerializer(serializers.Serializer):
    """`requests`: in all until training is earned back, at today's traffic; null with the reason in `note`."""

    requests = serializers.IntegerField(allow_null=True)
    months = serializers.DecimalField(max_digits=20, decimal_places=4, allow_null=True)
    saved_per_request = Money()
    note = serializers.CharField(allow_blank=True)


class EtaSerializer(serializers.Serializer):
    """Seconds until a job is over, from own jobs of this kind; null while too few are known."""

    p50_s = serializers.FloatField(allow_null=True)
    p90_s = serializers.FloatField(allow_null=True)
    jobs = serializers.IntegerField()
    note = serializers.CharField(allow_blank=True)


class TuningEstimateSerializer(serializers.Serializer):
    """Null money: not known, `notes` say why. `tokens_error`: the largest share by which a count may be off."""

    backend = serializers.CharField()
    model = serializers.CharField()
    method = serializers.CharField()
    technique = serializers.CharField(allow_blank=True)
    epochs = serializers.IntegerField()
    epochs_by = serializers.CharField(help_text="given, or rule: as OpenAI chooses.")
    tokens_per_epoch = serializers.IntegerField()
    tokens_exact = serializers.BooleanField()
    tokens_error = serializers.FloatField()
    tokenizer = serializers.CharField()
    examples = serializers.IntegerField()
    unread_lines = serializers.IntegerField(help_text="That are no JSON and count for nothing.")
    billable_tokens = serializers.IntegerField(allow_null=True)
    training = Money(allow_null=True)
    training_lower = Money(allow_null=True)
    training_upper = Money(allow_null=True)
    hosting_per_month = Money(allow_null=True)
    price = TrainingRateSerializer(allow_null=True)
    inference_per_1k = Money(allow_null=True, help_text="1,000 such requests to the tuned model.")
    base_per_1k = Money(allow_null=True, help_text="1,000 such requests today, or to the base model.")
    break_even = BreakEvenSerializer(allow_null=True)
    grader = GraderEstimateSerializer(
        allow_null=True, help_text="Of models that grade, beside training; null: none was named that does."
    )
    eta = EtaSerializer()
    currency = serializers.CharField()
    notes = NoteSerializer(many=True)
    blocked_by = NoteSerializer(many=True, help_text="Why the backend would refuse the job today.")


@examples(response={"generated_at": "2026-11-29T09:00:00Z", "estimates": [_ESTIMATE]})
class TuningEstimatesSerializer(serializers.Serializer):
    """The cheapest known training first."""

    generated_at = serializers.DateTimeField()
    estimates = TuningEstimateSerializer(many=True)


class SunsetSerializer(serializers.Serializer):
    """A model with a last day. `requests` and `cost`: of the last 30 days, as far as you see them. `state`: off, soon
    (within 60 days), later, or jobs_only."""

    model = serializers.CharField()
    provider = serializers.CharField()
    base_model = serializers.CharField()
    is_tuned = serializers.BooleanField()
    new_jobs_until = serializers.DateField(allow_null=True)
    answers_until = serializers.DateField(allow_null=True)
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    days_left = serializers.IntegerField(allow_null=True)
    state = serializers.CharField()
    requests = serializers.IntegerField()
    cost = Money()
    share = serializers.FloatField(allow_null=True, help_text="Of all requests.")
    projects = serializers.ListField(child=serializers.CharField())
    golden_at = serializers.DateTimeField(allow_null=True, help_text="When its answers were last recorded.")
    golden_file = serializers.CharField(allow_null=True)
    advice = serializers.CharField()


@examples(response={"generated_at": "2026-11-29T09:00:00Z", "currency": "USD", "models": [_LAST]})
class RadarSerializer(serializers.Serializer):
    """The nearest last day first."""

    generated_at = serializers.DateTimeField()
    currency = serializers.CharField()
    models = SunsetSerializer(many=True)


class GapSerializer(serializers.Serializer):
    """What is missing for a training file."""

    code = serializers.CharField()
    message = serializers.CharField()
    have = serializers.IntegerField()
    need = serializers.IntegerField()


class AdviceSerializer(serializers.Serializer):
    """`kind`: migrate, tune, try_locally or do_not_tune. Money is of 30 days, before training."""

    id = serializers.CharField()
    kind = serializers.CharField()
    title = serializers.CharField()
    use_case = serializers.CharField(allow_blank=True)
    project = serializers.CharField(allow_blank=True)
    project_name = serializers.CharField(allow_blank=True)
    model = serializers.CharField(help_text="That answers today.")
    backend = serializers.CharField(allow_blank=True)
    candidate = serializers.CharField(allow_blank=True, help_text="Base model to tune.")
    requests_per_month = serializers.IntegerField()
    cost_per_month = Money()
    training = Money(allow_null=True)
    saving_per_month = Money(allow_null=True)
    break_even = BreakEvenSerializer(allow_null=True)
    evidence = serializers.ListField(child=serializers.CharField())
    gaps = GapSerializer(many=True)


@examples(
    response={
        "generated_at": "2026-11-29T09:00:00Z", "currency": "USD",
        "recommendations": [{
            "id": f"{ID}:gpt-4o:local-head:local-head-hash", "kind": "try_locally",
            "title": "Try a local head for Tickets", "use_case": "classification", "project": ID,
            "project_name": "Tickets", "model": "gpt-4o", "backend": "local-head", "candidate": "local-head-hash",
            "requests_per_month": 42000, "cost_per_month": "131.0000000000", "training": "0.0000000000",
            "saving_per_month": "131.0000000000",
            "break_even": {"requests": 0, "months": "0.0000", "saved_per_request": "0.0031000000", "note": ""},
            "evidence": ["42,000 requests in 30 days of 410 prompt and 3 answer tokens on average."],
            "gaps": [{"code": "bodies", "message": "0 logged requests of 100 wanted lines.", "have": 0, "need": 100}],
        }],
    }
)  # fmt: skip
class AdviceListSerializer(serializers.Serializer):
    """Models with a last day first, then what saves most, then where tuning does not pay."""

    generated_at = serializers.DateTimeField()
    currency = serializers.CharField()
    recommendations = AdviceSerializer(many=True)


_FIGURES = {
    "jobs": 12, "succeeded": 9, "failed": 1, "cancelled": 1, "running": 1, "success_rate": 0.9, "duration_p50": 2400.0,
    "duration_p90": 4100.0, "trained_tokens": 1840000, "cost": "31.4000000000", "unknown_cost_jobs": 0,
    "estimate_error": 0.004,
}  # fmt: skip


class FiguresSerializer(serializers.Serializer):
    """Of jobs made in the window. Durations in seconds; `estimate_error`: median of actual ÷ estimated − 1."""

    jobs = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    running = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True)
    duration_p50 = serializers.FloatField(allow_null=True)
    duration_p90 = serializers.FloatField(allow_null=True)
    trained_tokens = serializers.IntegerField()
    cost = Money()
    unknown_cost_jobs = serializers.IntegerField(
        help_text="That are over and whose cost nobody told, or that is in a currency without an exchange rate."
    )
    estimate_error = serializers.FloatField(allow_null=True)


class FiguresGroupSerializer(serializers.Serializer):
    """One value of a dimension."""

    dimension = serializers.CharField()
    value = serializers.CharField(allow_blank=True)
    figures = FiguresSerializer()


@examples(
    response={
        "start": "2026-10-30T00:00:00Z", "end": "2026-11-29T00:00:00Z", "currency": "USD", "totals": _FIGURES,
        "groups": [{"dimension": "status", "value": "succeeded", "figures": _FIGURES}],
    }
)  # fmt: skip
class JobAnalyticsSerializer(serializers.Serializer):
    """By status, backend, base model, method, project, user and template."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    currency = serializers.CharField()
    totals = FiguresSerializer()
    groups = FiguresGroupSerializer(many=True)


_SUMS = {
    "training": "31.4000000000", "grader": "0.0000000000", "hosting": "12.0000000000", "inference": "80.2000000000",
    "total": "123.6000000000", "requests": 91000,
}  # fmt: skip


class SumsSerializer(serializers.Serializer):
    """Money by part; `requests`: to tuned models."""

    training = Money()
    grader = Money()
    hosting = Money()
    inference = Money()
    total = Money()
    requests = serializers.IntegerField()


class CostGroupSerializer(serializers.Serializer):
    """One value of a dimension."""

    dimension = serializers.CharField()
    value = serializers.CharField(allow_blank=True)
    sums = SumsSerializer()


class JobCostSerializer(serializers.Serializer):
    """A training that ended in the window. `wasted`: failed, cancelled or repeated, else empty. Amounts are null where
    no exchange rate to the currency of the breakdown was stated."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    backend = serializers.CharField()
    base_model = serializers.CharField()
    status = serializers.CharField()
    cost = Money(allow_null=True)
    grader = Money(allow_null=True, help_text="Of the models that graded it, beside its cost.")
    wasted = serializers.CharField(allow_blank=True)


class WastedSerializer(serializers.Serializer):
    """Money for nothing. `reason`: failed, cancelled, repeated or idle_hosting."""

    reason = serializers.CharField()
    amount = Money()


@examples(
    response={
        "start": "2026-10-30T00:00:00Z", "end": "2026-11-29T00:00:00Z", "currency": "USD", "sums": _SUMS,
        "groups": [{"dimension": "provider", "value": "azure", "sums": _SUMS}],
        "jobs": [{"id": ID, "name": "Tickets", "backend": "azure", "base_model": "gpt-4.1-mini-2025-04-14",
                  "status": "succeeded", "cost": "31.4000000000", "grader": "0.0000000000", "wasted": ""}],
        "not_of_jobs": "0.0000000000", "wasted": [{"reason": "idle_hosting", "amount": "12.0000000000"}],
    }
)  # fmt: skip
class CostBreakdownSerializer(serializers.Serializer):
    """Equal to the ledger. `not_of_jobs`: training in the ledger that none of these jobs explains."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    currency = serializers.CharField()
    sums = SumsSerializer()
    groups = CostGroupSerializer(many=True)
    jobs = JobCostSerializer(many=True)
    not_of_jobs = Money()
    wasted = WastedSerializer(many=True)
