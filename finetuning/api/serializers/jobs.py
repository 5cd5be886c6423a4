"""Fine-tuning jobs as the API shows and takes them."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from finetuning.choices import METHODS, Backend, CanaryGuard, TuningStatus
from finetuning.estimates import Method
from finetuning.insights import Point
from finetuning.insights.curves import point_of
from finetuning.models import Checkpoint, JobEvent, JobPoint, TuningFile, TuningJob
from finetuning.services.evaluations.scoring import METRICS
from finetuning.services.jobs import notifying
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Money, Record, Scoped
from gateway.api.serializers.identity import ID
from gateway.models import Project, Provider

NUMBER_OR_AUTO: dict[str, Any] = {"oneOf": [{"type": "number"}, {"type": "string", "enum": ["auto"]}]}
_HYPERPARAMETERS: dict[str, Any] = {"n_epochs": 3, "batch_size": "auto", "learning_rate_multiplier": "auto"}
_METADATA = [{"name": "ticket", "value": "ML-17"}]
_ESTIMATE: dict[str, Any] = {
    "epochs": 3, "epochs_by": "given", "tokens_per_epoch": 70959, "billable_tokens": 212877, "is_exact": True,
    "training": "1.064385", "lower": "1.064385", "upper": "1.064385", "hosting_per_month": "0", "currency": "USD",
    "grader": None, "rate": {
        "id": "finetuning@2026-10-08:openai/gpt-4.1-mini-2025-04-14/supervised:training",
        "model": "gpt-4.1-mini-2025-04-14", "amount": "5", "per": "1M tokens", "currency": "USD", "technique": "",
        "source": "https://developers.openai.com/api/docs/pricing", "read_on": "2026-10-08", "confidence": "high",
        "hosting_per_hour": "0", "hosting_note": "",
    },
    "notes": [],
}  # fmt: skip
JOB: dict[str, Any] = {
    "id": ID, "public_id": "ftjob-0192f0c4000070008000000000000000", "organization": ID, "project": ID,
    "name": "Support intents", "backend": "openai", "provider": ID, "base_model": "gpt-4.1-mini-2025-04-14",
    "tuned_model": "ft:gpt-4.1-mini-2025-04-14:acme:intents:a1b2c3d4", "method": "supervised", "suffix": "intents",
    "training_file": ID, "validation_file": None, "result_file": ID, "seed": 7,
    "hyperparameters": {**_HYPERPARAMETERS, "used": {"n_epochs": 3, "batch_size": 3, "learning_rate_multiplier": 2}},
    "status": "succeeded", "provider_status": "succeeded", "provider_job_id": "ftjob-9aBcD", "progress": 1.0,
    "eta": None, "estimated_finish": None, "estimate": _ESTIMATE, "cost_estimate": "1.0643850000",
    "cost_actual": "1.0700000000", "grader_cost": None, "currency": "USD", "budget_limit": "5.0000000000",
    "trained_tokens": 214000,
    "billed_tokens": None, "estimate_difference": "0.0056150000",
    "auto_deploy": {"route": "intents", "share": 0.1, "threshold": 0.9, "fallback": "gpt-4.1-mini",
                    "canary_guard": "rollback"},
    "evaluation": {"base": "gpt-4.1-mini", "metrics": ["exact", "judge"], "judge": {"model": "gpt-4.1", "rubric": ""}},
    "notification": {"emails": ["bob@acme.example"], "on": ["succeeded", "failed"], "webhook_host": ""},
    "tags": ["team=support"], "metadata": _METADATA, "template": "", "error": None, "created_by": ID,
    "sync_failures": 0, "synced_at": "2026-11-02T10:20:31Z", "created_at": "2026-11-02T09:30:00Z",
    "updated_at": "2026-11-02T10:20:31Z", "started_at": "2026-11-02T09:41:12Z", "finished_at": "2026-11-02T10:20:30Z",
}  # fmt: skip
_ASKED: dict[str, Any] = {
    "project": ID, "backend": "openai", "provider": ID, "base_model": "gpt-4.1-mini-2025-04-14",
    "method": "supervised", "training_file": ID, "name": "Support intents", "suffix": "intents",
    "hyperparameters": _HYPERPARAMETERS, "budget_limit": "5", "tags": ["team=support"], "metadata": _METADATA,
    "notification": {"emails": ["bob@acme.example"], "on": ["succeeded", "failed"]},
}  # fmt: skip

_POINT: dict[str, Any] = {
    "step": 50, "epoch": 5.0, "train_loss": 0.19, "train_accuracy": 0.95, "valid_loss": None, "valid_accuracy": None,
    "full_valid_loss": 1.42, "full_valid_accuracy": 0.747, "learning_rate": None, "at": "2026-11-02T09:58:00Z",
    "is_diverged": False,
}  # fmt: skip


@extend_schema_field(NUMBER_OR_AUTO)
class NumberOrAuto(serializers.Field):
    """A number, or "auto" for the provider's choice."""

    default_error_messages = {"invalid": "A number is wanted, or auto."}

    def to_internal_value(self, data: Any) -> int | float | str:
        if data != "auto" and (isinstance(data, bool) or not isinstance(data, int | float)):
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


