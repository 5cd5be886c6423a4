"""Fine-tuning jobs, and what they tell while they run."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from finetuning.choices import METHODS, Backend, TuningStatus
from finetuning.models.files import TuningFile
from finetuning.querysets import TuningJobQuerySet
from gateway.models import Organization, Project, Provider, User, VirtualKey
from gateway.models.base import Record

PREFIX = "ftjob-"


class TuningJob(Record):
    """A run. Money is in `currency`; unknown is null, never zero.

    `hyperparameters`: as asked (`"auto"` allowed) and, once known, under `"used"`; `estimate`: what
    `finetuning.estimates` said when it was made, prices and their days included; `eta`: {"p50", "p90"} times in ISO
    format; `auto_deploy`: {"route", "share", "threshold", "fallback"}; `evaluation`: {"base", "metrics", "judge"},
    which its success queues; `notification`: {"emails", "webhook", "on"}; `provider_state`: what a backend must
    remember (ids of uploaded files, cursors).
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="tuning_jobs")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tuning_jobs")
    name = models.CharField(max_length=120)
    backend = models.CharField(max_length=12, choices=Backend.choices)
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, null=True, blank=True, related_name="tuning_jobs")
    base_model = models.CharField(max_length=200)
    method = models.CharField(max_length=15, choices=METHODS)
    suffix = models.CharField(max_length=64, blank=True)
    training_file = models.ForeignKey(TuningFile, on_delete=models.PROTECT, related_name="trained")
    validation_file = models.ForeignKey(
        TuningFile, on_delete=models.PROTECT, null=True, blank=True, related_name="validated"
    )
    result_file = models.ForeignKey(TuningFile, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    hyperparameters = models.JSONField(default=dict, blank=True)
    seed = models.BigIntegerField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=TuningStatus.choices, default=TuningStatus.VALIDATING)
    provider_status = models.CharField(max_length=60, blank=True)
    provider_job_id = models.CharField(max_length=200, blank=True)
    provider_state = models.JSONField(default=dict, blank=True)
    tuned_model = models.CharField(max_length=300, blank=True, help_text="The provider's name of the result.")
    progress = models.FloatField(default=0, help_text="0–1.")
    eta = models.JSONField(null=True, blank=True)
    estimated_finish = models.DateTimeField(null=True, blank=True, help_text="The provider's own word.")
    estimate = models.JSONField(null=True, blank=True)
    cost_estimate = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    cost_actual = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    grader_cost = models.DecimalField(
        max_digits=20, decimal_places=10, null=True, blank=True,
        help_text="Of the models that graded, as booked; null: none did, or it is not known.",
    )  # fmt: skip
    currency = models.CharField(max_length=3, default="USD")
    budget_limit = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    trained_tokens = models.BigIntegerField(null=True, blank=True, help_text="The provider's field.")
    billed_tokens = models.BigIntegerField(null=True, blank=True, help_text="What the bill is made of, where told.")
    line_id = models.UUIDField(null=True, blank=True, help_text="The ledger line of the training, booked once.")
    auto_deploy = models.JSONField(null=True, blank=True)
    evaluation = models.JSONField(null=True, blank=True)
    notification = models.JSONField(default=dict, blank=True)
    tags = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    template = models.CharField(max_length=60, blank=True)
    error = models.JSONField(null=True, blank=True, help_text='{"code", "message", "param"}')
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    api_key = models.ForeignKey(VirtualKey, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True)
    sync_due_at = models.DateTimeField(null=True, blank=True, help_text="When the backend is asked next.")
    sync_failures = models.PositiveIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True, blank=True, help_text="Somebody talks to the backend until then.")
    holds = models.JSONField(default=list, blank=True, help_text="Counters of budgets that keep room for its cost.")

    webhook_secret = ""
    """Of the notification, on the object that `create_job` returns alone; it is stored encrypted."""

    objects = TuningJobQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["provider", "provider_job_id"], name="tuning_job_provider_id", condition=~Q(provider_job_id="")
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization", "-created_at"], name="tuning_job_list"),
            models.Index(
                fields=["sync_due_at"], name="tuning_job_due",
                condition=~Q(status__in=["succeeded", "failed", "cancelled"]),
            ),
            models.Index(
                fields=["finished_at"], name="tuning_job_unbooked",
                condition=Q(line_id=None, status__in=["succeeded", "failed", "cancelled"]) & ~Q(provider_job_id=""),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        """As `/v1/fine_tuning/jobs` gives it."""
        return f"{PREFIX}{self.pk.hex}"


class JobEvent(Record):
    """A message of a job; `key` makes one that is fetched or sent again the same event."""

    job = models.ForeignKey(TuningJob, on_delete=models.CASCADE, related_name="events")
    key = models.CharField(max_length=200)
    at = models.DateTimeField()
    level = models.CharField(max_length=5, choices=[("info", "Info"), ("warn", "Warning"), ("error", "Error")])
    type = models.CharField(max_length=10, choices=[("message", "Message"), ("metrics", "Metrics")], default="message")
    message = models.TextField()
    data = models.JSONField(default=dict, blank=True)

    objects = models.Manager()

    class Meta:
        ordering: ClassVar = ["-at", "-id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["job", "key"], name="job_event_unique")]
        indexes: ClassVar = [models.Index(fields=["job", "-at", "-id"], name="job_event_list")]

    def __str__(self) -> str:
        return self.message


class JobPoint(models.Model):
    """What was measured at a step: one point of the curves, fields as `finetuning.insights.Point` has them."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(TuningJob, on_delete=models.CASCADE, related_name="points")
    step = models.PositiveIntegerField()
    epoch = models.FloatField(null=True, blank=True)
    train_loss = models.FloatField(null=True, blank=True)
    train_accuracy = models.FloatField(null=True, blank=True)
    valid_loss = models.FloatField(null=True, blank=True)
    valid_accuracy = models.FloatField(null=True, blank=True)
    full_valid_loss = models.FloatField(null=True, blank=True)
    full_valid_accuracy = models.FloatField(null=True, blank=True)
    learning_rate = models.FloatField(null=True, blank=True)
    at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager()

    class Meta:
        ordering: ClassVar = ["job", "step"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["job", "step"], name="job_point_unique")]

    def __str__(self) -> str:
        return f"step {self.step}"


class Checkpoint(Record):
    """A model as it was at a step. `artifact`: the weights of a local head; `dropped_at`: gone at the provider."""

    job = models.ForeignKey(TuningJob, on_delete=models.CASCADE, related_name="checkpoints")
    step = models.PositiveIntegerField()
    model = models.CharField(max_length=300, help_text="The name under which it can be asked, or empty.", blank=True)
    provider_id = models.CharField(max_length=200, blank=True)
    metrics = models.JSONField(default=dict, blank=True)
    artifact = models.BinaryField(null=True, blank=True)
    dropped_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager()

    class Meta:
        ordering: ClassVar = ["job", "-step"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["job", "step"], name="checkpoint_unique")]

    def __str__(self) -> str:
        return f"step {self.step}"
