"""Cost centres, allocation rules, allocations and statements as the API shows and takes them."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from costs.allocation.rules import METHODS, METRICS, OPERATORS
from costs.allocation.showback import Showback
from costs.models import AllocationRule, CostCenter, Statement
from gateway.api.openapi import examples
from gateway.api.serializers.base import Input, Money, Record, Scoped
from gateway.api.serializers.identity import ID, TIMES
from gateway.models import Team, User

_CENTER = {
    "id": ID, "organization": ID, "code": "4711", "name": "Search", "owner": ID, "team": ID,
    "monthly_budget": "2000.0000000000", "archived_at": None, **TIMES,
}  # fmt: skip
_NAMED = {"id": ID, "code": "4711", "name": "Search"}


@examples(response=_CENTER, request={"code": "4711", "name": "Search", "team": ID, "monthly_budget": "2000"})
class CostCenterSerializer(Record):
    """Where costs are charged to. Its owner and the managers of its team see what it carries."""

    owner: Any = serializers.PrimaryKeyRelatedField(
        queryset=User.objects.filter(is_active=True), required=False, allow_null=True,
        pk_field=serializers.UUIDField(), help_text="Id of a member of the organization.",
    )  # fmt: skip
    team: Any = Scoped(queryset=Team.objects.all(), required=False, allow_null=True)
    monthly_budget = Money(min_value=0, required=False, allow_null=True)

    class Meta:
        model = CostCenter
        fields = (
            "id", "organization", "code", "name", "owner", "team", "monthly_budget", "archived_at", "created_at",
            "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "organization", "archived_at")
        validators: list[object] = []


class ConditionSerializer(Input):
    """A charge meets it when the dimension's value is one of `values`, is none of them, or begins with one."""

    dimension = serializers.CharField(
        max_length=130,
        help_text="team, project, api_key, user, end_user, provider, model, endpoint, kind, origin or tag.<key>.",
    )
    op = serializers.ChoiceField(choices=OPERATORS)
    values = serializers.ListField(child=serializers.CharField(max_length=200), min_length=1, max_length=500)


class ShareSerializer(Input):
    """A cost centre's percentage; those of a rule sum to exactly 100."""

    cost_center = serializers.UUIDField()
    percent = serializers.DecimalField(max_digits=13, decimal_places=10)


class TierSerializer(Input):
    """What lies below `up_to` in a calendar month, above the tier before; the last one is open (null)."""

    up_to = Money(allow_null=True)
    shares = ShareSerializer(many=True)


class ValueSerializer(Input):
    """Charges with this value are the cost centre's."""

    value = serializers.CharField(max_length=200)
    cost_center = serializers.UUIDField()


class TargetsSerializer(Input):
    """To whom a rule's amount goes. direct: `cost_center`, or `by` with `values`; fixed: `shares`; even:
    `cost_centers`; proportional: `cost_centers` and `metric`; tiered: `tiers`."""

    cost_center = serializers.UUIDField(required=False)
    by = serializers.CharField(required=False, max_length=130, help_text="A dimension whose values name cost centres.")
    values = ValueSerializer(many=True, required=False)
    shares = ShareSerializer(many=True, required=False)
    cost_centers = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=200)
    metric = serializers.ChoiceField(choices=METRICS, required=False)
    tiers = TierSerializer(many=True, required=False)

    def to_representation(self, instance: Any) -> Any:
        """As stored: fields that the method has."""
        return instance


