"""Cost centres and allocation rules: make, change, end. Each writes its audit row in the same transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypedDict, Unpack
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from analytics.rollups import state
from costs.allocation import rules
from costs.allocation.compute import as_rule, months
from costs.models import AllocationRule, CostCenter, DirectCenter
from gateway.models import Organization, Team, User, VirtualKey
from gateway.services import audit
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid
from gateway.services.identity import check_fields

MOST_RULES = 200
CENTER_FIELDS = ("code", "name", "owner", "team", "monthly_budget")
RULE_FIELDS = (
    "name", "position", "method", "conditions", "targets", "monthly_amount", "currency", "valid_from", "valid_to",
)  # fmt: skip


class CenterFields(TypedDict, total=False):
    """What may be said of a cost centre."""

    code: str
    name: str
    owner: User | None
    team: Team | None
    monthly_budget: Decimal | None


@transaction.atomic
def create_cost_center(*, organization: Organization, actor: Actor, **fields: Unpack[CenterFields]) -> CostCenter:
    """Raises `Invalid`, and `Conflict` when the code is taken."""
    row = CostCenter(organization=organization)
    _fill_center(row, fields)
    _save_center(row)
    audit.record(organization=organization, actor=actor, verb="cost_center.create", target=row, after=_center(row))
    return row


@transaction.atomic
def update_cost_center(*, cost_center: CostCenter, actor: Actor, **fields: Unpack[CenterFields]) -> CostCenter:
    """Raises `Invalid`, and `Conflict` when the code is taken or it is archived."""
    row = _live_center(cost_center)
    before = _center(row)
    _fill_center(row, fields)
    old, new = audit.differences(before, _center(row))
    if new:
        _save_center(row)
        audit.record(
            organization=row.organization, actor=actor, verb="cost_center.update", target=row, before=old, after=new
        )
    return row


@transaction.atomic
def archive_cost_center(*, cost_center: CostCenter, actor: Actor) -> CostCenter:
    """Raises `Conflict` when a rule that has not ended still allocates to it."""
    row = _live_center(cost_center)
    _lock_rules(row.organization)
    now = timezone.now()
    for rule in _open_rules(row.organization, now):
        if row.pk in _parsed(rule).centers:
            raise Conflict("cost_center_in_use", f"The rule “{rule.name}” still allocates to it; end that first.")
    row.archived_at = now
    row.save(update_fields=["archived_at", "updated_at"])
    audit.record(organization=row.organization, actor=actor, verb="cost_center.archive", target=row)
    return row


@transaction.atomic
def create_rule(
    *,
    organization: Organization,
    actor: Actor,
    name: str,
    method: str,
    targets: Mapping[str, Any],
    conditions: Sequence[Any] = (),
    position: int = 100,
    monthly_amount: Decimal | None = None,
    currency: str = "",
    valid_from: datetime | None = None,
    valid_to: datetime | None = None,
) -> AllocationRule:
    """A rule in force from `valid_from` on: by default from the beginning of this month; an earlier instant allocates
    what has been charged since then anew, except in statements that are locked. Raises `Invalid`, `Conflict`."""
    now = timezone.now()
    fixed_in = (currency or organization.currency).strip().upper() if monthly_amount is not None else ""
    row = AllocationRule(
        organization=organization, name=name.strip(), position=position, method=method, conditions=list(conditions),
        targets=dict(targets), monthly_amount=monthly_amount, currency=fixed_in,
        valid_from=valid_from or months(organization, (now, now))[0][0], valid_to=valid_to,
        created_by_id=getattr(actor, "pk", None) if not isinstance(actor, VirtualKey) else None,
    )  # fmt: skip
    _lock_rules(organization)
    _check_rule(row)
    if len(_open_rules(organization, now)) >= MOST_RULES:
        raise Conflict("too_many_rules", f"There are {MOST_RULES} rules already; end some first.")
    row.save(force_insert=True)
    _remember_direct(row)
    state.bump(organization.pk, opened=True)
    audit.record(organization=organization, actor=actor, verb="allocation_rule.create", target=row, after=_rule(row))
    return row


@transaction.atomic
def update_rule(
    *, rule: AllocationRule, actor: Actor, name: str | None = None, position: int | None = None
) -> AllocationRule:
    """Another name, or another place in the order. What a rule does never changes: end it and make another."""
    row = _locked_rule(rule)
    before = _rule(row)
    row.name = row.name if name is None else name.strip()
    row.position = row.position if position is None else position
    check_fields(row, "name", "position")
    return _changed(row, before, actor, "allocation_rule.update")


@transaction.atomic
def end_rule(*, rule: AllocationRule, actor: Actor, at: datetime | None = None) -> AllocationRule:
    """No longer in force from `at` (now) on. At its beginning or before it: it never was. Raises `Conflict` when it
    has ended by then."""
    row = _locked_rule(rule)
    end = max(at or timezone.now(), row.valid_from)
    if row.valid_to is not None and row.valid_to <= end:
        raise Conflict("rule_ended", f"The rule ends at {row.valid_to:%Y-%m-%d %H:%M} UTC already.")
    before, row.valid_to = _rule(row), end
    return _changed(row, before, actor, "allocation_rule.end")


# ---- cost centres ------------------------------------------------------------------------------------------------
def _fill_center(row: CostCenter, fields: CenterFields) -> None:
    for name, value in fields.items():
        setattr(row, name, value.strip() if isinstance(value, str) else value)
    check_fields(row, "code", "name", "monthly_budget")
    if row.monthly_budget is not None and row.monthly_budget < 0:
        raise Invalid("amount_negative", "The budget cannot be negative.", field="monthly_budget")
    if row.team is not None and row.team.organization_id != row.organization_id:
        raise Invalid("team_not_found", "No such team in this organization.", field="team")
    members = row.organization.memberships.filter(archived_at=None)
    if row.owner is not None and not members.filter(user=row.owner).exists():
        raise Invalid("owner_not_found", "No such member of this organization.", field="owner")


def _save_center(row: CostCenter) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise Conflict("code_taken", f"There is a cost centre {row.code} already.", field="code") from None


def _live_center(cost_center: CostCenter) -> CostCenter:
    row = CostCenter.objects.select_for_update(of=("self",)).select_related("organization").get(pk=cost_center.pk)
    if row.archived_at is not None:
        raise Conflict("cost_center_archived", "The cost centre is archived.")
    return row


def _center(row: CostCenter) -> dict[str, Any]:
    return {name: getattr(row, f"{name}_id", getattr(row, name)) for name in CENTER_FIELDS}


# ---- rules -------------------------------------------------------------------------------------------------------
def _check_rule(row: AllocationRule) -> None:
    check_fields(row, "name", "position", "method", "monthly_amount")
    if row.monthly_amount is not None and row.monthly_amount < 0:
        raise Invalid("amount_negative", "The amount cannot be negative.", field="monthly_amount")
    if row.currency and not (len(row.currency) == 3 and row.currency.isascii() and row.currency.isalpha()):
        raise Invalid("currency", "The currency is a three-letter ISO 4217 code.", field="currency")
    if row.valid_to is not None and row.valid_to <= row.valid_from:
        raise Invalid("window", "The rule must end after it begins.", field="valid_to")
    centers = _parsed(row).centers
    known = CostCenter.objects.filter(organization=row.organization, archived_at=None, pk__in=centers)
    missing = centers - set(known.values_list("pk", flat=True))
    if missing:
        raise Invalid("cost_center_not_found", f"No such cost centre: {min(missing)}.", field="targets")


def _parsed(row: AllocationRule) -> rules.Rule:
    try:
        return as_rule(row)
    except rules.RuleError as error:
        raise Invalid("rule", str(error), field=error.field) from None


def _remember_direct(row: AllocationRule) -> None:
    """What the dimension `cost_center` looks up: direct rules that are about whole teams or projects alone."""
    rule = _parsed(row)
    if rule.method != "direct" or rule.monthly_amount is not None:
        return
    named: dict[str, UUID] = {}
    dimension = ""
    if rule.by in ("team", "project") and not rule.conditions:
        dimension, named = rule.by, dict(rule.centers_by_value)
    elif not rule.by and len(rule.conditions) == 1:
        only = rule.conditions[0]
        if only.dimension in ("team", "project") and only.op == "in":
            dimension, named = only.dimension, dict.fromkeys(only.values, rule.shares[0].center)
    DirectCenter.objects.bulk_create(
        DirectCenter(organization=row.organization, rule=row, cost_center_id=center, **{dimension: UUID(value)})
        for value, center in named.items()
    )


def _open_rules(organization: Organization, now: datetime) -> list[AllocationRule]:
    rows = AllocationRule.objects.filter(organization=organization)
    return [row for row in rows if row.valid_to is None or row.valid_to > now]


def _lock_rules(organization: Organization) -> None:
    """Rules of an organization change one after another."""
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)


def _locked_rule(rule: AllocationRule) -> AllocationRule:
    return AllocationRule.objects.select_for_update(of=("self",)).select_related("organization").get(pk=rule.pk)


def _changed(row: AllocationRule, before: dict[str, Any], actor: Actor, verb: str) -> AllocationRule:
    old, new = audit.differences(before, _rule(row))
    if new:
        row.save(update_fields=[*new, "updated_at"])
        state.bump(row.organization_id, opened=True)
        audit.record(organization=row.organization, actor=actor, verb=verb, target=row, before=old, after=new)
    return row


def _rule(row: AllocationRule) -> dict[str, Any]:
    return {name: getattr(row, name) for name in RULE_FIELDS}
