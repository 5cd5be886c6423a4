"""Models that came out of jobs, here or at a provider."""

from typing import ClassVar

from django.db import models

from finetuning.choices import Backend
from finetuning.models.jobs import TuningJob
from finetuning.querysets import ProjectScopedQuerySet
from gateway.models import Model, Organization, Project, Provider
from gateway.models.base import Record


class TunedModel(Record):
    """A tuned model by the name that applications send (`ft:local-head:org:suffix:id`, or the provider's).

    `artifact`: weights of a local head (`Head.to_bytes`) or the example bank of dicl, with its hash; `serving`:
    {"threshold", "fallback", "base", "shots"} of the two. `catalog_model`: the row by which the gateway serves it.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="tuned_models")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tuned_models")
    job = models.OneToOneField(TuningJob, on_delete=models.SET_NULL, null=True, blank=True, related_name="result")
    name = models.CharField(max_length=300)
    backend = models.CharField(max_length=12, choices=Backend.choices)
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    base_model = models.CharField(max_length=200)
    catalog_model = models.ForeignKey(Model, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    serving = models.JSONField(default=dict, blank=True)
    artifact = models.BinaryField(null=True, blank=True)
    artifact_sha256 = models.CharField(max_length=64, blank=True)
    hosting_since = models.DateTimeField(null=True, blank=True, help_text="From when hosting is billed by the hour.")
    hosting_until = models.DateTimeField(null=True, blank=True)
    sunset_on = models.DateField(null=True, blank=True, help_text="From this day on it does not answer.")
    sunset_source = models.URLField(max_length=500, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "name"], name="tuned_model_name_unique")
        ]

    def __str__(self) -> str:
        return self.name
