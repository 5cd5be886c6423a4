"""Commitments as they were agreed."""

from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from costs.choices import CommitmentKind, CommitmentUnitTime
from costs.commitments.terms import Terms
from costs.querysets import WideQuerySet
from gateway.models import Organization, Project, User
from gateway.models.base import Record


class Commitment(Record):
    """What an organization pays a provider whether it calls or not, over the UTC days `[starts_on, ends_on)`.

    Its terms never change: another commitment follows one that was ended. Each day that is over is one ledger line of
    the kind `commitment` in `project`; `booked_until` is the first day that has none yet.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="commitments")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=30, choices=CommitmentKind.choices)
    provider = models.CharField(max_length=120, help_text="Slug of the provider, as on the lines.")
    model = models.CharField(max_length=200, help_text="Exact name, or a prefix ending in *; * alone: every model.")
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="commitments", help_text="Where its lines are booked."
    )
    amount = models.DecimalField(
        max_digits=20, decimal_places=10, validators=[MinValueValidator(0)], help_text="Of one unit."
    )
    per = models.CharField(max_length=5, choices=CommitmentUnitTime.choices)
    units = models.DecimalField(max_digits=14, decimal_places=4, default=1)
    unit_name = models.CharField(max_length=20, blank=True, help_text="PTU, GSU, model unit, …")
    currency = models.CharField(max_length=3, help_text="ISO 4217.")
    tokens_per_minute = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="What all units serve; empty: not known."
    )
    covers_calls = models.BooleanField(
        default=True, help_text="Calls it covers cost nothing more; their list cost stays known."
    )
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True, help_text="First day it is no longer paid; empty: open.")
    booked_until = models.DateField(editable=False, help_text="First day that is not booked.")
    note = models.TextField(blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, related_name="+", null=True, blank=True)

    objects = WideQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-starts_on", "name", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="commitment_window",
                condition=Q(ends_on=None) | Q(ends_on__gte=F("starts_on")),
                violation_error_message="It cannot end before it begins.",
            ),
            models.CheckConstraint(
                name="commitment_amount",
                condition=Q(amount__gte=0, units__gt=0),
                violation_error_message="The amount is not negative, and there is something of it.",
            ),
            models.CheckConstraint(
                name="commitment_fixed_by_month",
                condition=~Q(kind=CommitmentKind.FIXED_MONTHLY) | Q(per=CommitmentUnitTime.MONTH),
                violation_error_message="A fixed monthly amount is per month.",
            ),
            models.CheckConstraint(
                name="commitment_booked_within",
                condition=Q(booked_until__gte=F("starts_on")) & (Q(ends_on=None) | Q(booked_until__lte=F("ends_on"))),
            ),
        ]
        indexes: ClassVar = [
            # what has days to book
            models.Index(fields=["booked_until"], name="commitment_to_book"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def terms(self) -> Terms:
        return Terms(self.amount, self.units, self.per, self.starts_on, self.ends_on)
