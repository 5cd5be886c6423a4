"""Files and batches that providers keep for projects: whose they are, and where. The data plane writes the rows."""

from typing import ClassVar

from django.db import models

from gateway import querysets
from gateway.models.base import Record
from gateway.models.catalog import Provider
from gateway.models.identity import Organization, Project


class ProviderObject(Record):
    """A file or a batch by the id that its provider gave it. Only keys of its project reach it.

    `called_by` are the columns that the batch's ledger line gets: key, team, user, tags and so on, as they were.
    """

    KINDS: ClassVar = (("file", "File"), ("batch", "Batch"))

    kind = models.CharField(max_length=5, choices=KINDS)
    object_id = models.CharField(max_length=200, help_text="The provider's id, which clients use.")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="+")
    model = models.CharField(max_length=200, help_text="Name that the requests ask for.")
    model_served = models.CharField(max_length=200, help_text="Name of the model in the catalogue.")
    upstream_name = models.CharField(max_length=200)
    endpoint = models.CharField(max_length=60, blank=True, help_text="Path that the requests are for.")
    status = models.CharField(max_length=20, blank=True, help_text="The provider's word when it was last seen.")
    content = models.JSONField(default=dict, help_text="The object as the provider last described it.")
    called_by = models.JSONField(default=dict)
    line_id = models.UUIDField(null=True, help_text="The ledger line that a batch gets, once.")
    settled_at = models.DateTimeField(null=True, help_text="When nothing was left to be booked.")
    checked_at = models.DateTimeField(null=True)

    objects = querysets.MemberQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            # also serves the look-up of an object by a key of the project
            models.UniqueConstraint(fields=["project", "kind", "object_id"], name="provider_object_unique")
        ]
        indexes: ClassVar = [
            models.Index(fields=["project", "kind", "-created_at"], name="provider_object_list"),
            models.Index(
                fields=["checked_at"], name="provider_object_open",
                condition=models.Q(kind="batch", settled_at=None),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"