LOSSES = ("train_loss", "valid_loss", "full_valid_loss")


def _of(point: Any, name: str) -> float | None:
    return point.get(name) if isinstance(point, Mapping) else getattr(point, name)


def _is_said(value: Any) -> bool:
    return not isinstance(value, float) or isfinite(value)


def _shown(point: Point, at: datetime | None) -> dict[str, Any]:
    return dict(JobPointSerializer({**asdict(point), "epoch": None, "learning_rate": None, "at": at}).data)


class JSONText(serializers.CharField):
    """A text that is a JSON object; inside, the object."""

    default_error_messages = {"not_json": "A JSON object is wanted."}

    def to_internal_value(self, data: Any) -> Any:
        try:
            found = json.loads(super().to_internal_value(data))
        except (ValueError, RecursionError):
            self.fail("not_json")
        if not isinstance(found, dict):
            self.fail("not_json")
        return found

    def to_representation(self, value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value)


class UsedHyperparametersSerializer(serializers.Serializer):
    """As the provider used them, once it says so; null: not told."""

    n_epochs = serializers.IntegerField(allow_null=True, default=None)
    batch_size = serializers.IntegerField(allow_null=True, default=None)
    learning_rate_multiplier = serializers.FloatField(allow_null=True, default=None)
    learning_rate = serializers.FloatField(allow_null=True, default=None)


class HyperparametersSerializer(Input):
    """As asked; a backend takes those that it knows."""

    n_epochs = NumberOrAuto(required=False)
    batch_size = NumberOrAuto(required=False)
    learning_rate_multiplier = NumberOrAuto(required=False)
    learning_rate = serializers.FloatField(required=False, help_text="Together, Fireworks, runner, local head.")
    beta = NumberOrAuto(required=False, help_text="Of preference jobs.")
    compute_multiplier = NumberOrAuto(required=False, help_text="This and the next four: of reinforcement jobs.")
    eval_interval = NumberOrAuto(required=False)
    eval_samples = NumberOrAuto(required=False)
    reasoning_effort = serializers.ChoiceField(["default", "low", "medium", "high"], required=False)
    grader = JSONText(required=False, max_length=65_536, help_text="JSON text of what OpenAI's API takes.")
    technique = serializers.ChoiceField(
        ["lora", "qlora", "full"], required=False, help_text="Together, Fireworks, runner."
    )
    lora_rank = serializers.IntegerField(required=False, min_value=1, max_value=512)
    lora_alpha = serializers.IntegerField(required=False, min_value=1, max_value=1024)
    lora_dropout = serializers.FloatField(required=False, min_value=0, max_value=1)
    warmup_ratio = serializers.FloatField(required=False, min_value=0, max_value=1)
    weight_decay = serializers.FloatField(required=False, min_value=0)
    n_checkpoints = serializers.IntegerField(required=False, min_value=1, max_value=100)
    n_evals = serializers.IntegerField(required=False, min_value=0, max_value=1000)
    adapter_size = serializers.IntegerField(required=False, min_value=1, max_value=32, help_text="Vertex AI.")
    early_stop = serializers.BooleanField(required=False, help_text="Fireworks, local head.")
    max_context_length = serializers.IntegerField(required=False, min_value=1)
    threshold = serializers.FloatField(
        required=False, min_value=0, max_value=1, help_text="Local head: least confidence of an answer of its own."
    )
    fallback = serializers.CharField(required=False, max_length=200, help_text="Local head: who answers below it.")
    precision = NumberOrAuto(required=False, help_text="Local head: share of right answers above the threshold.")
    shots = NumberOrAuto(required=False, help_text="Example bank: how many examples are shown.")
    template = serializers.CharField(required=False, max_length=60, help_text="Runner: LLaMA-Factory's chat template.")
    used = UsedHyperparametersSerializer(read_only=True)

    def to_representation(self, instance: Mapping[str, Any]) -> dict[str, Any]:
        return super().to_representation({**instance, "used": instance.get("used") or {}})


