"""Invoices: administrators upload what a provider billed, analysts read how it stands against the ledger."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from costs.api.serializers import invoices as shapes
from costs.invoices import answers, documents
from costs.models import Invoice, InvoiceState
from costs.services import invoices
from gateway.api.authentication import actor_of
from gateway.api.openapi import ANY_FILE
from gateway.api.organization import required_organization
from gateway.api.parsers import BoundedJSONParser
from gateway.api.permissions import ADMINS, ANALYSTS
from gateway.api.views.base import ReadableResource
from gateway.api.views.imports import refuse_large

MOST_CELLS = 2_000
_LOCATION = OpenApiParameter(
    "Location", OpenApiTypes.URI, OpenApiParameter.HEADER, response=[201, 202], description="Where the invoice is."
)


class InvoiceViewSet(ReadableResource):
    """Exports of what providers billed, newest first."""

    queryset = Invoice.objects.all()
    serializer_class = shapes.InvoiceSerializer
    confirmed_actions = frozenset({"download"})
    roles = {
        "list": ANALYSTS, "retrieve": ANALYSTS, "create": ADMINS, "destroy": ADMINS, "reconcile": ADMINS,
        "reconciliation": ANALYSTS, "download": ANALYSTS,
    }  # fmt: skip
    parser_classes = (MultiPartParser,)
    filterset_fields = {"state": ["exact"], "vendor": ["exact"], "start": ["gte", "lt"], "format": ["exact"]}
    search_fields = ("file_name",)
    ordering_fields = ("created_at", "start", "drift", "drift_percent")

    def get_serializer_context(self) -> dict[str, Any]:
        """With the organization's threshold, read once for a whole list."""
        context = dict(super().get_serializer_context())
        if not getattr(self, "swagger_fake_view", False):
            policy = invoices.drift_policy_of(self.organization)
            context["exceeds"] = lambda row: invoices.exceeds(row, policy)
        return context

    @extend_schema(
        request={"multipart/form-data": shapes.InvoiceRequestSerializer},
        responses={
            200: OpenApiResponse(shapes.InvoiceSerializer, description="Known: this file was taken before."),
            201: OpenApiResponse(shapes.InvoiceSerializer, description="Read and compared."),
            202: OpenApiResponse(
                shapes.InvoiceSerializer, description="Large: it is read in the background.",
                examples=[OpenApiExample("Queued", shapes.QUEUED)],
            ),
        },
        parameters=[_LOCATION],
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Upload an export of what a provider billed. It is stored whole or not at all; an error names the lines."""
        refuse_large(request)
        fields = self.validated(shapes.InvoiceRequestSerializer)
        file = fields["file"]
        upload = invoices.Upload(
            file, file.name or "upload", fields["format"], fields.get("mapping"), tuple(fields.get("providers", ())),
            fields.get("start"), fields.get("end"),
        )  # fmt: skip
        row, is_new = invoices.upload_invoice(
            organization=self.organization, actor=self.actor, upload=upload,
            limit_bytes=settings.GATEWAY_IMPORT_LIMIT_BYTES,
        )  # fmt: skip
        status = 202 if row.state == InvoiceState.QUEUED else 201 if is_new else 200
        response = self.answer(row, status)
        response["Location"] = request.build_absolute_uri(f"{request.path.rstrip('/')}/{row.pk}")
        return response

    def destroy(self, request: Request, pk: str) -> Response:
        """Forget an invoice; the ledger is not touched."""
        invoices.delete_invoice(invoice=self.get_object(), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def reconcile(self, request: Request, pk: str) -> Response:
        """Compare it with the ledger and the prices of now."""
        return self.answer(invoices.reconcile_invoice(invoice=self.get_object()))

    @extend_schema(parameters=[shapes.CellQuerySerializer], responses=shapes.InvoiceReconciliationSerializer)
    @action(detail=True, methods=["get"], filter_backends=(), pagination_class=None)
    def reconciliation(self, request: Request, pk: str) -> Response:
        """Drift by day and model (`by=meter`: and meter) with what causes it, and the causes of all of it, ranked."""
        row = self.get_object()
        asked = shapes.CellQuerySerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = answers.cells(row, **asked.validated_data)
        notes = list(row.notes)
        if len(found) > MOST_CELLS:
            notes.append({"code": "cells_cut", "message": f"The first {MOST_CELLS:,} of {len(found):,} are shown."})
        body = {
            "invoice": row, "causes": row.causes, "count": len(found), "cells": found[:MOST_CELLS], "notes": notes,
        }  # fmt: skip
        return self.answer(body, 200, shapes.InvoiceReconciliationSerializer)

    @extend_schema(
        parameters=[OpenApiParameter("file", enum=documents.FORMATS, description="Format, csv by default.")],
        responses={
            (200, ANY_FILE): OpenApiResponse(
                OpenApiTypes.BINARY, description="The file, in the content type of its format.",
                examples=[OpenApiExample("CSV", "Day,Model,Meter,…", media_type=ANY_FILE)],
            )
        },
    )  # fmt: skip
    @action(detail=True, methods=["get"], filter_backends=(), pagination_class=None)
    def download(self, request: Request, pk: str) -> HttpResponse:
        """The reconciliation as a document."""
        return documents.response(self.get_object(), request.query_params.get("file", "csv"))


class DriftPolicyView(APIView):
    """From which drift on the organization is told."""

    roles = {"get": ANALYSTS, "put": ADMINS}
    parser_classes = (BoundedJSONParser,)

    @extend_schema(operation_id="invoices_drift_policy", responses=shapes.DriftPolicySerializer)
    def get(self, request: Request) -> Response:
        """The threshold: the organization's, or the one that stands without."""
        return Response(shapes.DriftPolicySerializer(invoices.drift_policy_of(required_organization(request))).data)

    @extend_schema(
        operation_id="invoices_drift_policy_set", request=shapes.DriftPolicySerializer,
        responses=shapes.DriftPolicySerializer,
    )  # fmt: skip
    def put(self, request: Request) -> Response:
        """Set the threshold."""
        asked = shapes.DriftPolicySerializer(data=request.data, context={"request": request})
        asked.is_valid(raise_exception=True)
        row = invoices.set_drift_policy(
            organization=required_organization(request), actor=actor_of(request.user), **asked.validated_data
        )
        return Response(shapes.DriftPolicySerializer(row).data)
