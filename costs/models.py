"""What costs stores. Prices are append-only: a row is closed, never changed, so that a past line can be explained."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from costs import querysets
from gateway.ledger.ids import uuid7
from gateway.models import Organization


class PriceOverride(models.Model):
    """A negotiated or own price that stands before the public list; `costs.pricing.Override` is its meaning.

    Windows `[valid_from, valid_to)` of one organization, provider and model never overlap: an exclusion constraint of
    the migration sees to it. Every change reaches the data planes through the configuration trigger.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="price_overrides",
        null=True,
        blank=True,
        help_text="Empty: for every organization.",
    )
    provider = models.CharField(max_length=60, help_text="Vendor whose price list it replaces, such as openai or vllm.")
    model = models.CharField(max_length=200, help_text="Exact upstream name, or a prefix ending in *.")
    prices = models.JSONField(
        default=dict, blank=True, help_text="Meter → decimal string, per 1,000,000 tokens or per unit."
    )
    currency = models.CharField(max_length=3, default="USD", help_text="ISO 4217.")
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True, help_text="First instant it no longer applies; empty: open.")
    discount_percent = models.DecimalField(max_digits=7, decimal_places=4, null=True, blank=True)
    source = models.CharField(max_length=200, blank=True, help_text="Contract, quote or page it comes from.")
    note = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = querysets.PriceOverrideQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["provider", "model", "-valid_from"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="price_override_window",
                condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")),
                violation_error_message="The price must end after it begins.",
            ),
            models.CheckConstraint(
                name="price_override_discount",
                condition=Q(discount_percent=None) | Q(discount_percent__gte=0, discount_percent__lte=100),
                violation_error_message="A discount lies between 0 and 100 percent.",
            ),
            models.CheckConstraint(
                name="price_override_says_something",
                condition=Q(discount_percent__isnull=False) | ~Q(prices={}),
                violation_error_message="State prices, a discount, or both.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model} from {self.valid_from:%Y-%m-%d}"
