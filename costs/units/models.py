"""What is counted, and how many there were on each day."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from costs.querysets import UnitValueQuerySet, WideQuerySet
from gateway.models import Organization, User
from gateway.models.base import Record


class UnitMetric(Record):
    """Something that calls are made for. `dimension`: what its values are kept by (`team`, `project`, `tag.<key>`),
    and thereby whose cost they are set against; empty: one value a day against the cost of the organization."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="unit_metrics")
    name = models.CharField(max_length=120)
    unit = models.CharField(max_length=60, help_text="One of them: ticket, order, document.")
    dimension = models.CharField(max_length=130, blank=True, help_text="team, project, tag.<key>, or empty.")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, related_name="+", null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = WideQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            # the name of an archived one is free again
            models.UniqueConstraint(
                fields=["organization", "name"], condition=Q(archived_at=None), name="unit_metric_name_unique"
            )
        ]

    def __str__(self) -> str:
        return self.name


class UnitValue(models.Model):
    """How many there were on one day of the organization's reporting zone. `scope`: id of the team or project, value of
    the tag; empty where the metric has no dimension. A day without a row is not known, which is not none."""

    id = models.BigAutoField(primary_key=True)
    metric = models.ForeignKey(UnitMetric, on_delete=models.CASCADE, related_name="values")
    day = models.DateField()
    scope = models.CharField(max_length=300, blank=True, db_collation="C")
    value = models.DecimalField(max_digits=24, decimal_places=6)
    updated_at = models.DateTimeField(auto_now=True)

    objects = UnitValueQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["day", "scope"]
        constraints: ClassVar = [
            # what an upload meets again, and how the days of a window are read
            models.UniqueConstraint(fields=["metric", "day", "scope"], name="unit_value_unique"),
            models.CheckConstraint(
                name="unit_value_not_negative",
                condition=Q(value__gte=0),
                violation_error_message="A value cannot be negative.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.value} on {self.day}"
