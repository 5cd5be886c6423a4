"""What costs stores. Prices are append-only: a row is closed, never changed, so that a past line can be explained."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q, Value

from costs import querysets
from costs.budgets.periods import PeriodRule
from costs.choices import (
    BudgetPeriod,
    Enforcement,
    PriceSource,
    RepricingState,
    ReviewState,
    SnapshotState,
    UnpricedRule,
)
from gateway.choices import LimitScope
from gateway.ledger.ids import uuid7
from gateway.models import Organization, Team, User
from gateway.models.base import Record
from gateway.querysets import ScopedQuerySet


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
    tiers = models.JSONField(
        default=list, db_default=Value([], models.JSONField()), blank=True,
        help_text="List of {service_tier, above_tokens, prices}: other prices of a service tier, or of longer prompts.",
    )  # fmt: skip
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


class PriceSnapshot(models.Model):
    """One price file that was read: accepted, and then its rates are rows, or rejected with what was wrong with it.

    The newest accepted one of the second list is what the data planes price by; they follow by the trigger.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    source = models.CharField(max_length=20, choices=PriceSource.choices)
    version = models.CharField(max_length=60, help_text="The source's own version, else the day it was read.")
    origin = models.CharField(max_length=500, help_text="Bundled, or the file or URL it was read from.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of its facts.")
    state = models.CharField(max_length=10, choices=SnapshotState.choices)
    problems = models.JSONField(default=list, blank=True, help_text="Why it was rejected, or accepted all the same.")
    models_count = models.PositiveIntegerField(default=0)
    opened_count = models.PositiveIntegerField(default=0, help_text="Rates that began with it.")
    closed_count = models.PositiveIntegerField(default=0, help_text="Rates that ended with it.")
    imported_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    imported_at = models.DateTimeField(auto_now_add=True)

    objects = querysets.PlatformPriceQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-imported_at", "-id"]
        indexes: ClassVar = [
            # the last one of a source
            models.Index(fields=["source", "-imported_at"], name="price_snapshot_last")
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.version}"


class PriceRate(models.Model):
    """One rate of a public list over `[valid_from, valid_to)`, per unit. Append-only: a row is ended, never changed.

    `valid_from` empty: the first file that stated it, which reaches back. `context`: empty for the standard price, else
    `key=value` parts such as `service_tier=flex`; `above_tokens`: of the whole prompt, -1 without a bound.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    source = models.CharField(max_length=20, choices=PriceSource.choices)
    provider = models.CharField(max_length=60)
    model = models.CharField(max_length=200)
    context = models.CharField(max_length=120, blank=True)
    meter = models.CharField(max_length=20)
    above_tokens = models.IntegerField(default=-1)
    amount = models.DecimalField(max_digits=30, decimal_places=18)
    currency = models.CharField(max_length=3, default="USD")
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_to = models.DateTimeField(null=True, blank=True)
    snapshot = models.ForeignKey(PriceSnapshot, on_delete=models.PROTECT, related_name="rates")

    objects = querysets.PlatformPriceQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["provider", "model", "context", "meter", "above_tokens", "valid_from", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="price_rate_window",
                condition=Q(valid_to=None) | Q(valid_from=None) | Q(valid_to__gt=F("valid_from")),
            ),
            models.UniqueConstraint(
                fields=["source", "provider", "model", "context", "meter", "above_tokens"],
                condition=Q(valid_to=None),
                name="price_rate_one_open",
            ),
        ]
        indexes: ClassVar = [
            # the history of one model
            models.Index(fields=["provider", "model"], name="price_rate_of_model")
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model} {self.meter}"


class PriceReview(models.Model):
    """A model of which the lists state prices that differ by more than 1 %, and what a superuser decided.

    `differences`: `{context, above_tokens, meter, first, second, percent}`, amounts per unit as decimal strings.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.CharField(max_length=60)
    model = models.CharField(max_length=200)
    differences = models.JSONField(default=list)
    largest_percent = models.DecimalField(max_digits=12, decimal_places=2, default=0)
    state = models.CharField(max_length=8, choices=ReviewState.choices, default=ReviewState.OPEN)
    note = models.CharField(max_length=500, blank=True)
    decided_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = querysets.PlatformPriceQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-largest_percent", "provider", "model"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["provider", "model"], name="price_review_unique")]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


