"""Stated exchange rates."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from costs.querysets import ExchangeRateQuerySet
from gateway.models import Organization, User
from gateway.models.base import Record


class ExchangeRate(Record):
    """One unit of `base` is `rate` units of `quote` from `valid_from` (a day in UTC) until the day of the next one.

    An organization's own rate stands before the platform's. Append-only: a rate that turns out wrong is stated again
    for its day, and the one stated last stands.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="exchange_rates", null=True, blank=True,
        help_text="Empty: for every organization.",
    )  # fmt: skip
    base = models.CharField(max_length=3, help_text="ISO 4217.")
    quote = models.CharField(max_length=3, help_text="ISO 4217.")
    rate = models.DecimalField(max_digits=28, decimal_places=14)
    valid_from = models.DateField()
    source = models.CharField(max_length=200, help_text="Who states it: a central bank, a contract, a ledger.")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, related_name="+", null=True, blank=True)

    objects = ExchangeRateQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["base", "quote", "-valid_from", "-created_at", "-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="exchange_rate_positive",
                condition=Q(rate__gt=0),
                violation_error_message="A rate is more than 0.",
            ),
            models.CheckConstraint(
                name="exchange_rate_of_two",
                condition=~Q(base=F("quote")),
                violation_error_message="A rate is between two currencies.",
            ),
        ]
        indexes: ClassVar = [
            # the rates of a pair up to a day
            models.Index(fields=["base", "quote", "valid_from"], name="exchange_rate_of_pair")
        ]

    def __str__(self) -> str:
        return f"1 {self.base} = {self.rate.normalize():f} {self.quote} from {self.valid_from:%Y-%m-%d}"
