"""Commitments: administrators agree and end, analysts read."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from costs.api.serializers import commitments as shapes
from costs.api.serializers.prices import WindowSerializer
from costs.commitments.reading import Utilisation, utilisation
from costs.models import Commitment
from costs.services import commitments
from gateway.api.permissions import ADMINS, ANALYSTS
from gateway.api.views.base import ReadableResource
from gateway.api.windows import window_of


class CommitmentViewSet(ReadableResource):
    """Commitments of the organization."""

    queryset = Commitment.objects.all()
    serializer_class = shapes.CommitmentSerializer
    confirmed_actions = frozenset({"create", "end"})
    roles = {"list": ANALYSTS, "retrieve": ANALYSTS, "create": ADMINS, "end": ADMINS, "utilisation": ANALYSTS}
    filterset_fields = {"provider": ["exact"], "kind": ["exact"], "ends_on": ["isnull", "gt", "lte"]}
    search_fields = ("name", "model", "note")
    ordering_fields = ("starts_on", "name")

    def create(self, request: Request) -> Response:
        """Agree a commitment. Its days that are over are booked within minutes, one ledger line each; calls made from
        now on cost nothing more where it covers them."""
        fields = self.validated(shapes.CommitmentSerializer)
        row = commitments.create_commitment(organization=self.organization, actor=self.actor, **fields)
        return self.answer(row, 201)

    @extend_schema(request=shapes.CommitmentEndSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: UUID) -> Response:
        """End it on a day; booked days stay. Another one may follow it."""
        row, ends_on = self.get_object(), self.validated(shapes.CommitmentEndSerializer)["ends_on"]
        return self.answer(commitments.end_commitment(commitment=row, actor=self.actor, ends_on=ends_on))

    @extend_schema(
        parameters=[
            OpenApiParameter("start", str, description="RFC 3339; by default 30 days before `end`."),
            OpenApiParameter("end", str, description="RFC 3339; by default now."),
        ],
        responses=shapes.UtilisationSerializer,
    )
    @action(detail=True, methods=["get"], filter_backends=(), pagination_class=None)
    def utilisation(self, request: Request, pk: UUID) -> Response:
        """How it was used in `[start, end)`: the list value of the covered calls against its cost."""
        asked = WindowSerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        start, end = window_of(asked.validated_data.get("start"), asked.validated_data.get("end"), days=30)
        body = as_json(utilisation(self.get_object(), start, end))
        return Response(shapes.UtilisationSerializer(body).data)


def as_json(found: Utilisation) -> dict[str, Any]:
    """Notes by name."""
    notes = [{"code": code, "message": message} for code, message in found.notes]
    return asdict(found) | {"notes": notes}
