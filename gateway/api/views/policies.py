"""Policies of the data plane: what is cached, what is guarded. Members read; administrators change."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.api.permissions import ADMINS, MEMBERS
from gateway.api.serializers import policies as shapes
from gateway.api.serializers.policies import CachePolicySerializer
from gateway.api.views.base import ReadableResource
from gateway.models import BodyPolicy, CachePolicy, Guardrail
from gateway.services import bodies, cache, guardrails


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


class GuardrailViewSet(ReadableResource):
    """Guardrails."""

    queryset = Guardrail.objects.all()
    serializer_class = shapes.GuardrailSerializer
    confirmed_actions = frozenset({"create", "partial_update"})
    roles = {
        "list": MEMBERS, "retrieve": MEMBERS, "create": ADMINS, "partial_update": ADMINS, "destroy": ADMINS,
        "test": ADMINS,
    }  # fmt: skip
    filterset_fields = {"project": ["exact", "isnull"], "kind": ["exact"], "is_enabled": ["exact"]}
    search_fields = ("name",)
    ordering_fields = ("position", "name", "created_at")

    def create(self, request: Request) -> Response:
        """Add a guardrail; in force on every process within two seconds."""
        organization = self.organization
        fields = self.validated(self.serializer_class)
        return self.answer(guardrails.create_guardrail(organization=organization, actor=self.actor, **fields), 201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a guardrail; `config` is replaced as a whole."""
        guardrail = self.get_object()
        fields = self.validated(self.serializer_class, guardrail)
        return self.answer(guardrails.update_guardrail(guardrail=guardrail, actor=self.actor, **fields))

    def destroy(self, request: Request, pk: str) -> Response:
        """Remove a guardrail."""
        guardrails.delete_guardrail(guardrail=self.get_object(), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=shapes.TrialRequestSerializer, responses=shapes.TrialSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Run the guardrail over a text, with the code that runs in the data plane. The text is not stored."""
        guardrail = self.get_object()
        text = self.validated(shapes.TrialRequestSerializer)["text"]
        return Response(shapes.TrialSerializer(guardrails.try_guardrail(guardrail=guardrail, text=text)).data)


class BodyPolicyViewSet(ReadableResource):
    """Logging of requests and answers."""

    queryset = BodyPolicy.objects.all()
    serializer_class = shapes.BodyPolicySerializer
    roles = {"list": MEMBERS, "retrieve": MEMBERS, "create": ADMINS, "partial_update": ADMINS, "destroy": ADMINS}
    filterset_fields = {"project": ["exact", "isnull"], "is_enabled": ["exact"]}
    ordering_fields = ("created_at",)

    def create(self, request: Request) -> Response:
        """Keep requests and answers of a project, or of every project without a policy of its own."""
        organization = self.organization
        fields = self.validated(self.serializer_class)
        return self.answer(bodies.create_body_policy(organization=organization, actor=self.actor, **fields), 201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a policy; what is kept keeps its day of deletion."""
        policy = self.get_object()
        fields = self.validated(self.serializer_class, policy)
        return self.answer(bodies.update_body_policy(policy=policy, actor=self.actor, **fields))

    def destroy(self, request: Request, pk: str) -> Response:
        """Stop keeping bodies; what is kept stays until its day of deletion."""
        bodies.delete_body_policy(policy=self.get_object(), actor=self.actor)
        return Response(status=204)