def plain(value: Any) -> Any:
    """A checked body as JSON stores it: ids and decimals as text."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return f"{value:f}" if isinstance(value, Decimal) else str(value) if isinstance(value, UUID) else value


_TARGETS = {"shares": [{"cost_center": ID, "percent": "62.5"}, {"cost_center": ID, "percent": "37.5"}]}
_CONDITIONS = [{"dimension": "tag.campaign", "op": "prefix", "values": ["summer-"]}]


@examples(
    response={
        "id": ID, "organization": ID, "name": "Campaigns", "position": 10, "method": "fixed",
        "conditions": _CONDITIONS, "targets": _TARGETS, "monthly_amount": None, "currency": "",
        "valid_from": "2026-11-01T00:00:00Z", "valid_to": None, "created_by": ID, **TIMES,
    },
    request={
        "name": "Campaigns", "position": 10, "method": "fixed", "conditions": _CONDITIONS, "targets": _TARGETS,
        "valid_from": "2026-11-01T00:00:00Z",
    },
)  # fmt: skip
class AllocationRuleSerializer(Record):
    """What happens to charges that meet the conditions; rules are asked by `position`, and the first one takes. With a
    `monthly_amount` it allocates that fixed cost instead, by elapsed time."""

    method = serializers.ChoiceField(choices=METHODS)
    conditions = ConditionSerializer(many=True, required=False)
    targets = TargetsSerializer()
    monthly_amount = Money(min_value=0, required=False, allow_null=True)
    currency = serializers.CharField(max_length=3, required=False, allow_blank=True, help_text="Of the fixed cost.")
    valid_from = serializers.DateTimeField(required=False, help_text="Default: the beginning of this month.")
    position = serializers.IntegerField(required=False, min_value=0, max_value=1_000_000)

    class Meta:
        model = AllocationRule
        fields = (
            "id", "organization", "name", "position", "method", "conditions", "targets", "monthly_amount", "currency",
            "valid_from", "valid_to", "created_by", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("id", "organization", "created_by")
        validators: list[object] = []


@examples(request={"name": "Campaigns of all teams", "position": 5})
class AllocationRuleChangeSerializer(Input):
    """What may change; what a rule does never does: end it and make another."""

    name = serializers.CharField(max_length=120, required=False)
    position = serializers.IntegerField(required=False, min_value=0, max_value=1_000_000)


@examples(request={"at": "2026-12-01T00:00:00Z"})
class RuleEndSerializer(Input):
    """From when on the rule is no longer in force."""

    at = serializers.DateTimeField(required=False, help_text="Default: now.")


@examples(request={"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"})
class AllocationQuerySerializer(Input):
    """`[start, end)`."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    currency = serializers.CharField(max_length=3, required=False, help_text="Default: the organization's.")


class NamedCenterSerializer(serializers.Serializer):
    """A cost centre by name."""

    id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()


class BasisSerializer(serializers.Serializer):
    """A rule's part of an amount."""

    rule = serializers.UUIDField()
    name = serializers.CharField()
    method = serializers.ChoiceField(choices=METHODS)
    amount = Money()


class AllocatedSerializer(serializers.Serializer):
    """What a cost centre carries. `share` of the total; `budget` of a month."""

    cost_center = NamedCenterSerializer()
    owner = serializers.CharField(allow_null=True)
    budget = Money(allow_null=True)
    amount = Money()
    share = serializers.FloatField(allow_null=True)
    basis = BasisSerializer(many=True)


class AppliedRuleSerializer(serializers.Serializer):
    """What a rule took in the window, and what of it could be given to nobody."""

    rule = serializers.UUIDField()
    name = serializers.CharField()
    method = serializers.ChoiceField(choices=METHODS)
    lines = serializers.IntegerField()
    amount = Money()
    unallocated = Money()


class AllocationNoteSerializer(serializers.Serializer):
    """What a reader has to know."""

    code = serializers.CharField()
    message = serializers.CharField()


_BASIS = {"rule": ID, "name": "Campaigns", "method": "fixed", "amount": "62.5000000000"}
_ALLOCATED = {
    "cost_center": _NAMED, "owner": "Ann", "budget": "2000.0000000000", "amount": "62.5000000000", "share": 0.5208,
    "basis": [_BASIS],
}  # fmt: skip