class MetadataSerializer(Input):
    name = serializers.CharField(max_length=64)
    value = serializers.CharField(max_length=512, allow_blank=True)


class AutoDeploySerializer(Input):
    """When the job succeeds: which route gets the tuned model, with what share of its traffic. For administrators."""

    route = serializers.CharField(max_length=200)
    share = serializers.FloatField(min_value=0, max_value=1, default=0.1)
    threshold = serializers.FloatField(min_value=0, max_value=1, required=False, allow_null=True)
    fallback = serializers.CharField(max_length=200, required=False, allow_blank=True)
    canary_guard = serializers.ChoiceField(
        CanaryGuard.choices, default=CanaryGuard.ROLLBACK.value, help_text="What may be done with it by itself."
    )


class JobJudgeSerializer(Input):
    """Who compares pairs of answers, each twice with places changed."""

    model = serializers.CharField(max_length=300)
    rubric = serializers.CharField(max_length=2_000, required=False, allow_blank=True, default="")


class JobEvaluationSerializer(Input):
    """When the job succeeds: the tuned model against `base` on the validation file. The first metric decides; a judge
    adds the metric `judge`."""

    base = serializers.CharField(max_length=300, help_text="A model or route, as applications name it.")
    metrics = serializers.ListField(
        child=serializers.CharField(max_length=20), required=False, max_length=len(METRICS),
        help_text=f"Of {', '.join(METRICS)}. Nothing: exact.",
    )  # fmt: skip
    judge = JobJudgeSerializer(required=False, allow_null=True, default=None)


class NotificationSerializer(Input):
    """Who is told of the end. Mails go to members of the organization alone; a webhook is signed."""

    emails = serializers.ListField(child=serializers.EmailField(), max_length=20, required=False)
    on = serializers.ListField(child=serializers.ChoiceField(list(notifying.OCCASIONS)), required=False)
    webhook = serializers.URLField(max_length=500, required=False, write_only=True)
    webhook_host = serializers.CharField(read_only=True)


class TuningRateSerializer(serializers.Serializer):
    """The dated price that the estimate rests on."""

    id = serializers.CharField()
    model = serializers.CharField(help_text="A name, or a class of sizes.")
    amount = serializers.CharField()
    per = serializers.CharField()
    currency = serializers.CharField()
    technique = serializers.CharField()
    source = serializers.URLField()  # type: ignore[assignment]
    read_on = serializers.DateField()
    confidence = serializers.ChoiceField(["high", "medium", "low"])
    hosting_per_hour = serializers.CharField()
    hosting_note = serializers.CharField()


class TuningNoteSerializer(serializers.Serializer):
    code = serializers.CharField()
    message = serializers.CharField()


class GraderEstimateSerializer(serializers.Serializer):
    """Of the models that grade a reinforcement job, from what own jobs with the same graders paid an example. `cost`
    null: not known, `note` says why."""

    models = serializers.ListField(child=serializers.CharField())
    cost = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    jobs = serializers.IntegerField()
    note = serializers.CharField(allow_blank=True)


class JobEstimateSerializer(serializers.Serializer):
    """What the job was expected to cost when it was made. `training` null: not known, `notes` say why."""

    epochs = serializers.IntegerField()
    epochs_by = serializers.ChoiceField(["given", "rule"])
    tokens_per_epoch = serializers.IntegerField()
    billable_tokens = serializers.IntegerField(allow_null=True)
    is_exact = serializers.BooleanField()
    training = serializers.CharField(allow_null=True)
    lower = serializers.CharField(allow_null=True)
    upper = serializers.CharField(allow_null=True)
    hosting_per_month = serializers.CharField(allow_null=True)
    grader = GraderEstimateSerializer(allow_null=True, default=None)
    currency = serializers.CharField()
    rate = TuningRateSerializer(allow_null=True)
    notes = TuningNoteSerializer(many=True)


