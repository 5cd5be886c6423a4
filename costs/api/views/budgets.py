"""Budgets: administrators write all, managers their team's; what each person sees is `visible_to`'s."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from costs import trial
from costs.api.serializers import budgets as serializers
from costs.api.serializers.budgets import FIXED, BudgetSerializer
from costs.models import Budget
from costs.services import budgets
from costs.usage import usage_of
from gateway.api import ownership
from gateway.api.permissions import ADMINS, MEMBERS
from gateway.api.views.base import ReadableResource, archive_action
from gateway.choices import Role
from gateway.services.scopes import checked_scope

WRITERS = ADMINS | {Role.MANAGER}
SUBJECTS = 100


class BudgetViewSet(ReadableResource):
    """Budgets."""

    queryset = Budget.objects.all()
    serializer_class = BudgetSerializer
    roles = {
        "list": MEMBERS, "retrieve": MEMBERS, "create": WRITERS, "partial_update": WRITERS, "archive": WRITERS,
        "usage": MEMBERS, "usages": MEMBERS, "check": MEMBERS, "simulate": MEMBERS,
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
        return self.answer(budgets.create_budget(organization=organization, actor=self.actor, **fields), 201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change name, amount, enforcement, roll-over or thresholds; every process follows within two seconds."""
        budget = self._writable()
        fields = self.validated(BudgetSerializer, budget)
        changes: Any = {name: value for name, value in fields.items() if name not in FIXED}
        return self.answer(budgets.update_budget(budget=budget, actor=self.actor, **changes))

    @archive_action("End a budget; its counters stay for the record.")
    def archive(self, request: Request, pk: str) -> Response:
        return self.answer(budgets.archive_budget(budget=self._writable(), actor=self.actor))

    @extend_schema(responses=serializers.BudgetUsageSerializer)
    @action(detail=True, methods=["get"])
    def usage(self, request: Request, pk: str) -> Response:
        """How far the budget is used in the running period; of one for each, the 100 that spent most."""
        found = usage_of([self.get_object()], timezone.now(), subjects=SUBJECTS)
        return self.answer(found[0], serializer=serializers.BudgetUsageSerializer)

    @extend_schema(responses=serializers.BudgetUsageSerializer(many=True))
    @action(detail=False, methods=["get"], url_path="usage")
    def usages(self, request: Request) -> Response:
        """How far every budget that is not archived is used; of one for each, the one that spent most."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset().filter(archived_at=None)))
        found = usage_of(page or [], timezone.now())
        context = self.get_serializer_context()
        shown = serializers.BudgetUsageSerializer(found, many=True, context=context)
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
        start, end = trial.last_month(budget, timezone.now())
        amount = budget.amount if given is None else given
        found = trial.simulate_budget(budget=budget, amount=amount, start=start, end=end)
        return self.answer(found, serializer=serializers.BudgetSimulationSerializer)

    def _writable(self) -> Budget:
        budget: Budget = self.get_object()
        ownership.check_change(self.access, budget.team_id, "budgets")
        return budget
