"""Budgets: administrators write all, managers their team's; what each person sees is `visible_to`'s."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from costs import replay, trial
from costs.api.serializers import budgets as serializers
from costs.api.serializers.budgets import FIXED, BudgetSerializer
from costs.hierarchy import Standing, standings, warnings_of
from costs.models import Budget
from costs.services import budgets
from costs.usage import BudgetUsage, blocks, usage_of
from gateway.api import ownership
from gateway.api.permissions import ADMINS, MEMBERS
from gateway.api.views.base import ReadableResource, archive_action
from gateway.choices import Role
from gateway.services.errors import Invalid
from gateway.services.scopes import checked_scope

WRITERS = ADMINS | {Role.MANAGER}
SUBJECTS = 100
DRAFTED = ("scope", "scope_value", "amount", "currency", "period", "anchor_on", "fiscal_months", "fiscal_days")


class BudgetViewSet(ReadableResource):
    """Budgets."""

    queryset = Budget.objects.all()
    serializer_class = BudgetSerializer
    roles = {
        "list": MEMBERS, "retrieve": MEMBERS, "create": WRITERS, "partial_update": WRITERS, "archive": WRITERS,
        "usage": MEMBERS, "usages": MEMBERS, "check": MEMBERS, "simulate": MEMBERS,
        "simulate_policy": MEMBERS,
    }  # fmt: skip
    filterset_fields = {
        "scope": ["exact"], "scope_value": ["exact"], "team": ["exact"], "period": ["exact"], "enforcement": ["exact"],
        "is_shadow": ["exact"], "archived_at": ["isnull"],
    }  # fmt: skip
    search_fields = ("name",)
    ordering_fields = ("name", "amount", "created_at")

    def create(self, request: Request) -> Response:
        """Make a budget; it counts what the running period has cost already, and holds within two seconds."""
        organization = self.organization
        fields = self.validated(BudgetSerializer)
        fields["timezone_name"] = fields.pop("timezone", "")
        scope, value = fields["scope"], fields.get("scope_value", "").strip()
        ownership.check_new(self.access, scope, checked_scope(organization, scope, value)[1], "budgets")
        made = budgets.create_budget(organization=organization, actor=self.actor, **fields)
        return Response(self._shown(made), status=201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change name, amount, enforcement, roll-over or thresholds; every process follows within two seconds."""
        budget = self._writable()
        fields = self.validated(BudgetSerializer, budget)
        changes: Any = {name: value for name, value in fields.items() if name not in FIXED}
        return Response(self._shown(budgets.update_budget(budget=budget, actor=self.actor, **changes)))

    @archive_action("End a budget; its counters stay for the record.")
    def archive(self, request: Request, pk: str) -> Response:
        return self.answer(budgets.archive_budget(budget=self._writable(), actor=self.actor))

    @extend_schema(responses=serializers.BudgetUsageSerializer)
    @action(detail=True, methods=["get"])
    def usage(self, request: Request, pk: str) -> Response:
        """How far the budget is used in the running period, and where it stands among the others that you see; of one
        for each, the 100 that spent most."""
        now = timezone.now()
        found = usage_of([self.get_object()], now, subjects=SUBJECTS)
        return Response(serializers.BudgetUsageSerializer(found[0], context=self._context(found, now)).data)

    @extend_schema(responses=serializers.BudgetUsageSerializer(many=True))
    @action(detail=False, methods=["get"], url_path="usage")
    def usages(self, request: Request) -> Response:
        """How far every budget that is not archived is used; of one for each, the one that spent most."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset().filter(archived_at=None)))
        now = timezone.now()
        found = usage_of(page or [], now)
        shown = serializers.BudgetUsageSerializer(found, many=True, context=self._context(found, now))
        return self.get_paginated_response(shown.data)

    @extend_schema(request=serializers.BudgetCheckRequestSerializer, responses=serializers.BudgetCheckSerializer)
    @action(detail=False, methods=["post"])
    def check(self, request: Request) -> Response:
        """Would a call of this estimated cost pass? Nothing is held. Only budgets that you see are counted."""
        organization = self.organization
        given = self.validated(serializers.BudgetCheckRequestSerializer)
        cost, currency = given.pop("cost"), given.pop("currency", "") or organization.currency
        found = trial.check_cost(
            organization=organization, cost=cost, subjects=trial.subjects_of(organization=organization, **given),
            currency=currency.upper(), visible=self.get_queryset().values_list("pk", flat=True), at=timezone.now(),
            key=given["key"],
        )  # fmt: skip
        return self.answer(found, serializer=serializers.BudgetCheckSerializer)

    @extend_schema(
        request=serializers.BudgetSimulateRequestSerializer, responses=serializers.BudgetSimulationSerializer
    )
    @action(detail=True, methods=["post"])
    def simulate(self, request: Request, pk: str) -> Response:
        """Who would have been refused last month (in the budget's time zone), had the budget been hard? Replays at most
        200,000 ledger lines; nothing is changed."""
        budget = self.get_object()
        given = self.validated(serializers.BudgetSimulateRequestSerializer)["amount"]
        start, end = replay.last_month(budget.timezone, timezone.now())
        amount = budget.amount if given is None else given
        found = replay.simulate_budget(budget=budget, amount=amount, start=start, end=end)
        return self.answer(found, serializer=serializers.BudgetSimulationSerializer)

    @extend_schema(
        request=serializers.PolicyRequestSerializer, responses=serializers.PolicySimulationSerializer,
        operation_id="budgets_simulate_policy",
    )  # fmt: skip
    @action(detail=False, methods=["post"], url_path="simulate")
    def simulate_policy(self, request: Request) -> Response:
        """Who would have been refused last month under these budgets, all at once and as if they were hard? They are
        there already, with other amounts where given, or not; without any, those that refuse calls or would are taken.
        Replays at most 200,000 ledger lines; nothing is changed."""
        given = self.validated(serializers.PolicyRequestSerializer)
        policies = [self._policy(one) for one in given["budgets"]] or [
            replay.Policy.of(budget) for budget in self._live() if blocks(budget) or budget.is_shadow
        ][: serializers.POLICIES]
        if not policies:
            raise Invalid("policy_empty", "There is no budget to try; name some.", field="budgets")
        organization = self.organization
        start, end = replay.last_month(organization.reporting_timezone, timezone.now())
        found = replay.simulate(organization=organization, policies=policies, start=start, end=end)
        return self.answer(found, serializer=serializers.PolicySimulationSerializer)

    def _policy(self, given: dict[str, Any]) -> replay.Policy:
        """Raises `Invalid`, `Forbidden` where the caller could not make such a budget."""
        if given["budget"] is not None:
            budget = self._live().filter(pk=given["budget"]).first()
            if budget is None:
                raise Invalid("budget_not_found", f"No such budget: {given['budget']}.", field="budgets")
            return replay.Policy.of(budget, given.get("amount"))
        organization = self.organization
        draft = budgets.draft_budget(
            organization=organization, name=given["name"] or f"{given['scope']} {given['scope_value']}".strip(),
            **{name: given[name] for name in DRAFTED},
            timezone_name=given["timezone"],
        )  # fmt: skip
        ownership.check_new(self.access, draft.scope, draft.team, "budgets")
        return replace(replay.Policy.of(draft), budget=None)

    def _live(self) -> Any:
        return self.get_queryset().filter(archived_at=None)

    def _context(self, found: list[BudgetUsage], at: datetime) -> dict[str, Any]:
        known: dict[Any, Standing] = {}
        for organization in {one.budget.organization_id for one in found}:
            mine = [one for one in found if one.budget.organization_id == organization]
            known |= standings(organization, self._live().filter(organization=organization), mine, at)
        return {**self.get_serializer_context(), "standings": known}

    def _shown(self, budget: Budget) -> Any:
        """With what does not add up."""
        mine = self._live().filter(organization=budget.organization_id)
        warnings = warnings_of(budget.organization_id, mine, budget)
        return BudgetSerializer(budget, context={**self.get_serializer_context(), "warnings": warnings}).data

    def _writable(self) -> Budget:
        budget: Budget = self.get_object()
        ownership.check_change(self.access, budget.team_id, "budgets")
        return budget
