"""Invoices: the sums of an export that was uploaded, and how it stands against the ledger."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from costs.querysets import InvoicePartQuerySet, WideQuerySet
from gateway.models import Organization, User
from gateway.models.base import Record


class InvoiceState(models.TextChoices):
    """How far an invoice is."""

    QUEUED = "queued", "Waits to be read"
    READY = "ready", "Reconciled"
    FAILED = "failed", "Could not be read"


class Invoice(Record):
    """A provider's export of usage or costs over `[start, end)`, UTC days. The same content is the same invoice. What
    is compared is computed anew at will (`computed_at`); `causes`, `ledger_models` and `notes` are of that time."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="invoices")
    file_name = models.CharField(max_length=300)
    format = models.CharField(max_length=20)
    mapping = models.JSONField(default=dict, blank=True)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the file.")
    size_bytes = models.BigIntegerField()
    state = models.CharField(max_length=6, choices=InvoiceState.choices, default=InvoiceState.QUEUED)
    error = models.TextField(blank=True)
    vendor = models.CharField(max_length=60, blank=True, help_text="Who sells it, as price lists name them.")
    providers = models.JSONField(default=list, blank=True, help_text="Providers of the ledger it is compared with.")
    start = models.DateField(null=True, blank=True)
    end = models.DateField(null=True, blank=True, help_text="First day that it does not cover.")
    currency = models.CharField(max_length=3, blank=True)
    rows = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0, help_text="Records of other products, or without usage.")
    decimals = models.PositiveSmallIntegerField(default=10)
    has_costs = models.BooleanField(default=True)
    billed = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    billed_usage = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    ledger = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    drift = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    drift_percent = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)
    unpriced_share = models.FloatField(default=0)
    causes = models.JSONField(default=list, blank=True)
    ledger_models = models.JSONField(default=dict, blank=True, help_text="Model group → models of the ledger.")
    notes = models.JSONField(default=list, blank=True)
    computed_at = models.DateTimeField(null=True, blank=True)
    requested_by = models.ForeignKey(User, on_delete=models.SET_NULL, related_name="+", null=True, blank=True)

    objects = WideQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "digest"], name="invoice_content_unique"),
            models.CheckConstraint(name="invoice_window", condition=Q(end=None) | Q(end__gt=models.F("start"))),
        ]

    def __str__(self) -> str:
        return self.file_name


class InvoiceLine(models.Model):
    """The export's records of one day, model, meter, tier and kind. `tier` empty: not stated, `standard` otherwise."""

    id = models.BigAutoField(primary_key=True)
    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="lines")
    day = models.DateField()
    model = models.CharField(max_length=200, blank=True)
    meter = models.CharField(max_length=60, blank=True)
    tier = models.CharField(max_length=60, blank=True)
    kind = models.CharField(max_length=10)
    currency = models.CharField(max_length=3)
    label = models.CharField(max_length=200, blank=True)
    quantity = models.DecimalField(max_digits=30, decimal_places=6, null=True, blank=True)
    cost = models.DecimalField(max_digits=24, decimal_places=14, null=True, blank=True)
    rows = models.PositiveIntegerField()
    repeated_rows = models.PositiveIntegerField(default=0)
    repeated_quantity = models.DecimalField(max_digits=30, decimal_places=6, default=0)
    repeated_cost = models.DecimalField(max_digits=24, decimal_places=14, default=0)

    objects = InvoicePartQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["day", "model", "meter"]
        indexes: ClassVar = [
            # what is compared, and the lines of one day and model
            models.Index(fields=["invoice", "day", "model"], name="invoice_line_place")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.model} {self.meter}"


class InvoiceCell(models.Model):
    """Both sides of one day, model and meter. `causes`: kind → amount; `cause` is the largest of them."""

    id = models.BigAutoField(primary_key=True)
    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="cells")
    day = models.DateField()
    model = models.CharField(max_length=200, blank=True)
    meter = models.CharField(max_length=60, blank=True)
    billed_quantity = models.DecimalField(max_digits=30, decimal_places=6, null=True, blank=True)
    ledger_quantity = models.DecimalField(max_digits=30, decimal_places=6, null=True, blank=True)
    billed_cost = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    ledger_cost = models.DecimalField(max_digits=20, decimal_places=10)
    drift = models.DecimalField(max_digits=20, decimal_places=10)
    cause = models.CharField(max_length=20, blank=True)
    causes = models.JSONField(default=dict, blank=True)

    objects = InvoicePartQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["day", "model", "meter"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["invoice", "day", "model", "meter"], name="invoice_cell_unique")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.model} {self.meter}"


class InvoiceChunk(models.Model):
    """A piece of a large file until it is read: encrypted, in the database, as imports keep theirs."""

    id = models.BigAutoField(primary_key=True)
    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["invoice", "number"], name="invoice_chunk_unique")]

    def __str__(self) -> str:
        return f"chunk {self.number}"


class DriftPolicy(Record):
    """From which drift on an organization wants to be told: more than `percent` of the bill and more than `minimum` in
    the bill's currency. Without a row: 5 % and 1."""

    organization = models.OneToOneField(Organization, on_delete=models.CASCADE, related_name="drift_policy")
    percent = models.DecimalField(max_digits=6, decimal_places=3, default=5)
    minimum = models.DecimalField(max_digits=20, decimal_places=10, default=1)

    objects = WideQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="drift_policy_bounds", condition=Q(percent__gte=0, percent__lte=100, minimum__gte=0),
                violation_error_message="A percentage lies between 0 and 100, and an amount is not negative.",
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.organization_id}: {self.percent} %, {self.minimum}"
