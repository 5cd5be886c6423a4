"""Providers, models, routes. Members read; administrators change their organization's; the platform's rows are
changed by superusers."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.api.permissions import ADMINS, MEMBERS
from gateway.api.serializers import catalog as shapes
from gateway.api.views.base import ReadableResource
from gateway.choices import Role
from gateway.models import Model, Organization, Provider, Route, RouteTarget
from gateway.services import catalog, routing, upstreams
from gateway.services.errors import Forbidden

_CRUD = {"list": MEMBERS, "retrieve": MEMBERS, "create": ADMINS, "partial_update": ADMINS, "destroy": ADMINS}


class CatalogResource(ReadableResource):
    """Rows of the organization beside the platform's."""

    is_platform_visible = True
    has_platform_scope = True

    def owner_of_new(self) -> Organization | None:
        """A superuser who names no organization makes platform-wide rows."""
        return self.access.organization if self.access.is_superuser else self.organization

    def changeable(self) -> Any:
        """The row of the path; raises `Forbidden` for a platform-wide one unless the caller is a superuser."""
        row = self.get_object()
        if row.organization_id is None and not self.access.is_superuser:
            raise Forbidden(
                "platform_wide", "This is shared by every organization; only the platform's operators change it."
            )
        return row


class ProviderViewSet(CatalogResource):
    """Upstreams."""

    queryset = Provider.objects.all()
    serializer_class = shapes.ProviderSerializer
    roles = {**_CRUD, "test": ADMINS, "health": ADMINS | {Role.ANALYST, Role.MANAGER}}
    filterset_fields = {"slug": ["exact"], "kind": ["exact"], "is_enabled": ["exact"], "organization": ["isnull"]}
    search_fields = ("slug", "name")
    ordering_fields = ("slug", "name", "created_at")

    def create(self, request: Request) -> Response:
        """Add an upstream. Private addresses must be on the list of allowed upstreams."""
        organization = self.owner_of_new()
        fields = self.validated(self.serializer_class)
        return self.answer(catalog.create_provider(organization=organization, actor=self.actor, **fields), 201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change an upstream; the slug stays, ledger lines name it."""
        provider = self.changeable()
        fields = self.validated(self.serializer_class, provider)
        return self.answer(catalog.update_provider(provider=provider, actor=self.actor, **fields))

    def destroy(self, request: Request, pk: str) -> Response:
        """Remove an upstream that no model uses."""
        catalog.delete_provider(provider=self.changeable(), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=None, responses=shapes.ProviderTestSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Make one real call to the upstream's list of models with the stored credential."""
        listing = upstreams.list_models(self.get_object())
        error = {"code": listing.error[0], "message": listing.error[1]} if listing.error else None
        outcome = {
            "ok": error is None, "http_status": listing.http_status, "elapsed_ms": listing.elapsed_ms,
            "model_count": None if error else len(listing.names), "error": error, "tested_at": listing.at,
        }  # fmt: skip
        return Response(shapes.ProviderTestSerializer(outcome).data)

    @extend_schema(responses=shapes.ProviderHealthSerializer)
    @action(detail=True, methods=["get"])
    def health(self, request: Request, pk: str) -> Response:
        """Availability, p95 and the last failure, from the organization's own ledger lines."""
        return Response(shapes.ProviderHealthSerializer(upstreams.health(self.get_object(), self.organization)).data)


class ModelViewSet(CatalogResource):
    """Models people may ask for."""

    queryset = Model.objects.select_related("provider")
    serializer_class = shapes.ModelSerializer
    roles = {**_CRUD, "discover": ADMINS}
    filterset_fields = {"name": ["exact"], "provider": ["exact"], "is_enabled": ["exact"], "organization": ["isnull"]}
    search_fields = ("name", "upstream_name", "provider__slug")
    ordering_fields = ("name", "provider__slug", "created_at")

    def create(self, request: Request) -> Response:
        """Offer a model of a provider."""
        organization = self.owner_of_new()
        fields = self.validated(self.serializer_class)
        return self.answer(catalog.create_model(organization=organization, actor=self.actor, **fields), 201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a model; it stays with its provider."""
        model = self.changeable()
        fields = self.validated(self.serializer_class, model)
        return self.answer(catalog.update_model(model=model, actor=self.actor, **fields))

    def destroy(self, request: Request, pk: str) -> Response:
        """Remove a model that no route targets."""
        catalog.delete_model(model=self.changeable(), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=shapes.DiscoverSerializer, responses=shapes.DiscoveryResultSerializer)
    @action(detail=False, methods=["post"])
    def discover(self, request: Request) -> Response:
        """Ask a provider what it offers; `add` puts those models into the catalog."""
        organization = self.owner_of_new()
        fields = self.validated(shapes.DiscoverSerializer)
        found = upstreams.discover(
            provider=fields["provider"], organization=organization, actor=self.actor, add=fields["add"]
        )
        return Response(shapes.DiscoveryResultSerializer({"provider": fields["provider"].pk, "models": found}).data)


class RouteViewSet(CatalogResource):
    """Aliases."""

    queryset = Route.objects.prefetch_related("targets__model__provider")
    serializer_class = shapes.RouteSerializer
    roles = {**_CRUD, "simulate": ADMINS}
    filterset_fields = {"alias": ["exact"], "is_enabled": ["exact"], "organization": ["isnull"]}
    search_fields = ("alias", "description")
    ordering_fields = ("alias", "created_at")

    def create(self, request: Request) -> Response:
        """Add an alias with its targets."""
        organization = self.owner_of_new()
        fields = self._fields()
        return self._current(catalog.create_route(organization=organization, actor=self.actor, **fields), 201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change an alias; `targets` replaces all of them."""
        route = self.changeable()
        return self._current(catalog.update_route(route=route, actor=self.actor, **self._fields(route)))

    def destroy(self, request: Request, pk: str) -> Response:
        """Remove an alias."""
        catalog.delete_route(route=self.changeable(), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=None, responses=shapes.SimulationSerializer)
    @action(detail=True, methods=["post"])
    def simulate(self, request: Request, pk: str) -> Response:
        """Which targets a call to the alias would try, in which order, and why. Changes nothing."""
        outcome = routing.simulate(self.get_object())
        body = {
            "route": outcome.route.pk, "alias": outcome.route.alias, "is_usable": outcome.is_usable,
            "reason": outcome.reason, "targets": [_simulated(item) for item in outcome.targets],
        }  # fmt: skip
        return Response(shapes.SimulationSerializer(body).data)

    def _fields(self, route: Route | None = None) -> dict[str, Any]:
        fields = self.validated(self.serializer_class, route)
        if "targets" in fields:
            fields["targets"] = [catalog.Target(**target) for target in fields["targets"]]
        return fields

    def _current(self, route: Route, status: int = 200) -> Response:
        return self.answer(self.queryset.get(pk=route.pk), status)


def _simulated(item: routing.SimulatedTarget) -> dict[str, Any]:
    target: RouteTarget = item.target
    return {
        "position": item.position, "model": target.model_id, "model_name": target.model.name,
        "provider_slug": target.model.provider.slug, "priority": target.priority, "weight": target.weight,
        "is_usable": item.position is not None, "probability": item.probability, "reason": item.reason,
    }  # fmt: skip
