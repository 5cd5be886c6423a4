"""Cost centres, the rules that fill them, and statements of what they were charged."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from costs.allocation.rules import METHODS
from costs.querysets import CostCenterQuerySet, StatementItemQuerySet, WideQuerySet
from gateway.models import Organization, Team, User
from gateway.models.base import Record


class CostCenter(Record):
    """Where costs are charged to. Its owner and the managers of its team see what it carries (showback)."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="cost_centers")
    code = models.CharField(max_length=60, db_collation="C", help_text="As accounting knows it.")
    name = models.CharField(max_length=120)
    owner = models.ForeignKey(User, on_delete=models.SET_NULL, related_name="+", null=True, blank=True)
    team = models.ForeignKey(Team, on_delete=models.SET_NULL, related_name="+", null=True, blank=True)
    monthly_budget = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = CostCenterQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "code"], name="cost_center_code_unique"),
            models.CheckConstraint(
                name="cost_center_budget",
                condition=Q(monthly_budget=None) | Q(monthly_budget__gte=0),
                violation_error_message="The budget cannot be negative.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class AllocationRule(Record):
    """What `costs.allocation.rules` says of a rule. It is in force in `[valid_from, valid_to)` and what it says never
    changes: another rule from a date on replaces it."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="allocation_rules")
    name = models.CharField(max_length=120)
    position = models.PositiveIntegerField(default=100, help_text="Rules are asked in this order; the first one takes.")
    method = models.CharField(max_length=12, choices=[(name, name.capitalize()) for name in METHODS])
    conditions = models.JSONField(default=list, blank=True)
    targets = models.JSONField(default=dict)
    monthly_amount = models.DecimalField(
        max_digits=20, decimal_places=10, null=True, blank=True, help_text="A fixed cost instead of ledger charges."
    )
    currency = models.CharField(max_length=3, blank=True, help_text="Of the fixed cost.")
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True, help_text="First instant it is no longer in force.")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, related_name="+", null=True, blank=True)

    objects = WideQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["position", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="allocation_rule_window",
                condition=Q(valid_to=None) | Q(valid_to__gte=F("valid_from")),
                violation_error_message="A rule cannot end before it begins.",
            ),
            models.CheckConstraint(
                name="allocation_rule_fixed_cost",
                condition=Q(monthly_amount=None, currency="") | Q(monthly_amount__gte=0) & ~Q(currency=""),
                violation_error_message="A fixed cost is not negative and has a currency.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DirectCenter(models.Model):
    """Which cost centre a direct rule names for a whole team or project: what the dimension `cost_center` looks up.
    Written with the rules (`costs.services.allocation`)."""

    id = models.BigAutoField(primary_key=True)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    rule = models.ForeignKey(AllocationRule, on_delete=models.CASCADE, related_name="+")
    cost_center = models.ForeignKey(CostCenter, on_delete=models.CASCADE, related_name="+")
    team = models.UUIDField(null=True, blank=True)
    project = models.UUIDField(null=True, blank=True)

    objects = WideQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="direct_center_of_one",
                condition=Q(team=None, project__isnull=False) | Q(team__isnull=False, project=None),
            )
        ]
        indexes: ClassVar = [
            # the look-up of the dimension
            models.Index(fields=["organization", "team"], name="direct_center_team"),
            models.Index(fields=["organization", "project"], name="direct_center_project"),
        ]

    def __str__(self) -> str:
        return f"{self.team or self.project}: {self.cost_center_id}"


class StatementStatus(models.TextChoices):
    DRAFT = "draft"
    LOCKED = "locked"


class Statement(Record):
    """What a calendar month (of the organization's time zone) was charged to its cost centres. A draft is computed
    anew at will; a locked one stays, and what changes later is corrected in the next statement by the rules it was
    locked with (`rules`)."""

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="statements")
    month = models.DateField(help_text="Its first day.")
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=6, choices=StatementStatus.choices, default=StatementStatus.DRAFT)
    start = models.DateTimeField()
    end = models.DateTimeField()
    total = models.DecimalField(max_digits=20, decimal_places=10, help_text="Of the month, without corrections.")
    unallocated = models.DecimalField(max_digits=20, decimal_places=10)
    unpriced_lines = models.BigIntegerField(default=0)
    other_currencies = models.JSONField(
        default=list, help_text="[{currency, amount, converted, rate}]: charged in others, in no amount of it."
    )
    rules = models.JSONField(default=list, help_text="As they stood when it was computed.")
    computed_at = models.DateTimeField()
    locked_at = models.DateTimeField(null=True, blank=True)
    locked_by = models.ForeignKey(User, on_delete=models.SET_NULL, related_name="+", null=True, blank=True)

    objects = WideQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-month", "currency"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "month", "currency"], name="statement_month_unique")
        ]

    def __str__(self) -> str:
        return f"{self.organization} {self.month:%Y-%m} {self.currency}"


class StatementItem(models.Model):
    """One cost centre's line of a statement. `basis`: [{rule, name, method, amount}] that make up `amount`."""

    id = models.BigAutoField(primary_key=True)
    statement = models.ForeignKey(Statement, on_delete=models.CASCADE, related_name="items")
    cost_center = models.ForeignKey(CostCenter, on_delete=models.PROTECT, related_name="statement_items")
    amount = models.DecimalField(max_digits=20, decimal_places=10)
    basis = models.JSONField(default=list)

    objects = StatementItemQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-amount", "cost_center__code"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["statement", "cost_center"], name="statement_item_unique")
        ]

    def __str__(self) -> str:
        return f"{self.cost_center_id}: {self.amount}"


class StatementCorrection(models.Model):
    """What a locked month has changed by since it was charged last. Without a cost centre: of the unallocated part."""

    id = models.BigAutoField(primary_key=True)
    statement = models.ForeignKey(Statement, on_delete=models.CASCADE, related_name="corrections")
    corrects = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="corrected_by")
    cost_center = models.ForeignKey(CostCenter, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    amount = models.DecimalField(max_digits=20, decimal_places=10)

    objects = StatementItemQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["corrects__month", "cost_center__code"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["statement", "corrects", "cost_center"], name="statement_correction_unique",
                nulls_distinct=False,
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.corrects_id}: {self.amount}"
