"""Recordings: what a model that will be switched off answers, kept while it still does."""

from typing import ClassVar

from django.db import models

from finetuning.choices import EvaluationStatus
from finetuning.models.files import TuningFile
from finetuning.money import LISTED_CURRENCY
from finetuning.querysets import ProjectScopedQuerySet
from gateway.models import Organization, Project, User, VirtualKey
from gateway.models.base import Record


class Recording(Record):
    """Prompts replayed to `model` through the gateway; its answers become `file` (origin golden).

    `source`: the file whose prompts are asked; null: logged requests of the last `days`. `key`: the first that it
    asked with; those after it share its budget, which is the limit. `spent` null: answers were billed in several
    currencies; else it is in `currency`.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="recordings")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="recordings")
    model = models.CharField(max_length=200)
    source = models.ForeignKey(TuningFile, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    days = models.PositiveIntegerField(default=30)
    size = models.PositiveIntegerField(default=200, help_text="At most so many prompts, drawn by the seed.")
    seed = models.BigIntegerField(default=0)
    budget_limit = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    status = models.CharField(max_length=10, choices=EvaluationStatus.choices, default=EvaluationStatus.QUEUED)
    progress = models.FloatField(default=0)
    prompts = models.PositiveIntegerField(null=True, blank=True, help_text="Null until they are drawn.")
    recorded = models.PositiveIntegerField(default=0)
    spent = models.DecimalField(max_digits=20, decimal_places=10, default=0, null=True, blank=True)
    currency = models.CharField(max_length=3, default=LISTED_CURRENCY)
    key = models.ForeignKey(VirtualKey, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    error = models.TextField(blank=True)
    file = models.ForeignKey(TuningFile, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [models.Index(fields=["organization", "-created_at"], name="recording_list")]

    def __str__(self) -> str:
        return f"{self.model} in {self.project}"


class RecordedPrompt(models.Model):
    """A prompt of a recording, later with its answer; unique, so that a run that goes on after a kill asks nothing
    twice. `record` is encrypted (Fernet): a chat record, with the answer as its last message once `is_answered`."""

    id = models.BigAutoField(primary_key=True)
    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="items")
    place = models.PositiveIntegerField()
    record = models.BinaryField()
    is_asked = models.BooleanField(default=False)
    is_answered = models.BooleanField(default=False)
    cost = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    currency = models.CharField(max_length=3, default=LISTED_CURRENCY)
    error = models.TextField(blank=True)

    objects = models.Manager()

    class Meta:
        ordering: ClassVar = ["recording", "place"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["recording", "place"], name="recorded_prompt_unique")
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"prompt {self.place}"