@examples(
    response={
        "generated_at": "2026-11-28T10:00:00Z", "start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z",
        "currency": "USD", "method": "rules", "total": "120.0000000000", "fixed": "0.0000000000",
        "allocated": "100.0000000000", "unallocated": "20.0000000000", "unallocated_share": 0.1667,
        "rules_applied": [
            {"rule": ID, "name": "Campaigns", "method": "fixed", "lines": 812, "amount": "100.0000000000",
             "unallocated": "0.0000000000"},
        ],
        "items": [_ALLOCATED], "notes": [],
    },
)  # fmt: skip
class AllocationSerializer(serializers.Serializer):
    """`total` = Σ items + `unallocated`, to the last digit. `fixed`: the fixed costs in it."""

    generated_at = serializers.DateTimeField()
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    currency = serializers.CharField()
    method = serializers.CharField()
    total = Money()
    fixed = Money()
    allocated = Money()
    unallocated = Money()
    unallocated_share = serializers.FloatField(allow_null=True)
    rules_applied = AppliedRuleSerializer(many=True)
    items = AllocatedSerializer(many=True)
    notes = AllocationNoteSerializer(many=True)


@examples(request={"month": "2026-11-01"})
class StatementQuerySerializer(Input):
    """A calendar month by its first day, in the organization's time zone."""

    month = serializers.DateField()
    currency = serializers.CharField(max_length=3, required=False, help_text="Default: the organization's.")


class StatementItemSerializer(serializers.Serializer):
    """A cost centre's line: what it carries of the month."""

    cost_center = NamedCenterSerializer()
    amount = Money()
    basis = BasisSerializer(many=True)


class CorrectionSerializer(serializers.Serializer):
    """What a locked month changed by since it was charged last; without a cost centre, its unallocated part."""

    month = serializers.DateField(source="corrects.month")
    cost_center = NamedCenterSerializer(allow_null=True)
    amount = Money()


class OtherCurrencySerializer(serializers.Serializer):
    """What was charged in another currency; it is in no other amount. `converted`: in the currency of the answer, each
    day's part by its rate; null when a day has none. `rate`: of the last day."""

    currency = serializers.CharField()
    amount = Money()
    converted = Money(allow_null=True)
    rate = serializers.CharField(allow_blank=True)


_OTHER = {
    "currency": "EUR", "amount": "5.0000000000", "converted": "6.0000000000",
    "rate": "1 EUR = 1.2 USD from 2026-11-01, European Central Bank",
}  # fmt: skip


