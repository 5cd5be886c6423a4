"""Cost centres, allocation rules, allocations and statements: administrators write, analysts read; owners of a cost
centre and the managers of its team see that centre."""

from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from costs.allocation import answers, documents
from costs.allocation.compute import this_month
from costs.allocation.showback import showback
from costs.api.serializers import allocation as shapes
from costs.models import AllocationRule, CostCenter, Statement
from costs.services import allocation, statementmail, statements
from gateway.api.openapi import ANY_FILE
from gateway.api.organization import required_organization
from gateway.api.permissions import ADMINS, ANALYSTS, MEMBERS
from gateway.api.views.base import ReadableResource, archive_action
from gateway.models import Team


class CostCenterViewSet(ReadableResource):
    """Cost centres."""

    queryset = CostCenter.objects.all()
    serializer_class = shapes.CostCenterSerializer
    roles = {
        "list": MEMBERS, "retrieve": MEMBERS, "create": ADMINS, "partial_update": ADMINS, "archive": ADMINS,
    }  # fmt: skip
    filterset_fields = {"team": ["exact"], "owner": ["exact"], "archived_at": ["isnull"]}
    search_fields = ("code", "name")
    ordering_fields = ("code", "name", "created_at")

    def create(self, request: Request) -> Response:
        """Make a cost centre; nothing is charged to it before a rule says so."""
        fields = self.validated(shapes.CostCenterSerializer)
        made = allocation.create_cost_center(organization=self.organization, actor=self.actor, **fields)
        return self.answer(made, 201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change code, name, owner, team or monthly budget."""
        row = self.get_object()
        fields = self.validated(shapes.CostCenterSerializer, row)
        return self.answer(allocation.update_cost_center(cost_center=row, actor=self.actor, **fields))

    @archive_action("Archive a cost centre that no rule allocates to any more; statements keep it.")
    def archive(self, request: Request, pk: str) -> Response:
        return self.answer(allocation.archive_cost_center(cost_center=self.get_object(), actor=self.actor))


class AllocationRuleViewSet(ReadableResource):
    """Allocation rules."""

    queryset = AllocationRule.objects.all()
    serializer_class = shapes.AllocationRuleSerializer
    roles = {
        "list": ANALYSTS, "retrieve": ANALYSTS, "create": ADMINS, "partial_update": ADMINS, "end": ADMINS,
    }  # fmt: skip
    filterset_fields = {"method": ["exact"], "valid_to": ["isnull"]}
    search_fields = ("name",)
    ordering_fields = ("position", "name", "valid_from")

    def create(self, request: Request) -> Response:
        """Make a rule. It has to allocate exactly all of what it takes, and may begin in the past: what has been
        charged since then is allocated anew, except in locked statements."""
        fields = self.validated(shapes.AllocationRuleSerializer)
        fields["targets"] = shapes.plain(fields["targets"])
        fields["conditions"] = shapes.plain(fields.get("conditions", []))
        made = allocation.create_rule(organization=self.organization, actor=self.actor, **fields)
        return self.answer(made, 201)

    @extend_schema(request=shapes.AllocationRuleChangeSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Another name or place. What a rule does never changes: end it and make another."""
        row = self.get_object()
        fields = self.validated(shapes.AllocationRuleChangeSerializer)
        return self.answer(allocation.update_rule(rule=row, actor=self.actor, **fields))

    @extend_schema(request=shapes.RuleEndSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        """No longer in force from `at` on; at its beginning or before it, it never was."""
        row = self.get_object()
        at: datetime | None = self.validated(shapes.RuleEndSerializer).get("at")
        return self.answer(allocation.end_rule(rule=row, actor=self.actor, at=at))


class AllocationView(APIView):
    """Who carries what."""

    roles = {"post": ANALYSTS}
    only_reads = True

    @extend_schema(
        operation_id="cost_allocation", request=shapes.AllocationQuerySerializer, responses=shapes.AllocationSerializer
    )
    def post(self, request: Request) -> Response:
        """The costs of a window by cost centre, as today's rules allocate them: the parts and what is unallocated sum
        to the total, to the last digit. Reads the ledger itself."""
        asked = shapes.AllocationQuerySerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        body = answers.allocation(required_organization(request), **asked.validated_data)
        return Response(shapes.AllocationSerializer(body).data)


class ShowbackView(APIView):
    """What a team is shown of a month."""

    roles = {"get": MEMBERS}

    @extend_schema(
        operation_id="cost_showback",
        parameters=[
            OpenApiParameter("month", OpenApiTypes.DATE, description="Its first day; the running month by default."),
            OpenApiParameter("currency", OpenApiTypes.STR, description="The organization's by default."),
        ],
        responses=shapes.ShowbackSerializer,
    )
    def get(self, request: Request, team_id: str) -> Response:
        """What the team spent, what its cost centres are charged, its budgets and open recommendations. Everybody of
        the team sees it; owners, administrators and analysts see every team's. Reads the ledger itself."""
        asked = shapes.ShowbackQuerySerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        organization = required_organization(request)
        teams = Team.objects.visible_to(request.user).filter(organization=organization, archived_at=None)
        team = get_object_or_404(teams.select_related("organization"), pk=team_id)
        month = asked.validated_data.get("month") or this_month(organization)
        found = showback(team, month, asked.validated_data.get("currency", ""))
        return Response(shapes.ShowbackSerializer(found).data)


class StatementViewSet(ReadableResource):
    """Statements."""

    queryset = Statement.objects.prefetch_related(
        "items__cost_center", "corrections__cost_center", "corrections__corrects"
    )
    serializer_class = shapes.StatementSerializer
    confirmed_actions = frozenset({"download", "mail"})
    roles = {
        "list": ANALYSTS, "retrieve": ANALYSTS, "create": ADMINS, "lock": ADMINS, "mail": ADMINS,
        "download": ANALYSTS,
    }  # fmt: skip
    filterset_fields = {"month": ["exact", "gte", "lt"], "currency": ["exact"], "status": ["exact"]}
    ordering_fields = ("month",)

    @extend_schema(request=shapes.StatementQuerySerializer)
    def create(self, request: Request) -> Response:
        """The month's statement as of now: made, or its draft computed anew; a locked one as it was locked."""
        fields = self.validated(shapes.StatementQuerySerializer)
        made = statements.compute_statement(organization=self.organization, actor=self.actor, **fields)
        return self.answer(self.get_queryset().get(pk=made.pk), 201)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def lock(self, request: Request, pk: str) -> Response:
        """Compute it once more and close the month. What changes afterwards is corrected in the next statement."""
        locked = statements.lock_statement(statement=self.get_object(), actor=self.actor)
        return self.answer(self.get_queryset().get(pk=locked.pk))

    @extend_schema(request=None, responses=shapes.MailedSerializer)
    @action(detail=True, methods=["post"])
    def mail(self, request: Request, pk: str) -> Response:
        """Mail a locked statement, as PDF and workbook, to the owners of its cost centres and the managers of their
        teams: to each person once, with their own cost centres alone."""
        people = statementmail.mail_statement(statement=self.get_object(), actor=self.actor)
        return Response(shapes.MailedSerializer({"people": people}).data)

    @extend_schema(
        parameters=[OpenApiParameter("file", enum=documents.FORMATS, description="Format, pdf by default.")],
        responses={
            (200, ANY_FILE): OpenApiResponse(
                OpenApiTypes.BINARY,
                description="The file, in the content type of its format.",
                examples=[OpenApiExample("PDF", "%PDF-1.4…", media_type=ANY_FILE)],
            )
        },
    )
    @action(detail=True, methods=["get"], filter_backends=(), pagination_class=None)
    def download(self, request: Request, pk: str) -> HttpResponse:
        """The statement as a document."""
        return documents.response(self.get_object(), request.query_params.get("file", "pdf"))