class RepricingRun(Record):
    """A past period priced anew by today's book: first counted, then, when somebody says so, applied as adjusting
    entries. Original lines stay. `counted`, `applied`: {lines, changed, still_unpriced, other_currency, before, after,
    difference, groups}; `cursor`: the last line that is dealt with, so that a killed run goes on where it was.
    Lines that were booked after it was asked for are not in it.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="repricing_runs")
    start = models.DateTimeField()
    end = models.DateTimeField()
    provider = models.CharField(max_length=120, blank=True, help_text="As on the lines; empty: every one.")
    model = models.CharField(max_length=200, blank=True, help_text="As on the lines; empty: every one.")
    line = models.UUIDField(null=True, blank=True, help_text="This line alone; null: every one.")
    only_unpriced = models.BooleanField(default=False, help_text="Only lines that had no price.")
    is_automatic = models.BooleanField(
        default=False, db_default=False,
        help_text="Begun because a price, or the truth about a call, arrived; applied when counted.",
    )  # fmt: skip
    state = models.CharField(max_length=10, choices=RepricingState.choices, default=RepricingState.COUNTING)
    counted = models.JSONField(null=True, blank=True)
    applied = models.JSONField(null=True, blank=True)
    cursor = models.UUIDField(null=True, blank=True)
    digest = models.CharField(max_length=64, blank=True, help_text="Of the entries that were counted.")
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    applied_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    applied_at = models.DateTimeField(null=True, blank=True)

    objects = querysets.RepricingQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="repricing_window",
                condition=Q(end__gt=F("start")),
                violation_error_message="The period must end after it begins.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}"


class PriceSetting(Record):
    """How an organization wants prices handled; without a row, the defaults."""

    organization = models.OneToOneField(Organization, on_delete=models.CASCADE, related_name="price_setting")
    backfills_unpriced = models.BooleanField(
        default=True, help_text="Calls without a price are priced by adjusting entries as soon as a price is known."
    )

    objects = querysets.WideQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["organization"]

    def __str__(self) -> str:
        return str(self.organization)


class Budget(Record):
    """An amount that what falls under its scope may cost in a period. How it holds: decision record 0010.

    Scope, period and currency stay what they were made with, so that a counter never has to be counted again.
    `scope_value`: id of the team, project, person or first key of a rotation, the end user, `name=value` of a tag, the
    model served; `*` (tags: `name=*`) gives each of them the amount for itself.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="budgets")
    name = models.CharField(max_length=120)
    scope = models.CharField(max_length=12, choices=LimitScope.choices)
    scope_value = models.CharField(max_length=300, db_collation="C")
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, related_name="budgets", null=True, blank=True, editable=False,
        help_text="Team whose managers see and change it.",
    )  # fmt: skip
    amount = models.DecimalField(max_digits=20, decimal_places=10)
    currency = models.CharField(max_length=3, help_text="ISO 4217; lines in another currency do not count.")
    period = models.CharField(max_length=8, choices=BudgetPeriod.choices, default=BudgetPeriod.MONTH)
    timezone = models.CharField(max_length=64, default="UTC", help_text="IANA zone in which periods begin.")
    anchor_on = models.DateField(null=True, blank=True, help_text="First day of one custom fiscal period.")
    fiscal_months = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Length of a fiscal period.")
    fiscal_days = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Its length in days instead.")
    enforcement = models.CharField(max_length=4, choices=Enforcement.choices, default=Enforcement.HARD)
    is_shadow = models.BooleanField(default=False, help_text="Refuse nothing, count what would have been refused.")
    rolls_over = models.BooleanField(default=False, help_text="What is left is added to the next period, once.")
    alert_thresholds = models.JSONField(
        default=list, blank=True, help_text="List of {percent, basis: actual or forecast}."
    )
    tracked_from = models.DateTimeField(editable=False, help_text="Start of the period in which it was made.")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="budget_amount_not_negative",
                condition=Q(amount__gte=0),
                violation_error_message="The amount cannot be negative.",
            ),
            models.CheckConstraint(
                name="budget_fiscal_says_when",
                condition=~Q(period=BudgetPeriod.FISCAL)
                | Q(anchor_on__isnull=False, fiscal_months__gte=1, fiscal_days=None)
                | Q(anchor_on__isnull=False, fiscal_days__gte=1, fiscal_months=None),
                violation_error_message="A custom period needs its first day and its length in months or in days.",
            ),
        ]
        indexes: ClassVar = [
            # what the data planes and the writer load
            models.Index(fields=["organization"], name="budget_live", condition=Q(archived_at=None)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def rule(self) -> PeriodRule:
        return PeriodRule(self.period, self.timezone, self.anchor_on, self.fiscal_months, self.fiscal_days)


class BudgetForecast(models.Model):
    """The newest forecast of what a budget's `subject` (empty where it is not for each) costs, made at most an hour ago
    where there are workers. `mean`: one number a step from `origin_at`, empty with the reason in `note`."""

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="forecasts")
    subject = models.CharField(max_length=300, db_collation="C", blank=True)
    grain = models.CharField(max_length=4, help_text="hour or day, in the budget's time zone.")
    origin_at = models.DateTimeField(help_text="Start of the first step.")
    mean = models.JSONField(default=list)
    half_width = models.FloatField(default=0, help_text="Of the sum's 80 % interval at the last step.")
    method = models.CharField(max_length=60, blank=True)
    low_confidence = models.BooleanField(default=False)
    note = models.CharField(max_length=200, blank=True)
    made_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["budget", "subject"], name="budget_forecast_unique")]

    def __str__(self) -> str:
        return f"{self.budget_id} {self.subject}".strip()


