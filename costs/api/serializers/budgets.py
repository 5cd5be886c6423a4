"""Budgets as the API shows and takes them."""

from typing import Any
from uuid import UUID

from rest_framework import serializers

from costs.choices import BudgetPeriod
from costs.hierarchy import Standing
from costs.models import Budget
from costs.usage import BudgetUsage, Usage
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Money, Record, Scoped
from gateway.api.serializers.identity import ID, TIMES
from gateway.models import Project, VirtualKey

FIXED = (
    "scope", "scope_value", "currency", "period", "timezone", "anchor_on", "fiscal_months", "fiscal_days",
)  # fmt: skip
"""What a budget keeps from its making."""
_THRESHOLDS = [{"percent": 80.0, "basis": "actual"}, {"percent": 100.0, "basis": "forecast"}]
_OPTIONS = {"enforcement": "hard", "is_shadow": False, "rolls_over": False, "alert_thresholds": _THRESHOLDS}
_BUDGET = {
    "id": ID, "organization": ID, "name": "Search, monthly", "scope": "team", "scope_value": ID, "team": ID,
    "amount": "500.0000000000", "currency": "USD", "period": "month", "timezone": "Europe/Vienna", "anchor_on": None,
    "fiscal_months": None, "fiscal_days": None, **_OPTIONS, "tracked_from": "2026-10-31T23:00:00Z", "created_by": ID,
    "archived_at": None, **TIMES, "warnings": [],
}  # fmt: skip


class ThresholdSerializer(Input):
    """When to tell somebody: `percent` of the amount, spent (`actual`) or expected by the period's end (`forecast`)."""

    percent = serializers.FloatField(min_value=0.01, max_value=1000)
    basis = serializers.ChoiceField(choices=["actual", "forecast"])


@examples(
    response=_BUDGET,
    request={
        "name": "Search, monthly", "scope": "team", "scope_value": ID, "amount": "500.00", "period": "month",
        "enforcement": "hard", "alert_thresholds": _THRESHOLDS,
    },
)  # fmt: skip
class BudgetSerializer(Record):
    """What may be spent on something in a period. Scope, period and currency stay what it was made with."""

    amount = Money(min_value=0)
    scope_value = serializers.CharField(
        max_length=300, required=False, allow_blank=True,
        help_text="Id of the team, project, key or person; the end user; `name=value` of a tag; the model served. `*` "
        "(tags: `name=*`) gives each the amount for itself. Empty for the organization.",
    )  # fmt: skip
    currency = serializers.CharField(max_length=3, required=False, help_text="Default: the organization's.")
    timezone = serializers.CharField(
        max_length=64, required=False, help_text="IANA zone in which periods begin. Default: the organization's."
    )
    alert_thresholds = ThresholdSerializer(many=True, required=False)
    warnings = serializers.SerializerMethodField(
        help_text="Amounts that do not add up with the budgets under and over it; said when it is made or changed."
    )

    class Meta:
        model = Budget
        fields = (
            "id", "organization", "name", "scope", "scope_value", "team", "amount", "currency", "period", "timezone",
            "anchor_on", "fiscal_months", "fiscal_days", "enforcement", "is_shadow", "rolls_over", "alert_thresholds",
            "tracked_from", "created_by", "archived_at", "created_at", "updated_at", "warnings",
        )  # fmt: skip
        read_only_fields = ("id", "organization", "team", "tracked_from", "created_by", "archived_at")
        validators: list[object] = []

    def get_warnings(self, budget: Budget) -> list[str]:
        found: list[str] = self.context.get("warnings", [])
        return found

    def get_fields(self) -> dict[str, serializers.Field]:
        """A counter is never counted again, so what it depends on stays."""
        fields = super().get_fields()
        if isinstance(self.instance, Budget):
            for name in FIXED:
                fields[name].read_only = True
        return fields


_USAGE = {
    "subject": "", "period_start": "2026-10-31T23:00:00Z", "resets_at": "2026-11-30T23:00:00Z",
    "limit": "500.0000000000", "carried": "0.0000000000", "spent": "312.5000000000", "held": "12.0000000000",
    "remaining": "175.5000000000", "utilization": 0.625, "exhausts_at": "2026-11-28T10:12:00Z", "note": "",
    "uncounted_lines": 0, "would_block": 0,
    "outlook": {"basis": "forecast", "note": "", "low_confidence": False, "earliest": "2026-11-26T15:40:00Z",
                "latest": None, "expected": "521.3000000000", "lower": "488.1000000000", "upper": "554.5000000000"},
    "parents": [{"budget": ID, "name": "Whole company", "scope": "organization", "subject": "", "blocks": True,
                 "limit": "2000.0000000000", "spent": "1890.0000000000", "held": "20.0000000000",
                 "remaining": "90.0000000000", "resets_at": "2026-11-30T23:00:00Z"}],
    "binding": ID,
}  # fmt: skip


