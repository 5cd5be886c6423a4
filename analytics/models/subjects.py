"""What has figures of its own beside the ledger's columns: declared tags, and the values admitted."""

from typing import ClassVar

from django.db import models

from analytics import querysets
from gateway.models import Organization, User
from gateway.models.base import Record


class AdmittedValue(models.Model):
    """An end user (`name` is `end_user`) or tag value (`tag.<key>`) that has figures of its own, for good (rule 15)."""

    id = models.BigAutoField(primary_key=True)
    organization = models.UUIDField()
    name = models.TextField()
    value = models.TextField()
    admitted_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        constraints: ClassVar = [
            # what every refresh looks up
            models.UniqueConstraint(fields=["organization", "name", "value"], name="admitted_value_unique")
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.value}"


class DeclaredTag(Record):
    """A key of `X-Gateway-Tags` by which an organization wants its figures: the dimension `tag.<key>`."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="declared_tags")
    key = models.CharField(max_length=120, db_collation="C")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    objects = querysets.DeclaredTagQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["key"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["organization", "key"], name="declared_tag_unique")]

    def __str__(self) -> str:
        return self.key

    @property
    def dimension(self) -> str:
        """Its name in a question."""
        return f"tag.{self.key}"