class BudgetCounter(models.Model):
    """One period of a budget (of one subject, where the budget stands for each). `budget_id` is a `Budget`, or the
    first key of a rotation whose own budget it is. Written by the functions of `costs.budgets.sql` alone."""

    id = models.BigAutoField(primary_key=True)
    budget_id = models.UUIDField()
    organization_id = models.UUIDField()
    subject = models.CharField(max_length=300, db_collation="C")
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    amount = models.DecimalField(max_digits=20, decimal_places=10, db_default=0, help_text="As last known.")
    carried = models.DecimalField(max_digits=20, decimal_places=10, db_default=0, help_text="Left of the last period.")
    spent = models.DecimalField(max_digits=20, decimal_places=10, db_default=0, help_text="Booked, from the ledger.")
    leased = models.DecimalField(max_digits=20, decimal_places=10, db_default=0, help_text="In the hands of processes.")
    unpriced_held = models.DecimalField(max_digits=20, decimal_places=10, db_default=0)
    uncounted_lines = models.BigIntegerField(db_default=0, help_text="Without a price, or in another currency.")
    would_block = models.BigIntegerField(db_default=0, help_text="Calls that a shadow budget would have refused.")
    wanted_until = models.DateTimeField(db_default=models.functions.Now(), help_text="Somebody waits for headroom.")

    objects = querysets.BudgetCounterQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # the global order in which counters are locked
            models.UniqueConstraint(fields=["budget_id", "subject", "period_start"], name="budget_counter_unique")
        ]
        indexes: ClassVar = [
            # current counters of an organization
            models.Index(fields=["organization_id", "period_end"], name="budget_counter_current")
        ]

    def __str__(self) -> str:
        return f"{self.budget_id} {self.subject} from {self.period_start:%Y-%m-%d}"


class BudgetLease(models.Model):
    """Headroom of one data-plane process (its spool's id) at one counter. `granted` − `booked` is what it may cost."""

    id = models.BigAutoField(primary_key=True)
    counter = models.ForeignKey(BudgetCounter, on_delete=models.CASCADE, related_name="leases")
    owner = models.CharField(max_length=64)
    granted = models.DecimalField(max_digits=20, decimal_places=10, db_default=0)
    settled = models.DecimalField(max_digits=20, decimal_places=10, db_default=0)
    booked = models.DecimalField(max_digits=20, decimal_places=10, db_default=0)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["counter", "owner"], name="budget_lease_unique")]
        indexes: ClassVar = [
            # what is released with a spool
            models.Index(fields=["owner"], name="budget_lease_by_owner")
        ]

    def __str__(self) -> str:
        return f"{self.owner} at {self.counter_id}"


class UnpricedPolicy(Record):
    """What a team, or without one the organization, wants done with models whose price is unknown. Without a row: such
    a call is refused where a hard budget applies, because the budget could not hold."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="unpriced_policies")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="unpriced_policies", null=True, blank=True)
    rule = models.CharField(max_length=5, choices=UnpricedRule.choices)

    objects = querysets.UnpricedPolicyQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["organization", "team"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "team"], name="unpriced_policy_unique", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.team or self.organization}: {self.rule}"


from costs.allocation.models import (  # noqa: E402  (each subject keeps its models)
    AllocationRule,
    CostCenter,
    DirectCenter,
    Statement,
    StatementCorrection,
    StatementItem,
    StatementStatus,
)
from costs.commitments.models import Commitment  # noqa: E402
from costs.currencies.models import ExchangeRate  # noqa: E402
from costs.invoices.models import (  # noqa: E402
    DriftPolicy,
    Invoice,
    InvoiceCell,
    InvoiceChunk,
    InvoiceLine,
    InvoiceState,
)
from costs.recommendations.models import (  # noqa: E402
    RealizedHour,
    Recommendation,
    RecommendationState,
    SavingsSearch,
)
from costs.units.models import UnitMetric, UnitValue  # noqa: E402

__all__ = [
    "AllocationRule", "Budget", "BudgetCounter", "BudgetForecast", "BudgetLease", "Commitment", "CostCenter",
    "DirectCenter", "DriftPolicy", "ExchangeRate", "Invoice", "InvoiceCell", "InvoiceChunk", "InvoiceLine",
    "InvoiceState", "PriceOverride", "PriceRate", "PriceReview", "PriceSetting", "PriceSnapshot", "RealizedHour",
    "Recommendation", "RecommendationState", "RepricingRun", "SavingsSearch", "Statement", "StatementCorrection",
    "StatementItem", "StatementStatus", "UnitMetric", "UnitValue", "UnpricedPolicy",
]  # fmt: skip
