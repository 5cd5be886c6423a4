"""Exports: asked for by any member, of what they see; made by the background process; downloaded until they expire."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from analytics.api.serializers import exports as shapes
from analytics.exports import service
from analytics.exports.models import StoredFile
from gateway.api.openapi import ANY_FILE
from gateway.api.permissions import MEMBERS
from gateway.api.views.base import ReadableResource
from gateway.downloads import Download
from gateway.models import Job

LOCATION = OpenApiParameter(
    "Location", OpenApiTypes.URI, OpenApiParameter.HEADER, response=[202], description="Where its progress is."
)
QUEUED = OpenApiResponse(
    shapes.ExportSerializer, description="Queued.", examples=[OpenApiExample("Queued", shapes.QUEUED)]
)
_CSV = "time,team,team_name,cost,requests\r\n2026-11-01T00:00:00Z,0193…,Search,42.17,9120\r\n"


class ExportViewSet(ReadableResource):
    """Files of figures and ledger lines; one's own, and all of the organization for administrators."""

    queryset = Job.objects.all()
    serializer_class = shapes.ExportSerializer
    confirmed_actions = frozenset({"create", "download"})
    roles = {"list": MEMBERS, "retrieve": MEMBERS, "create": MEMBERS, "download": MEMBERS, "cancel": MEMBERS}
    only_reads = True
    extra_problems = {"download": (409, 410), "cancel": (409,)}
    filterset_fields = {"status": ["exact"]}
    search_fields = ()
    ordering_fields = ("created_at",)

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(kind=service.KIND)

    @extend_schema(request=shapes.ExportRequestSerializer, responses={202: QUEUED}, parameters=[LOCATION])
    def create(self, request: Request) -> Response:
        """Ask for a file. It shows what you see now; whoever downloads it must see that much then. Cells that a
        spreadsheet would run as formulas get an apostrophe in CSV."""
        fields = self.validated(shapes.ExportRequestSerializer)
        asked = service.Asked(fields["dataset"], fields["format"], fields["query"])
        return accepted(request, service.request_export(organization=self.organization, user=request.user, asked=asked))

    @extend_schema(
        responses={
            (200, ANY_FILE): OpenApiResponse(
                OpenApiTypes.BINARY,
                description="The file, in the content type of its format.",
                examples=[OpenApiExample("CSV", _CSV, media_type=ANY_FILE)],
            )
        }
    )
    @action(detail=True, methods=["get"], filter_backends=(), pagination_class=None)
    def download(self, request: Request, pk: UUID) -> Download:
        """The file. 409 while it is not done, 410 when it has expired, 403 when what you may see has become less."""
        return file_response(*service.open_export(job=self.get_object(), user=request.user))

    @extend_schema(
        request=None,
        responses=OpenApiResponse(
            shapes.ExportSerializer,
            description="Cancelled.",
            examples=[OpenApiExample("Cancelled", {**shapes.QUEUED, "status": "cancelled"})],
        ),
    )
    @action(detail=True, methods=["post"], filter_backends=(), pagination_class=None)
    def cancel(self, request: Request, pk: UUID) -> Response:
        """End an export that waits or is made; no file is left of it. 409 when it is over."""
        return self.answer(service.cancel_export(job=self.get_object(), user=request.user))


def accepted(request: Request, job: Job) -> Response:
    """202 with where to look."""
    body = shapes.ExportSerializer(job, context={"request": request}).data
    response = Response(body, status=202)
    response["Location"] = reverse("analytics-api:export-detail", args=[job.pk], request=request)
    return response


def file_response(file: StoredFile, content: Iterator[bytes]) -> Download:
    """The download of the API and of the console."""
    return Download(content, name=file.name, content_type=file.content_type, size_bytes=file.size_bytes)