@examples(
    response={
        "id": ID, "organization": ID, "month": "2026-11-01", "currency": "USD", "status": "locked",
        "start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z", "total": "120.0000000000",
        "unallocated": "20.0000000000", "unpriced_lines": 0, "other_currencies": [_OTHER],
        "computed_at": "2026-12-01T08:00:00Z",
        "locked_at": "2026-12-01T08:00:00Z", "locked_by": ID,
        "items": [{"cost_center": _NAMED, "amount": "100.0000000000", "basis": [_BASIS]}],
        "corrections": [{"month": "2026-10-01", "cost_center": _NAMED, "amount": "1.2500000000"}], **TIMES,
    },
)  # fmt: skip
class StatementSerializer(Record):
    """A month's chargeback. `total` = Σ items + `unallocated`; corrections of earlier months come on top."""

    items = StatementItemSerializer(many=True, read_only=True)
    corrections = CorrectionSerializer(many=True, read_only=True)
    other_currencies = OtherCurrencySerializer(many=True, read_only=True)

    class Meta:
        model = Statement
        fields = (
            "id", "organization", "month", "currency", "status", "start", "end", "total", "unallocated",
            "unpriced_lines", "other_currencies", "computed_at", "locked_at", "locked_by", "items",
            "corrections", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields


@examples(response={"people": 3})
class MailedSerializer(serializers.Serializer):
    """To how many people a statement goes, those included who have had it."""

    people = serializers.IntegerField()


class ShowbackQuerySerializer(Input):
    """Which month, in which currency."""

    month = serializers.DateField(required=False)
    currency = serializers.CharField(max_length=3, required=False)

    def validate_month(self, value: date) -> date:
        if value.day != 1:
            raise serializers.ValidationError("A month is named by its first day.")
        return value


class ShowbackPartSerializer(serializers.Serializer):
    """A project, or a model (null: calls of none), in the month and in as much of the month before."""

    id = serializers.CharField(allow_blank=True)
    name = serializers.CharField(allow_null=True)
    amount = Money()
    previous = Money()
    requests = serializers.IntegerField()


class ShowbackChargeSerializer(serializers.Serializer):
    """What a cost centre of the team is charged. `corrections`: of earlier months, by a locked statement."""

    cost_center = NamedCenterSerializer(source="center")
    amount = Money()
    corrections = Money()
    basis = BasisSerializer(many=True)


class ShowbackBudgetSerializer(serializers.Serializer):
    """A budget of the team or of one of its projects, as it is now."""

    id = serializers.UUIDField()
    name = serializers.CharField(source="budget.name")
    scope = serializers.CharField(source="budget.scope")
    currency = serializers.CharField(source="budget.currency")
    spent = Money(source="first.spent")
    limit = Money(source="first.limit")
    utilization = serializers.FloatField(source="first.utilization", allow_null=True)


class ShowbackSavingSerializer(serializers.Serializer):
    """An open recommendation about the team's calls."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    monthly_saving = Money()
    currency = serializers.CharField()


@examples(
    response={
        "team": ID, "name": "Search", "month": "2026-11-01", "currency": "USD", "is_running": False,
        "spent": "30.0000000000", "previous": "20.0000000000", "change": 0.5, "requests": 812, "unpriced_lines": 0,
        "unallocated": "4.0000000000", "unallocated_share": 0.1333, "charged": "51.0000000000", "statement": ID,
        "by_project": [
            {"id": ID, "name": "Assistant", "amount": "30.0000000000", "previous": "20.0000000000", "requests": 812},
        ],
        "by_model": [
            {"id": "gpt-4o", "name": "gpt-4o", "amount": "30.0000000000", "previous": "20.0000000000",
             "requests": 812},
        ],
        "charges": [
            {"cost_center": _NAMED, "amount": "51.0000000000", "corrections": "0.0000000000", "basis": [_BASIS]},
        ],
        "other_currencies": [_OTHER],
        "budgets": [
            {"id": ID, "name": "Search", "scope": "team", "currency": "USD", "spent": "30.0000000000",
             "limit": "400.0000000000", "utilization": 0.075},
        ],
        "recommendations": [
            {"id": ID, "title": "Mark what prompts share", "monthly_saving": "90.0000000000", "currency": "USD"},
        ],
        "notes": [{"code": "other_currency", "message": "5.00 EUR were spent too; that is in no figure here."}],
    },
)  # fmt: skip
class ShowbackSerializer(serializers.Serializer):
    """A team's month. `previous`: as much of the month before. `charged` = Σ charges with their corrections, by the
    locked `statement`, or by the rules as they stand when that is null. `unallocated`: of `spent`, by no rule."""

    team = serializers.UUIDField(source="team.pk")
    name = serializers.CharField(source="team.name")
    month = serializers.DateField()
    currency = serializers.CharField()
    is_running = serializers.BooleanField()
    spent = Money()
    previous = Money()
    change = serializers.FloatField(allow_null=True)
    requests = serializers.IntegerField()
    unpriced_lines = serializers.IntegerField()
    unallocated = Money()
    unallocated_share = serializers.FloatField(allow_null=True)
    charged = Money(source="total_charged")
    statement = serializers.UUIDField(source="statement.pk", allow_null=True, default=None)
    by_project = ShowbackPartSerializer(many=True)
    by_model = ShowbackPartSerializer(many=True)
    charges = ShowbackChargeSerializer(many=True, source="charged")
    other_currencies = OtherCurrencySerializer(many=True)
    budgets = ShowbackBudgetSerializer(many=True)
    recommendations = ShowbackSavingSerializer(many=True)
    notes = serializers.SerializerMethodField()

    @extend_schema_field(AllocationNoteSerializer(many=True))
    def get_notes(self, found: Showback) -> list[dict[str, str]]:
        return [{"code": code, "message": message} for code, message in found.notes]
