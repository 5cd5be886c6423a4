"""What every resource shares."""

from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from gateway.api.authentication import actor_of
from gateway.api.organization import Access, access_of, required_organization
from gateway.api.permissions import Who, is_by_role
from gateway.models import Organization
from gateway.services.audit import Actor
from gateway.services.errors import Invalid

ID_PATTERN = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


class Resource(GenericViewSet):
    """`roles` names who may do what; an action without an entry is refused.

    `is_platform_visible`: platform-wide rows (organization null) belong in the list. `has_platform_scope`: a superuser
    may name the platform itself, and makes its rows when naming nothing; else an organization has to be named, or be
    the only choice.
    """

    roles: dict[str, Who] = {}
    confirmed_actions: frozenset[str] = frozenset()
    lookup_value_regex = ID_PATTERN
    is_organization_scoped = True
    is_platform_visible = False
    has_platform_scope = False
    request: Request

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After the permissions. Raises `Invalid` (`organization_required`, `null_character`)."""
        super().initial(request, *args, **kwargs)
        for name, texts in request.query_params.lists():
            if any("\0" in text for text in texts):
                raise Invalid("null_character", "A parameter cannot have the character NUL.", field=name)
        if self.is_organization_scoped and is_by_role(request, self) and not self._is_for_platform(request):
            required_organization(request)

    def _is_for_platform(self, request: Request) -> bool:
        makes_rows = not self.detail and request.method not in SAFE_METHODS
        return self.has_platform_scope and (access_of(request).is_platform or makes_rows)

    @property
    def actor(self) -> Actor:
        return actor_of(self.request.user)

    @property
    def access(self) -> Access:
        return access_of(self.request)

    @property
    def organization(self) -> Organization:
        """The organization of the request, which must be one."""
        return required_organization(self.request)

    def owner_of_new(self) -> Organization | None:
        """Of a resource with platform scope: a superuser who names no organization makes platform-wide rows."""
        return self.access.organization if self.access.is_superuser else self.organization

    def get_queryset(self) -> QuerySet[Any]:
        rows: Any = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows.none()
        rows = rows.visible_to(self.request.user)
        if not self.is_organization_scoped:
            return rows
        scope = Q(organization=self.access.organization)
        return rows.filter(scope | Q(organization=None) if self.is_platform_visible else scope)

    def answer(self, instance: Any, status: int = 200, serializer: type[BaseSerializer] | None = None) -> Response:
        """The resource as it is now."""
        kind = serializer or self.get_serializer_class()
        return Response(kind(instance, context=self.get_serializer_context()).data, status=status)

    def validated(self, serializer: type[BaseSerializer], instance: Any = None) -> dict[str, Any]:
        """The checked body; raises DRF's ValidationError. With an instance, a partial one."""
        context = self.get_serializer_context()
        bound = serializer(instance, data=self.request.data, partial=instance is not None, context=context)
        bound.is_valid(raise_exception=True)
        return bound.validated_data


class ReadableResource(ListModelMixin, RetrieveModelMixin, Resource):
    """List and read."""


def archive_action(description: str) -> Any:
    """Decorator of a `POST {id}/archive` action: no body in, the resource out."""

    def decorate(method: Any) -> Any:
        documented = extend_schema(request=None, description=description)(method)
        return action(detail=True, methods=["post"])(documented)

    return decorate
