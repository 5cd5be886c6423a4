"""Runs outside of any provider: of local heads in the background process, and on machines of the user."""

from typing import ClassVar

from django.db import models

from finetuning.choices import TuningStatus
from finetuning.models.jobs import TuningJob
from gateway.models.base import Record


class HeadRun(Record):
    """The training of a local head; claimed as a `gateway.models.Job` of the job's id.

    `state`: where the run stands (`Training.state`), from which another process goes on when this one died; gone when
    it is over. `epochs`: planned, null until it began.
    """

    job = models.OneToOneField(TuningJob, on_delete=models.CASCADE, related_name="head_run")
    status = models.CharField(max_length=16, choices=TuningStatus.choices, default=TuningStatus.QUEUED)
    epoch = models.PositiveIntegerField(default=0)
    epochs = models.PositiveIntegerField(null=True, blank=True)
    state = models.BinaryField(null=True, blank=True)
    used = models.JSONField(default=dict, blank=True, help_text="Hyperparameters that the run was made with.")
    error = models.JSONField(null=True, blank=True, help_text='{"code", "message", "param"}')
    tuned_model = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.job}, epoch {self.epoch}"


class RunnerLink(Record):
    """What the user's own machine has told of a job, and the token by which it may: of this job alone.

    `digest`: keyed hash of the token, as of virtual keys; null before one was asked for. `base_url`: where the result
    answers (OpenAI-compatible), empty when it is not served yet.
    """

    job = models.OneToOneField(TuningJob, on_delete=models.CASCADE, related_name="runner_link")
    digest = models.BinaryField(max_length=32, null=True, blank=True, editable=False)
    prefix = models.CharField(max_length=20, blank=True)
    status = models.CharField(max_length=16, choices=TuningStatus.choices, default=TuningStatus.QUEUED)
    said = models.CharField(max_length=60, blank=True)
    progress = models.FloatField(null=True, blank=True)
    trained_tokens = models.BigIntegerField(null=True, blank=True)
    used = models.JSONField(default=dict, blank=True)
    error = models.JSONField(null=True, blank=True, help_text='{"code", "message", "param"}')
    tuned_model = models.CharField(max_length=300, blank=True)
    base_url = models.URLField(max_length=500, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["digest"], name="runner_link_digest_unique")]

    def __str__(self) -> str:
        return f"{self.job} elsewhere"
