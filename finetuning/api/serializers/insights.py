"""What a job's numbers say, as the API shows it; and the whole job as one JSON document."""

from typing import Any

from rest_framework import serializers

from finetuning.answers.insights import JobInsights
from finetuning.api.serializers.jobs import (
    JOB,
    CheckpointSerializer,
    JobEtaSerializer,
    JobEventSerializer,
    JobPointSerializer,
    TuningJobSerializer,
)
from finetuning.insights import Kind
from gateway.api.openapi import examples
from gateway.api.serializers.base import Money
from gateway.api.serializers.identity import ID

_INSIGHTS: dict[str, Any] = {
    "job": ID, "status": "succeeded", "diagnosis": "overfitting",
    "text": "Held-out loss was lowest at step 50 (1.42) and is 61% higher at step 100 (2.28), while train loss kept "
            "falling.",
    "figures": [{"name": "best_step", "value": 50.0}, {"name": "rise", "value": 0.61}],
    "advice": ["Use the checkpoint of step 50.", "Train fewer epochs.", "Add rows."],
    "basis": "held_out", "best_step": 50, "best_loss": 1.42, "best_kept_step": 80, "best_kept_loss": 1.9,
    "loses_best_at": None,
    "accuracies": [
        {"curve": "full_valid", "step": 100, "reported": 0.718, "corrected": 0.68, "answer_tokens": 150,
         "examples": 10, "note": ""}
    ],
    "eta": None, "cost_estimate": "1.0643850000", "cost_actual": "1.0700000000",
    "estimate_difference": "0.0056150000", "currency": "USD", "training_score": 96.5, "progress": 1.0,
}  # fmt: skip


class InsightFigureSerializer(serializers.Serializer):
    """A number that the diagnosis rests on."""

    name = serializers.CharField()
    value = serializers.FloatField()


class AccuracySerializer(serializers.Serializer):
    """The newest token accuracy of a curve. `corrected`: without the vendor's two hidden tokens of each example, by the
    answer tokens and examples of the file's report; null when it has none or the backend counts none."""

    curve = serializers.ChoiceField(["train", "valid", "full_valid"])
    step = serializers.IntegerField()
    reported = serializers.FloatField()
    corrected = serializers.FloatField(allow_null=True)
    answer_tokens = serializers.IntegerField(allow_null=True)
    examples = serializers.IntegerField(allow_null=True)
    note = serializers.CharField(allow_blank=True)


@examples(response=_INSIGHTS)
class JobInsightsSerializer(serializers.Serializer):
    """One diagnosis with the numbers it rests on and what to do; `best_kept_step`: of the checkpoints that can still be
    used; `loses_best_at`: the step at which the vendor drops the best one."""

    job = serializers.UUIDField()
    status = serializers.CharField()
    progress = serializers.FloatField()
    diagnosis = serializers.ChoiceField([kind.value for kind in Kind])
    text = serializers.CharField()
    figures = InsightFigureSerializer(many=True)
    advice = serializers.ListField(child=serializers.CharField())
    basis = serializers.ChoiceField(["held_out", "train"])
    best_step = serializers.IntegerField(allow_null=True)
    best_loss = serializers.FloatField(allow_null=True)
    best_kept_step = serializers.IntegerField(allow_null=True)
    best_kept_loss = serializers.FloatField(allow_null=True)
    loses_best_at = serializers.IntegerField(allow_null=True)
    accuracies = AccuracySerializer(many=True)
    eta = JobEtaSerializer(allow_null=True, help_text="Null when it is over.")
    cost_estimate = Money(allow_null=True)
    cost_actual = Money(allow_null=True)
    estimate_difference = Money(allow_null=True)
    currency = serializers.CharField()
    training_score = serializers.FloatField(allow_null=True, help_text="Quality of its training file; null: unchecked.")


def insights_told(found: JobInsights, eta: dict[str, Any] | None) -> dict[str, Any]:
    """As `JobInsightsSerializer` has it."""
    job, insight = found.job, found.insight
    return {
        "job": job.pk, "status": job.status, "progress": job.progress, "diagnosis": insight.diagnosis.kind.value,
        "text": insight.diagnosis.text, "advice": insight.diagnosis.advice, "basis": insight.basis,
        "figures": [{"name": name, "value": value} for name, value in insight.diagnosis.figures.items()],
        "best_step": insight.best_step, "best_loss": insight.best_loss, "best_kept_step": insight.best_kept_step,
        "best_kept_loss": insight.best_kept_loss, "loses_best_at": insight.loses_best_at,
        "accuracies": [_accuracy(found, one) for one in found.accuracies], "eta": eta,
        "cost_estimate": job.cost_estimate, "cost_actual": job.cost_actual, "estimate_difference": found.difference,
        "currency": job.currency, "training_score": job.training_file.score,
    }  # fmt: skip


def _accuracy(found: JobInsights, one: Any) -> dict[str, Any]:
    answers = found.answers["train" if one.curve == "train" else "valid"]
    return {
        "curve": one.curve, "step": one.step, "reported": one.reported, "corrected": one.corrected,
        "answer_tokens": answers.tokens if answers else None, "examples": answers.examples if answers else None,
        "note": one.note,
    }  # fmt: skip


@examples(
    response={
        "job": JOB,
        "insights": _INSIGHTS,
        "metrics": [],
        "checkpoints": [],
        "events": [],
        "dataset": {"lines": 40},
    }
)
class JobDocumentSerializer(serializers.Serializer):
    """A job with all it told."""

    job = TuningJobSerializer()
    insights = JobInsightsSerializer()
    metrics = JobPointSerializer(many=True)
    checkpoints = CheckpointSerializer(many=True)
    events = JobEventSerializer(many=True)
    dataset = serializers.JSONField(allow_null=True, help_text="The quality report of its training file.")