class JobEtaSerializer(serializers.Serializer):
    """When it ends, from own jobs of the same kind; null while there are too few, `note` says so."""

    p50 = serializers.DateTimeField(allow_null=True)
    p90 = serializers.DateTimeField(allow_null=True)
    jobs = serializers.IntegerField(default=0)
    note = serializers.CharField(default="")


class JobErrorSerializer(serializers.Serializer):
    code = serializers.CharField()
    message = serializers.CharField()
    param = serializers.CharField(allow_blank=True, default="")


@examples(response=JOB)
class TuningJobSerializer(Record):
    """A job. Unknown is null, never zero. `cost_actual` is what its ledger line says; `estimate_difference` that less
    the estimate; `grader_cost` what the lines of its graders say, beside it."""

    public_id = serializers.CharField(read_only=True, help_text="Its name at /v1/fine_tuning/jobs.")
    hyperparameters = HyperparametersSerializer()
    eta = JobEtaSerializer(allow_null=True)
    estimate = JobEstimateSerializer(allow_null=True)
    cost_estimate = Money(allow_null=True)
    cost_actual = Money(allow_null=True)
    grader_cost = Money(allow_null=True)
    budget_limit = Money(allow_null=True)
    estimate_difference = serializers.SerializerMethodField()
    auto_deploy = AutoDeploySerializer(allow_null=True)
    evaluation = JobEvaluationSerializer(allow_null=True)
    notification = serializers.SerializerMethodField()
    metadata = serializers.SerializerMethodField()
    error = JobErrorSerializer(allow_null=True)

    class Meta:
        model = TuningJob
        fields = tuple(JOB)
        read_only_fields = fields

    @extend_schema_field(serializers.DecimalField(20, 10, allow_null=True))
    def get_estimate_difference(self, job: TuningJob) -> str | None:
        if job.cost_actual is None or job.cost_estimate is None:
            return None
        return f"{job.cost_actual - job.cost_estimate:.10f}"

    @extend_schema_field(NotificationSerializer)
    def get_notification(self, job: TuningJob) -> dict[str, Any]:
        return notifying.shown(job.notification)

    @extend_schema_field(MetadataSerializer(many=True))
    def get_metadata(self, job: TuningJob) -> list[dict[str, str]]:
        return [{"name": name, "value": value} for name, value in sorted(job.metadata.items())]


@examples(response={**JOB, "webhook_secret": ""})
class NewTuningJobSerializer(TuningJobSerializer):
    """With the secret that its webhook is signed with, this once; empty without a webhook."""

    webhook_secret = serializers.CharField(read_only=True)

    class Meta(TuningJobSerializer.Meta):
        fields = (*TuningJobSerializer.Meta.fields, "webhook_secret")
        read_only_fields = fields


@examples(request=_ASKED)
class TuningJobRequestSerializer(Input):
    """What to train, on what, where, for how much at most."""

    project = Scoped(queryset=Project.objects.all())
    backend = serializers.ChoiceField(Backend.choices)
    provider = Scoped(
        queryset=Provider.objects.all(), platform=True, required=False, allow_null=True, default=None,
        help_text="Of the first five backends.",
    )  # fmt: skip
    base_model = serializers.CharField(max_length=200)
    method = serializers.ChoiceField(METHODS, default=Method.SUPERVISED.value)
    training_file = Scoped(queryset=TuningFile.objects.filter(deleted_at=None))
    validation_file = Scoped(
        queryset=TuningFile.objects.filter(deleted_at=None), required=False, allow_null=True, default=None
    )
    hyperparameters = HyperparametersSerializer(required=False)
    name = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    suffix = serializers.CharField(max_length=64, required=False, allow_blank=True, default="")
    seed = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=0)
    budget_limit = Money(required=False, allow_null=True, default=None, min_value=Decimal("0.0000000001"))
    auto_deploy = AutoDeploySerializer(required=False, allow_null=True, default=None)
    evaluation = JobEvaluationSerializer(required=False, allow_null=True, default=None)
    notification = NotificationSerializer(required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=100), max_length=20, required=False)
    metadata = MetadataSerializer(many=True, required=False)
    template = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")

    def validate_metadata(self, pairs: list[Mapping[str, str]]) -> dict[str, str]:
        return {pair["name"]: pair["value"] for pair in pairs}