class OutlookSerializer(serializers.Serializer):
    """Where a budget is heading, with 80 % intervals."""

    basis = serializers.CharField(
        help_text="`forecast`, or `pace`: linear since the period began, while there is no forecast."
    )
    note = serializers.CharField(help_text="Why there is no forecast.")
    low_confidence = serializers.BooleanField(help_text="Too little history to test the forecast on.")
    earliest = serializers.DateTimeField(allow_null=True, help_text="First bound of `exhausts_at`; null of a pace.")
    latest = serializers.DateTimeField(allow_null=True, help_text="Last bound; null when it may outlast the period.")
    expected = Money(allow_null=True, help_text="Spent by the end of the period; null without a forecast or an end.")
    lower = Money(allow_null=True)
    upper = Money(allow_null=True)


class AboveSerializer(serializers.Serializer):
    """A budget that something counts towards, with its own use of the `subject` that it is there."""

    budget: Any = serializers.PrimaryKeyRelatedField(read_only=True, pk_field=serializers.UUIDField())
    name = serializers.CharField(source="budget.name")
    scope = serializers.CharField(source="budget.scope")
    subject = serializers.CharField(source="usage.subject")
    blocks = serializers.BooleanField(help_text="It refuses calls: hard, and not in shadow.")
    limit = Money(source="usage.limit")
    spent = Money(source="usage.spent")
    held = Money(source="usage.held")
    remaining = Money(source="usage.remaining")
    resets_at = serializers.DateTimeField(source="usage.resets_at", allow_null=True)


class UsageSerializer(serializers.Serializer):
    """The running period of a budget, of one `subject` where it stands for each."""

    subject = serializers.CharField(help_text="Empty where the budget is not for each.")
    period_start = serializers.DateTimeField(allow_null=True, help_text="Null: it never begins anew.")
    resets_at = serializers.DateTimeField(allow_null=True)
    limit = Money(help_text="The amount, and what was carried over.")
    carried = Money()
    spent = Money(help_text="Booked in the ledger.")
    held = Money(help_text="Leased to running processes, or in reserve for calls without a price.")
    remaining = Money(help_text="`limit` − `spent` − `held`; negative when overdrawn.")
    utilization = serializers.FloatField(allow_null=True, help_text="`spent` ÷ `limit`; null when the limit is 0.")
    exhausts_at = serializers.DateTimeField(
        allow_null=True, help_text="Expected, by `outlook.basis`; null with the reason in `note`."
    )
    note = serializers.CharField()
    uncounted_lines = serializers.IntegerField(help_text="Ledger lines without a price, or in another currency.")
    would_block = serializers.IntegerField(help_text="Calls that a shadow budget would have refused.")
    outlook = OutlookSerializer()
    parents = serializers.SerializerMethodField(
        help_text="Budgets that you see and that its calls count towards as well, the narrowest first."
    )
    binding = serializers.SerializerMethodField(
        help_text="Of itself and those of `parents` that refuse calls, the one with least left; null: none refuses."
    )

    def get_parents(self, usage: Usage) -> AboveSerializer(many=True):  # type: ignore[valid-type]
        return AboveSerializer(self._standing(usage).parents, many=True).data

    def get_binding(self, usage: Usage) -> UUID | None:
        binding = self._standing(usage).binding
        return None if binding is None else binding.pk

    def _standing(self, usage: Usage) -> Standing:
        found: Standing = self.context["standings"][self.context["budget"].pk, usage.subject]
        return found


class ChildSerializer(serializers.ModelSerializer):
    """A budget of a narrower scope under another one."""

    amount = Money()

    class Meta:
        model = Budget
        fields = ("id", "name", "scope", "scope_value", "amount", "currency", "period")


_CHILD = {
    "id": ID, "name": "Assistant", "scope": "project", "scope_value": ID, "amount": "200.0000000000", "currency": "USD",
    "period": "month",
}  # fmt: skip


