"""Reports: written by administrators and managers of a team, looked at and run by analysts too."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from analytics.api.serializers import reports as shapes
from analytics.api.views.exports import LOCATION
from analytics.reports import running, service
from analytics.reports.catalog import TEMPLATES
from analytics.reports.models import Report, ReportRun
from analytics.reports.service import Recipient, Writer
from gateway.api.openapi import ANY_FILE
from gateway.api.organization import Access
from gateway.api.permissions import ADMINS
from gateway.api.views.base import ID_PATTERN, ReadableResource
from gateway.choices import JobStatus, Role
from gateway.models import User
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Forbidden, NotFound

WRITERS = ADMINS | {Role.MANAGER}
READERS = WRITERS | {Role.ANALYST}
QUEUED = OpenApiResponse(
    shapes.RunSerializer, description="Queued.", examples=[OpenApiExample("Queued", shapes.QUEUED_RUN)]
)
SENT = OpenApiResponse(
    shapes.DeliverySerializer,
    description="On its way.",
    examples=[OpenApiExample("On its way", {**shapes.DELIVERY, "state": "queued", "attempt": 2, "sent_at": None})],
)
_FORMAT = OpenApiParameter(
    "file", OpenApiTypes.STR, enum=["html", "pdf", "xlsx", "csv"], default="html",
    description="html, or one of the report's formats.",
)  # fmt: skip


def writer_of(access: Access, actor: Actor) -> Writer:
    return Writer(actor, access.is_admin, access.team_id if access.role == Role.MANAGER else None)


class ReportViewSet(ReadableResource):
    """Reports of the organization; managers see their team's."""

    queryset = Report.objects.all()
    serializer_class = shapes.ReportSerializer
    confirmed_actions = frozenset({"create", "partial_update", "run"})
    roles = {
        "list": READERS, "retrieve": READERS, "create": WRITERS, "partial_update": WRITERS, "destroy": WRITERS,
        "run": READERS, "runs": READERS, "templates": READERS,
    }  # fmt: skip
    filterset_fields = {"team": ["exact"], "is_enabled": ["exact"]}
    search_fields = ("name", "description")
    ordering_fields = ("name", "created_at", "next_at")

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(archived_at=None).prefetch_related("recipients")

    def create(self, request: Request) -> Response:
        """Make a report; its schedule holds at once."""
        fields = self.validated(shapes.ReportSerializer)
        owner = request.user if isinstance(request.user, User) else None
        report = service.create_report(
            organization=self.organization, owner=owner, writer=writer_of(self.access, self.actor), **_fields(fields)
        )
        return self.answer(report, 201)

    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change a report."""
        report = self.get_object()
        fields = self.validated(shapes.ReportSerializer, report)
        changed = service.update_report(report=report, writer=writer_of(self.access, self.actor), **_fields(fields))
        return self.answer(Report.objects.prefetch_related("recipients").get(pk=changed.pk))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Put a report away; its runs stay."""
        service.archive_report(report=self.get_object(), writer=writer_of(self.access, self.actor))
        return Response(status=204)

    @extend_schema(
        request=shapes.RunRequestSerializer, responses={202: QUEUED}, parameters=[LOCATION]
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def run(self, request: Request, pk: UUID) -> Response:
        """Have it made now, about the period that is over, as you see it; `sends`: to its recipients too."""
        report, sends = self.get_object(), self.validated(shapes.RunRequestSerializer)["sends"]
        if sends and not self.access.is_admin and report.team_id != self.access.team_id:
            raise Forbidden("role_required", "Managers send the reports of their team.")
        if sends and self.access.role == Role.ANALYST:
            raise Forbidden("role_required", "Analysts run reports for themselves.")
        person = request.user if isinstance(request.user, User) else None
        run = service.run_now(report=report, actor=self.actor, person=person, sends=sends)
        response = self.answer(run, 202, shapes.RunSerializer)
        response["Location"] = reverse("analytics-api:report-run-detail", args=[run.pk], request=request)
        return response

    @extend_schema(operation_id="reports_history_list", responses=shapes.RunSerializer(many=True))
    @action(detail=True, methods=["get"], filter_backends=())
    def runs(self, request: Request, pk: UUID) -> Response:
        """Its runs, newest first."""
        rows = with_mails(ReportRun.objects.filter(report=self.get_object()))
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(
            shapes.RunSerializer(page, many=True, context=self.get_serializer_context()).data
        )

    @extend_schema(responses=shapes.TemplateSerializer(many=True), filters=False)
    @action(detail=False, methods=["get"], filter_backends=(), pagination_class=None)
    def templates(self, request: Request) -> Response:
        """Ready-made reports."""
        return Response(shapes.TemplateSerializer(list(TEMPLATES.values()), many=True).data)


class ReportRunViewSet(ReadableResource):
    """One report about one period."""

    queryset = ReportRun.objects.all()
    serializer_class = shapes.RunSerializer
    confirmed_actions = frozenset({"download", "send_again"})
    roles = {"list": READERS, "retrieve": READERS, "download": READERS, "send_again": WRITERS}
    filterset_fields = {"report": ["exact"], "trigger": ["exact"]}
    search_fields = ()
    ordering_fields = ("due_at",)

    def get_queryset(self) -> Any:
        return with_mails(super().get_queryset())

    @extend_schema(
        parameters=[_FORMAT],
        responses={
            (200, ANY_FILE): OpenApiResponse(
                OpenApiTypes.BINARY,
                description="The file, in the content type of its format.",
                examples=[OpenApiExample("HTML", "<!doctype html>…", media_type=ANY_FILE)],
            )
        },
    )
    @action(detail=True, methods=["get"], filter_backends=(), pagination_class=None)
    def download(self, request: Request, pk: UUID) -> HttpResponse:
        """The report as you see it, whoever it was made for. 409 while it is not done."""
        return run_file(self.get_object(), request.user, request.query_params.get("file", "html"))

    @extend_schema(
        request=None, responses={202: SENT}, parameters=[
            OpenApiParameter("delivery", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Id of the mail.")
        ],
    )  # fmt: skip
    @action(detail=True, methods=["post"], url_path=f"deliveries/(?P<delivery>{ID_PATTERN})/send-again")
    def send_again(self, request: Request, pk: UUID, delivery: str) -> Response:
        """Send a mail once more, as it was; a new mail with a Message-ID of its own."""
        run = self.get_object()
        found = get_object_or_404(run.deliveries, pk=delivery)
        again = service.send_again(delivery=found, actor=self.actor, writer=writer_of(self.access, self.actor))
        return self.answer(again, 202, shapes.DeliverySerializer)


def with_mails(rows: Any) -> Any:
    """Runs with all that is shown of them: three queries for any number."""
    return rows.select_related("job", "report__organization", "report__owner").prefetch_related("deliveries__message")


def run_file(run: ReportRun, user: Any, wanted: str) -> HttpResponse:
    """The download of the API and of the console."""
    if run.job.status != JobStatus.SUCCEEDED:
        raise Conflict("run_not_ready", run.job.error or "It is not done yet.")
    rendered = running.rendered_for(run, user)
    if wanted == "html":
        return HttpResponse(running.standalone(rendered), content_type="text/html; charset=utf-8", headers=HEADERS)
    for document in rendered.attachments:
        if document.name.endswith(f".{wanted}"):
            response = HttpResponse(document.content, content_type=document.content_type, headers=HEADERS)
            response["Content-Disposition"] = f'attachment; filename="{document.name}"'
            return response
    raise NotFound("format_unknown", f"This report is not made in {wanted!r}.")


HEADERS = {
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
}


def _fields(fields: dict[str, Any]) -> Any:
    if "recipients" in fields:
        fields["recipients"] = [Recipient(one["kind"], one["value"]) for one in fields["recipients"]]
    if "sections" in fields:
        fields["sections"] = [_plain(section) for section in fields["sections"]]
    return fields


def _plain(section: dict[str, Any]) -> dict[str, Any]:
    """JSON-ready; the checked filters are plain values."""
    return {name: [dict(item) for item in value] if name == "filters" else value for name, value in section.items()}
