"""Unit metrics: analysts read, administrators make them and send their values."""

from datetime import date, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from costs.api.serializers import units as shapes
from costs.models import UnitMetric
from costs.services import units
from gateway.api.permissions import ADMINS, ANALYSTS
from gateway.api.views.base import ReadableResource, archive_action

DAYS = 90


class UnitMetricViewSet(ReadableResource):
    """Unit metrics."""

    queryset = UnitMetric.objects.all()
    serializer_class = shapes.UnitMetricSerializer
    roles = {
        "list": ANALYSTS, "retrieve": ANALYSTS, "create": ADMINS, "partial_update": ADMINS, "archive": ADMINS,
        "values": ANALYSTS, "put_values": ADMINS,
    }  # fmt: skip
    filterset_fields = {"dimension": ["exact"], "archived_at": ["isnull"]}
    search_fields = ("name",)
    ordering_fields = ("name", "created_at")

    def create(self, request: Request) -> Response:
        """Make a unit metric; values come afterwards."""
        fields = self.validated(shapes.UnitMetricSerializer)
        return self.answer(units.create_unit_metric(organization=self.organization, actor=self.actor, **fields), 201)

    @extend_schema(request=shapes.UnitMetricChangeSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Another name or unit."""
        row = self.get_object()
        fields = self.validated(shapes.UnitMetricChangeSerializer)
        return self.answer(units.update_unit_metric(metric=row, actor=self.actor, **fields))

    @archive_action("It takes no more values; what is there stays.")
    def archive(self, request: Request, pk: str) -> Response:
        return self.answer(units.archive_unit_metric(metric=self.get_object(), actor=self.actor))

    @extend_schema(
        parameters=[
            OpenApiParameter("start", OpenApiTypes.DATE, description=f"First day. Default: {DAYS} days before `end`."),
            OpenApiParameter("end", OpenApiTypes.DATE, description="Day after the last. Default: tomorrow."),
        ],
        responses=shapes.UnitValueSerializer(many=True),
    )
    @action(detail=True, methods=["get"], filter_backends=())
    def values(self, request: Request, pk: str) -> Response:
        """What was said, by day and scope."""
        metric: UnitMetric = self.get_object()
        end = _day(request, "end") or timezone.now().date() + timedelta(days=1)
        start = _day(request, "start") or max(end, units.FIRST_DAY) - timedelta(days=DAYS)
        rows: Any = metric.values.in_days(start, end)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(shapes.UnitValueSerializer(page, many=True).data)

    @extend_schema(request=shapes.ValuesRequestSerializer, responses=shapes.WrittenSerializer)
    @values.mapping.post
    def put_values(self, request: Request, pk: str) -> Response:
        """Say how many there were. The last word on a day and scope holds, so a file may be sent again; all or
        nothing."""
        metric = self.get_object()
        asked = self.validated(shapes.ValuesRequestSerializer)
        given = asked.get("values")
        counts = units.read_csv(asked["csv"]) if given is None else [units.Count(**each) for each in given]
        return self.answer(
            units.put_values(metric=metric, actor=self.actor, counts=counts), 200, shapes.WrittenSerializer
        )


def _day(request: Request, name: str) -> date | None:
    """Raises ValidationError."""
    text = request.query_params.get(name, "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ValidationError({name: "A day as 2026-11-28 is wanted."}, code="invalid") from None
