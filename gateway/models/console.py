"""What people keep of the console's pages."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from gateway import querysets
from gateway.choices import Role
from gateway.models.base import Record
from gateway.models.identity import Organization, User


class SavedView(Record):
    """A page with its filters, range and columns under a name: `query` is the page's URL parameters."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="saved_views")
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_views")
    page = models.CharField(max_length=40, default="requests", help_text="Name of the page's URL.")
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=4000)
    shared_with = ArrayField(
        models.CharField(max_length=12, choices=Role.choices), default=list, blank=True,
        help_text="Roles that see it too; empty: private.",
    )  # fmt: skip

    objects = querysets.SavedViewQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            # also the list of a person's views
            models.UniqueConstraint(fields=["organization", "page", "owner", "name"], name="saved_view_unique")
        ]

    def __str__(self) -> str:
        return self.name