@examples(
    response={"id": ID, "budget": _BUDGET, "subjects": [_USAGE], "children": [_CHILD], "warnings": []},
)
class BudgetUsageSerializer(serializers.Serializer):
    """A budget with the subjects that spent most, most first; one where it is not for each."""

    id = serializers.UUIDField()
    budget = BudgetSerializer()
    subjects = serializers.SerializerMethodField()
    children = serializers.SerializerMethodField(
        help_text="Budgets that you see and whose calls count towards it, up to 100."
    )
    warnings = serializers.SerializerMethodField(help_text="Amounts that do not add up.")

    def get_subjects(self, one: BudgetUsage) -> UsageSerializer(many=True):  # type: ignore[valid-type]
        context = {**self.context, "budget": one.budget}
        return UsageSerializer(one.subjects, many=True, context=context).data

    def get_children(self, one: BudgetUsage) -> ChildSerializer(many=True):  # type: ignore[valid-type]
        return ChildSerializer(self._standing(one).children, many=True).data

    def get_warnings(self, one: BudgetUsage) -> list[str]:
        return list(self._standing(one).warnings)

    def _standing(self, one: BudgetUsage) -> Standing:
        found: Standing = self.context["standings"][one.budget.pk, one.first.subject]
        return found


@examples(request={"cost": "0.25", "key": ID, "model": "gpt-4o", "end_user": "", "tags": ["feature=search"]})
class BudgetCheckRequestSerializer(Input):
    """An estimated cost and what the call is about. A key brings its project, team and person."""

    cost = Money(min_value=0)
    currency = serializers.CharField(max_length=3, required=False, help_text="Default: the organization's.")
    key = Scoped(queryset=VirtualKey.objects.all(), required=False, allow_null=True, default=None)
    project = Scoped(queryset=Project.objects.all(), required=False, allow_null=True, default=None)
    model = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    end_user = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    tags = serializers.ListField(
        child=serializers.RegexField(r"^[^=,]{1,120}=[^,]{1,120}$"), required=False, default=list, max_length=20,
        help_text="Each `name=value`.",
    )  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["key"] is not None and attrs["project"] not in (None, attrs["key"].project):
            raise serializers.ValidationError({"project": "The key belongs to another project."})
        return attrs


class AppliedSerializer(serializers.Serializer):
    """A budget that the call falls under."""

    budget: Any = serializers.PrimaryKeyRelatedField(
        read_only=True, allow_null=True, pk_field=serializers.UUIDField(), help_text="Null: the key's own."
    )
    name = serializers.CharField()
    subject = serializers.CharField()
    blocks = serializers.BooleanField(help_text="It refuses calls: hard, and not in shadow.")
    limit = Money()
    spent = Money()
    held = Money()
    remaining = Money()
    resets_at = serializers.DateTimeField(allow_null=True)
    fits = serializers.BooleanField(help_text="What is settled leaves room for the cost.")
    is_waiting = serializers.BooleanField(help_text="It fits, but what is held now is in the way: it may have to wait.")


@examples(
    response={
        "would_pass": True, "is_complete": True,
        "budgets": [
            {"budget": ID, "name": "Search, monthly", "subject": "", "blocks": True, "limit": "500.0000000000",
             "spent": "312.5000000000", "held": "12.0000000000", "remaining": "175.5000000000",
             "resets_at": "2026-11-30T23:00:00Z", "fits": True, "is_waiting": False},
        ],
    },
)  # fmt: skip
class BudgetCheckSerializer(serializers.Serializer):
    """`would_pass`: none of the listed budgets refuses. `is_complete` false: others apply that you do not see."""

    would_pass = serializers.BooleanField()
    is_complete = serializers.BooleanField()
    budgets = AppliedSerializer(many=True)


POLICIES = 20