@examples(
    request={"status": ["running", "queued"], "backend": ["openai"], "text": "intents", "tags": ["team=support"],
             "metadata": _METADATA, "created_from": "2026-11-01T00:00:00Z"},
)  # fmt: skip
class TuningJobSearchSerializer(Input):
    """Each condition that is given has to hold; of a list, one of its values."""

    text = serializers.CharField(required=False, max_length=200, help_text="In name, models, suffix, error.")
    status = serializers.ListField(child=serializers.ChoiceField(TuningStatus.choices), required=False)
    backend = serializers.ListField(child=serializers.ChoiceField(Backend.choices), required=False)
    method = serializers.ListField(child=serializers.ChoiceField(METHODS), required=False)
    base_model = serializers.ListField(child=serializers.CharField(max_length=200), required=False)
    project = serializers.ListField(child=serializers.UUIDField(), required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=100), required=False, help_text="All of them.")
    metadata = MetadataSerializer(many=True, required=False, help_text="All of them.")
    template = serializers.ListField(child=serializers.CharField(max_length=60), required=False)
    created_from = serializers.DateTimeField(required=False)
    created_to = serializers.DateTimeField(required=False)
    cost_from = Money(required=False, help_text="Of the actual cost, else the estimate.")
    cost_to = Money(required=False)


class JobPointSerializer(serializers.ModelSerializer):
    """What was measured at a step; null: not measured, or no number any more (then `is_diverged`)."""

    is_diverged = serializers.SerializerMethodField()

    @extend_schema_field(bool)
    def get_is_diverged(self, point: Any) -> bool:
        return any(not isfinite(value) for name in LOSSES if (value := _of(point, name)) is not None)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        return {name: value if _is_said(value) else None for name, value in shown.items()}

    class Meta:
        model = JobPoint
        fields = (
            "step", "epoch", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "full_valid_loss",
            "full_valid_accuracy", "learning_rate", "at", "is_diverged",
        )  # fmt: skip
        read_only_fields = fields


@examples(response={"job": ID, "status": "running", "progress": 0.5, "steps": 100, "last_step": 50, "points": [_POINT]})
class JobMetricsSerializer(serializers.Serializer):
    """The curves, and how far the job is."""

    job = serializers.UUIDField()
    status = serializers.CharField()
    progress = serializers.FloatField()
    steps = serializers.IntegerField(allow_null=True, help_text="Of the whole run; null while not known.")
    last_step = serializers.IntegerField(allow_null=True)
    points = JobPointSerializer(many=True)


@examples(
    response={
        "id": ID, "at": "2026-11-02T09:58:00Z", "level": "info", "type": "metrics",
        "message": "Step 50/100: training loss=0.19", "point": _POINT,
    }
)  # fmt: skip
class JobEventSerializer(serializers.ModelSerializer):
    """What the backend, or the gateway, told. `point`: what it measured, null of messages."""

    point = serializers.SerializerMethodField()

    class Meta:
        model = JobEvent
        fields = ("id", "at", "level", "type", "message", "point")
        read_only_fields = fields

    @extend_schema_field(JobPointSerializer(allow_null=True))
    def get_point(self, event: JobEvent) -> dict[str, Any] | None:
        step = event.data.get("step")
        if event.type != "metrics" or not isinstance(step, int):
            return None
        return _shown(point_of(step, event.data), event.at)


@examples(
    response={
        "id": ID, "step": 50, "model": "ft:gpt-4.1-mini-2025-04-14:acme:intents:a1b2c3d4:ckpt-step-50",
        "provider_id": "ftckpt_1", "metrics": _POINT, "dropped_at": None, "created_at": "2026-11-02T10:20:31Z",
    }
)  # fmt: skip
class CheckpointSerializer(serializers.ModelSerializer):
    """A model as it was at a step; `dropped_at`: the provider keeps it no longer."""

    metrics = serializers.SerializerMethodField()

    class Meta:
        model = Checkpoint
        fields = ("id", "step", "model", "provider_id", "metrics", "dropped_at", "created_at")
        read_only_fields = fields

    @extend_schema_field(JobPointSerializer)
    def get_metrics(self, row: Checkpoint) -> dict[str, Any]:
        return _shown(point_of(row.step, row.metrics), None)
