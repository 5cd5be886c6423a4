"""Cost records: the ledger's lines, page by page."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin
from rest_framework.pagination import CursorPagination

from costs.api.serializers.records import CostRecordSerializer
from gateway.api.filters import StrictFilters, StrictSearch, UsageFilter
from gateway.api.permissions import MEMBERS
from gateway.api.views.base import Resource
from gateway.models import LedgerLine


class RecordPages(CursorPagination):
    """By the order of the ledger's index, so that the last page costs what the first does; no count."""

    page_query_param = CursorPagination.cursor_query_param  # what `StrictFilters` lets through
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering = ("-started_at", "-id")

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        answer = super().get_paginated_response_schema(schema)
        for name in ("next", "previous"):
            answer["properties"][name] |= {"type": ["string", "null"]}
            answer["properties"][name].pop("nullable", None)
        return answer


@extend_schema_view(
    list=extend_schema(
        description="Ledger lines of a window, by default the last seven days, newest first: what was used, at which "
        "prices, what it cost, corrections included. Follow `next` until it is null."
    )
)
class CostRecordViewSet(ListModelMixin, Resource):
    """Developers see their own, managers their team's, analysts and administrators all."""

    queryset = LedgerLine.objects.all()
    serializer_class = CostRecordSerializer
    pagination_class = RecordPages
    filterset_class = UsageFilter
    filter_backends = (StrictFilters, StrictSearch)
    search_fields = ("request_id", "model_requested", "model_served", "end_user")
    roles = {"list": MEMBERS}

    def get_queryset(self) -> Any:
        rows = LedgerLine.objects.all()
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        # ids in the ledger are plain columns: the base class's relation filter does not fit
        return rows.visible_to(self.request.user).filter(organization=self.organization.pk)
