"""Forgetting: end users by name, and what an organization keeps for how long."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gateway.api.authentication import actor_of
from gateway.api.organization import required_organization
from gateway.api.permissions import ADMINS, MEMBERS
from gateway.api.serializers import privacy as shapes
from gateway.api.serializers.identity import ID, TIMES
from gateway.api.views.base import ReadableResource
from gateway.models import EndUserErasure
from gateway.services import erasure, retention

_QUEUED: dict[str, Any] = {
    "id": ID, "organization": ID, "pseudonym": "erased-1f2e3d4c5b6a7988", "status": "queued",
    "lines_before": "2026-11-02T09:30:00Z", "found": [], "review": [], "error": "", "is_automatic": False,
    "requested_by": ID, "finished_at": None, **TIMES,
}  # fmt: skip


class ErasureViewSet(ReadableResource):
    """Erasures of end users."""

    queryset = EndUserErasure.objects.all()
    serializer_class = shapes.ErasureSerializer
    roles = {"list": ADMINS, "retrieve": ADMINS, "create": ADMINS, "look": ADMINS}
    confirmed_actions = frozenset({"create"})
    filterset_fields = {"status": ["exact"], "is_automatic": ["exact"]}
    ordering_fields = ("created_at",)

    @extend_schema(
        request=shapes.ErasureRequestSerializer,
        responses={
            202: OpenApiResponse(
                shapes.ErasureSerializer, description="Queued.", examples=[OpenApiExample("Queued", _QUEUED)]
            )
        },
    )
    def create(self, request: Request) -> Response:
        """Forget an end user, in the background within seconds: bodies and kept answers go, ledger lines, figures,
        budgets and alerts keep their sums under a pseudonym. It cannot be undone."""
        name = self.validated(shapes.ErasureRequestSerializer)["end_user"]
        made = erasure.erase_end_user(organization=self.organization, end_user=name, actor=self.actor)
        return self.answer(made, 202)

    @extend_schema(request=shapes.ErasureRequestSerializer, responses=shapes.TraceSerializer)
    @action(detail=False, methods=["post"], url_path="look", filter_backends=(), pagination_class=None)
    def look(self, request: Request) -> Response:
        """What there is under a name, before it is erased or to see that it was. In a body, since addresses are
        logged by proxies."""
        name = self.validated(shapes.ErasureRequestSerializer)["end_user"]
        found = erasure.look_for(organization=self.organization, end_user=name)
        return Response(shapes.TraceSerializer(asdict(found)).data)


class RetentionView(APIView):
    """How many days the organization keeps what."""

    roles = {"get": MEMBERS, "patch": ADMINS}
    confirmed_actions = frozenset({"patch"})

    @extend_schema(operation_id="retention_read", responses=shapes.RetentionSerializer)
    def get(self, request: Request) -> Response:
        """The organization's own days; null where it has none."""
        policy = retention.policy_of(required_organization(request))
        return Response(shapes.RetentionSerializer(policy).data)

    @extend_schema(
        operation_id="retention_update", request=shapes.RetentionSerializer, responses=shapes.RetentionSerializer
    )
    def patch(self, request: Request) -> Response:
        """Change them; background work follows within a day."""
        asked = shapes.RetentionSerializer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        policy = retention.set_retention(
            organization=required_organization(request), actor=actor_of(request.user), **asked.validated_data
        )
        return Response(shapes.RetentionSerializer(policy).data)
