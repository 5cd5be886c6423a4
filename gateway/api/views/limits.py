"""Rate limits: administrators write all, managers their team's; what each person sees is `visible_to`'s."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.api import ownership
from gateway.api.permissions import ADMINS, MEMBERS
from gateway.api.serializers.limits import FIXED, RateLimitSerializer, RateLimitUsageSerializer
from gateway.api.views.base import ReadableResource
from gateway.choices import Role
from gateway.models import RateLimit
from gateway.services import rate_limits
from gateway.services.scopes import checked_scope

WRITERS = ADMINS | {Role.MANAGER}
WHAT = "rate limits"


class RateLimitViewSet(ReadableResource):
    """Rate limits."""

    queryset = RateLimit.objects.all()
    serializer_class = RateLimitSerializer
    roles = {
        "list": MEMBERS, "retrieve": MEMBERS, "create": WRITERS, "partial_update": WRITERS, "destroy": WRITERS,
        "usage": MEMBERS,
    }  # fmt: skip
    filterset_fields = {
        "scope": ["exact"], "scope_value": ["exact"], "team": ["exact"], "is_enabled": ["exact"],
        "is_shadow": ["exact"],
    }  # fmt: skip
    search_fields = ("name",)
    ordering_fields = ("name", "created_at")

    def create(self, request: Request) -> Response:
        """Make a limit; it holds within two seconds, for calls that begin then."""
        organization = self.organization
        fields = self.validated(RateLimitSerializer)
        scope, value = fields["scope"], fields.get("scope_value", "").strip()
        ownership.check_new(self.access, scope, checked_scope(organization, scope, value)[1], WHAT)
        return self.answer(rate_limits.create_rate_limit(organization=organization, actor=self.actor, **fields), 201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a limit; a running window goes on with what it has counted."""
        limit = self._writable()
        fields = self.validated(RateLimitSerializer, limit)
        changes: Any = {name: value for name, value in fields.items() if name not in FIXED}
        return self.answer(rate_limits.update_rate_limit(limit=limit, actor=self.actor, **changes))

    def destroy(self, request: Request, pk: str) -> Response:
        """Remove a limit."""
        rate_limits.delete_rate_limit(limit=self._writable(), actor=self.actor)
        return Response(status=204)

    @extend_schema(responses=RateLimitUsageSerializer)
    @action(detail=True, methods=["get"])
    def usage(self, request: Request, pk: str) -> Response:
        """How far the limit is used in the running window, and how limits are enforced at this moment."""
        (use,), enforcement = rate_limits.use_of([self.get_object()], timezone.now())
        found = {
            "id": use.limit.pk, "mode": enforcement.mode, "processes": enforcement.processes,
            "would_limit": use.would_limit, "uses": use.uses,
        }  # fmt: skip
        return self.answer(found, serializer=RateLimitUsageSerializer)

    def _writable(self) -> RateLimit:
        limit: RateLimit = self.get_object()
        ownership.check_change(self.access, limit.team_id, WHAT)
        return limit