@examples(
    request={
        "budgets": [
            {"budget": ID, "amount": "300.00"},
            {"scope": "end_user", "scope_value": "*", "amount": "2.00", "period": "day"},
        ],
    },
)  # fmt: skip
class PolicyRequestSerializer(Input):
    """The budgets that are tried, at once. Empty: those that are there, as they are."""

    class OneSerializer(Input):
        """A budget that is there (`budget`, with another `amount` or its own), or one that is not."""

        budget = serializers.UUIDField(required=False, allow_null=True, default=None)
        name = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
        scope = serializers.CharField(max_length=12, required=False, default="organization")
        scope_value = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)
        amount = Money(min_value=0, required=False)
        currency = serializers.CharField(max_length=3, required=False, default="")
        period = serializers.ChoiceField(choices=BudgetPeriod.choices, required=False, default=BudgetPeriod.MONTH)
        anchor_on = serializers.DateField(required=False, allow_null=True, default=None)
        fiscal_months = serializers.IntegerField(required=False, allow_null=True, default=None)
        fiscal_days = serializers.IntegerField(required=False, allow_null=True, default=None)
        timezone = serializers.CharField(max_length=64, required=False, default="")

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            if attrs["budget"] is None and "amount" not in attrs:
                raise serializers.ValidationError({"amount": "A budget that is not there needs an amount."})
            return attrs

    budgets = OneSerializer(many=True, required=False, default=list)

    def validate_budgets(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len(value) > POLICIES:
            raise serializers.ValidationError(f"At most {POLICIES} budgets are tried at once.")
        return value


@examples(request={"amount": "300.00"})
class BudgetSimulateRequestSerializer(Input):
    """`amount` null: the budget's."""

    amount = Money(min_value=0, required=False, allow_null=True, default=None)


class RefusedSerializer(serializers.Serializer):
    """Calls of one key, or imported ones of a project, that would have been refused."""

    subject = serializers.CharField()
    project = serializers.UUIDField()
    api_key = serializers.UUIDField(allow_null=True)
    user = serializers.UUIDField(allow_null=True)
    first_at = serializers.DateTimeField()
    requests = serializers.IntegerField()
    cost = Money()


@examples(
    response={
        "budget": ID, "amount": "300.0000000000", "start": "2026-09-30T22:00:00Z", "end": "2026-10-31T23:00:00Z",
        "replayed_to": "2026-10-31T23:00:00Z", "is_complete": True, "lines": 18240, "cost": "412.8000000000",
        "blocked_requests": 4010, "blocked_cost": "112.8100000000",
        "refused": [
            {"subject": "", "project": ID, "api_key": ID, "user": None, "first_at": "2026-10-24T14:03:11Z",
             "requests": 4010, "cost": "112.8100000000"},
        ],
    },
)  # fmt: skip
class BudgetSimulationSerializer(serializers.Serializer):
    """Last month's calls against the amount. `refused`: up to 100, by cost. `is_complete` false: there were more lines
    than are replayed, and the figures end at `replayed_to`."""

    budget: Any = serializers.PrimaryKeyRelatedField(read_only=True, pk_field=serializers.UUIDField())
    amount = Money()
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    replayed_to = serializers.DateTimeField()
    is_complete = serializers.BooleanField()
    lines = serializers.IntegerField()
    cost = Money()
    blocked_requests = serializers.IntegerField()
    blocked_cost = Money()
    refused = RefusedSerializer(many=True)


class PolicyRefusedSerializer(RefusedSerializer):
    """The same, with the budget that refused: the narrowest, where several did."""

    budget: Any = serializers.PrimaryKeyRelatedField(
        source="policy.budget", read_only=True, allow_null=True, pk_field=serializers.UUIDField()
    )
    name = serializers.CharField(source="policy.name")


class OfPolicySerializer(serializers.Serializer):
    """What one of the budgets refused."""

    budget: Any = serializers.PrimaryKeyRelatedField(
        source="policy.budget", read_only=True, allow_null=True, pk_field=serializers.UUIDField()
    )
    name = serializers.CharField(source="policy.name")
    scope = serializers.CharField(source="policy.scope")
    scope_value = serializers.CharField(source="policy.scope_value")
    amount = Money(source="policy.amount")
    period = serializers.CharField(source="policy.rule.kind")
    blocked_requests = serializers.IntegerField()
    blocked_cost = Money()


@examples(
    response={
        "start": "2026-09-30T22:00:00Z", "end": "2026-10-31T23:00:00Z", "replayed_to": "2026-10-31T23:00:00Z",
        "is_complete": True, "lines": 18240, "cost": "412.8000000000", "blocked_requests": 4010,
        "blocked_cost": "112.8100000000",
        "budgets": [
            {"budget": ID, "name": "Search, monthly", "scope": "team", "scope_value": ID, "amount": "300.0000000000",
             "period": "month", "blocked_requests": 4010, "blocked_cost": "112.8100000000"},
        ],
        "refused": [
            {"subject": "", "project": ID, "api_key": ID, "user": None, "first_at": "2026-10-24T14:03:11Z",
             "requests": 4010, "cost": "112.8100000000", "budget": ID, "name": "Search, monthly"},
        ],
    },
)  # fmt: skip
class PolicySimulationSerializer(serializers.Serializer):
    """Last month's calls (in the organization's time zone) against all the budgets. `refused`: up to 100, by cost."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    replayed_to = serializers.DateTimeField()
    is_complete = serializers.BooleanField()
    lines = serializers.IntegerField(help_text="Under at least one of them.")
    cost = Money()
    blocked_requests = serializers.IntegerField()
    blocked_cost = Money()
    budgets = OfPolicySerializer(source="policies", many=True)
    refused = PolicyRefusedSerializer(many=True)
