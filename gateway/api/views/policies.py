"""Policies of the data plane: who caches what. Members read; administrators change."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.api.permissions import ADMINS, MEMBERS
from gateway.api.serializers.policies import CachePolicySerializer
from gateway.api.views.base import ReadableResource
from gateway.models import CachePolicy
from gateway.services import cache


class CachePolicyViewSet(ReadableResource):
    """Response cache."""

    queryset = CachePolicy.objects.all()
    serializer_class = CachePolicySerializer
    roles = {
        "list": MEMBERS, "retrieve": MEMBERS, "create": ADMINS, "partial_update": ADMINS, "destroy": ADMINS,
        "erase": ADMINS,
    }  # fmt: skip
    filterset_fields = {"project": ["exact", "isnull"], "is_enabled": ["exact"]}
    ordering_fields = ("created_at",)

    def create(self, request: Request) -> Response:
        """Cache the answers of a project, or of every project without a policy of its own."""
        organization = self.organization
        fields = self.validated(self.serializer_class)
        return self.answer(cache.create_cache_policy(organization=organization, actor=self.actor, **fields), 201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a policy."""
        policy = self.get_object()
        fields = self.validated(self.serializer_class, policy)
        return self.answer(cache.update_cache_policy(policy=policy, actor=self.actor, **fields))

    def destroy(self, request: Request, pk: str) -> Response:
        """Stop caching and forget what was kept."""
        cache.delete_cache_policy(policy=self.get_object(), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=None, responses=CachePolicySerializer)
    @action(detail=True, methods=["post"])
    def erase(self, request: Request, pk: str) -> Response:
        """Forget every answer kept under the policy, on every process within two seconds."""
        return self.answer(cache.erase_cache(policy=self.get_object(), actor=self.actor))
