"""Imports of usage that was recorded elsewhere: administrators upload, the background process imports."""

import csv
from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.api.permissions import ADMINS
from gateway.api.serializers import imports as shapes
from gateway.api.views.base import ReadableResource
from gateway.cells import safe_text
from gateway.downloads import Download
from gateway.models import ImportRun
from gateway.services import imports
from gateway.services.errors import TooLarge

_MULTIPART_ROOM = 1 << 20
_LOCATION = OpenApiParameter(
    "Location", OpenApiTypes.URI, OpenApiParameter.HEADER, response=[202], description="Where its progress is."
)


class ImportViewSet(ReadableResource):
    """Files on their way into the ledger, newest first, those of `manage.py import_usage` too."""

    queryset = ImportRun.objects.all()
    serializer_class = shapes.ImportSerializer
    confirmed_actions = frozenset({"rejected"})
    roles = {"list": ADMINS, "retrieve": ADMINS, "create": ADMINS, "report": ADMINS, "rejected": ADMINS}
    parser_classes = (MultiPartParser,)
    filterset_fields = {"status": ["exact"], "format": ["exact"]}
    search_fields = ("file_name",)
    ordering_fields = ("created_at", "finished_at")

    def get_queryset(self) -> Any:
        rows = ImportRun.objects.all()
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        # The organization is a plain column: the base class's relation filter does not fit.
        return rows.visible_to(self.request.user).filter(organization=self.organization.pk)

    @extend_schema(
        request={"multipart/form-data": shapes.ImportRequestSerializer},
        responses={
            200: OpenApiResponse(shapes.ImportSerializer, description="Known: this file was taken before."),
            202: OpenApiResponse(
                shapes.ImportSerializer, description="Queued.", examples=[OpenApiExample("Queued", shapes.QUEUED)]
            ),
        },
        parameters=[_LOCATION],
    )
    def create(self, request: Request) -> Response:
        """Upload a file to import. 202: queued; 200: this very file was taken before, nothing is imported twice."""
        refuse_large(request)
        fields = self.validated(shapes.ImportRequestSerializer)
        file = fields["file"]
        upload = imports.Upload(
            file, file.name or "upload", fields["format"], fields.get("mapping", {}), fields.get("source_name", ""),
            fields["prices"],
        )  # fmt: skip
        run, is_queued = imports.request_import(
            organization=self.organization, actor=self.actor, upload=upload, project=fields.get("project"),
            limit_bytes=settings.GATEWAY_IMPORT_LIMIT_BYTES,
        )  # fmt: skip
        response = self.answer(run, 202 if is_queued else 200)
        response["Location"] = request.build_absolute_uri(f"{request.path.rstrip('/')}/{run.pk}")
        return response

    @extend_schema(responses=shapes.ImportReportSerializer)
    @action(detail=True, methods=["get"], filter_backends=(), pagination_class=None)
    def report(self, request: Request, pk: UUID) -> Response:
        """Sums of what was added, reasons of rejections, and the first 200 rejected records."""
        return self.answer(imports.report(self.get_object()), 200, shapes.ImportReportSerializer)

    @extend_schema(
        responses={
            (200, "text/csv"): OpenApiResponse(
                OpenApiTypes.STR, examples=[OpenApiExample("Rejected", shapes.REJECTED_CSV, media_type="text/csv")]
            )
        }
    )
    @action(detail=True, methods=["get"], filter_backends=(), pagination_class=None)
    def rejected(self, request: Request, pk: UUID) -> Download:
        """Every rejected record with its line and reason, as CSV."""
        return rejected_csv(self.get_object())


def rejected_csv(run: ImportRun) -> Download:
    """The download of the API and of the console."""
    writer = csv.writer(_Echo())
    lines = (writer.writerow([safe_text(str(cell)) for cell in row]) for row in imports.rejected_rows(run))
    return Download(lines, name=f"rejected-{run.pk}.csv", content_type="text/csv; charset=utf-8")


class _Echo:
    """A file for the CSV writer that hands each line back."""

    def write(self, text: str) -> bytes:
        return text.encode()


def refuse_large(request: Request) -> None:
    """By the announced length, before the body is parsed; the file itself is measured later."""
    limit = settings.GATEWAY_IMPORT_LIMIT_BYTES
    if int(request.META.get("CONTENT_LENGTH") or 0) > limit + _MULTIPART_ROOM:
        raise TooLarge("file_too_large", f"A file may have up to {limit // 1024 // 1024} MiB.", field="file")
