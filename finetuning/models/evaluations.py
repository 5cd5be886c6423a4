"""Evaluations: the same held-out items sent to several models through the gateway."""

from typing import ClassVar

from django.db import models

from finetuning.choices import EvaluationStatus
from finetuning.models.files import TuningFile
from finetuning.models.jobs import TuningJob
from finetuning.money import LISTED_CURRENCY
from finetuning.querysets import ProjectScopedQuerySet
from gateway.models import Organization, Project, User, VirtualKey
from gateway.models.base import Record


class Evaluation(Record):
    """`contestants`: [{"label", "model", "prompt", "shots"}], the first is the base that the others are held against;
    `metrics`: names of `finetuning.evaluation.scores`, the first decides; `judge`: {"model", "rubric"} or null; `key`:
    the first that it asked with, whose budget those after it share; `result`: verdicts, intervals, costs as the API
    answers them.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="evaluations")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="evaluations")
    job = models.ForeignKey(TuningJob, on_delete=models.SET_NULL, null=True, blank=True, related_name="evaluations")
    name = models.CharField(max_length=120)
    file = models.ForeignKey(TuningFile, on_delete=models.PROTECT, related_name="evaluations")
    regression_file = models.ForeignKey(
        TuningFile, on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        help_text="General prompts on which nothing may become worse.",
    )  # fmt: skip
    contestants = models.JSONField()
    metrics = models.JSONField(default=list)
    judge = models.JSONField(null=True, blank=True)
    sample = models.PositiveIntegerField(null=True, blank=True, help_text="So many items, drawn by the seed.")
    seed = models.BigIntegerField(default=0)
    budget_limit = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    status = models.CharField(max_length=10, choices=EvaluationStatus.choices, default=EvaluationStatus.QUEUED)
    progress = models.FloatField(default=0)
    leaks = models.JSONField(default=dict, blank=True, help_text="Items left out since the training file has them.")
    result = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    key = models.ForeignKey(VirtualKey, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name


class EvaluationItem(models.Model):
    """One answer of one contestant; unique, so that a run that goes on after a kill asks nothing twice.

    `answer` is encrypted (Fernet); `scores`: {metric: 0–1 or null}; `cost` null: not priced.
    """

    id = models.BigAutoField(primary_key=True)
    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="items")
    line = models.PositiveIntegerField(help_text="Of the file, from 1.")
    is_regression = models.BooleanField(default=False)
    contestant = models.PositiveSmallIntegerField()
    answer = models.BinaryField(null=True, blank=True)
    scores = models.JSONField(default=dict)
    request_id = models.CharField(max_length=100, blank=True)
    cost = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    currency = models.CharField(
        max_length=3,
        default=LISTED_CURRENCY,
        help_text="Of the price; of answers of before it was told, the public list's.",
    )
    input_tokens = models.PositiveIntegerField(null=True, blank=True)
    output_tokens = models.PositiveIntegerField(null=True, blank=True)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    error = models.TextField(blank=True)

    objects = models.Manager()

    class Meta:
        ordering: ClassVar = ["evaluation", "is_regression", "line", "contestant"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["evaluation", "is_regression", "line", "contestant"], name="evaluation_item_unique"
            )
        ]

    def __str__(self) -> str:
        return f"line {self.line}, contestant {self.contestant}"
