"""Providers and models. Members read; administrators change their organization's; the platform's rows are
changed by superusers."""

from dataclasses import replace
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.api.permissions import ADMINS, MEMBERS
from gateway.api.serializers import catalog as shapes
from gateway.api.views.base import ReadableResource
from gateway.choices import Role
from gateway.models import Model, Provider
from gateway.services import catalog, deployments, upstreams
from gateway.services.errors import Forbidden

CRUD = {"list": MEMBERS, "retrieve": MEMBERS, "create": ADMINS, "partial_update": ADMINS, "destroy": ADMINS}


class CatalogResource(ReadableResource):
    """Rows of the organization beside the platform's."""

    is_platform_visible = True
    has_platform_scope = True

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
    confirmed_actions = frozenset({"create", "partial_update"})
    roles = {**CRUD, "test": ADMINS, "health": ADMINS | {Role.ANALYST, Role.MANAGER}}
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
        """Availability, p95 and the last failure, from the organization's own ledger lines, and its circuits."""
        provider = self.get_object()
        circuits = deployments.circuits_of(provider, self.organization)
        health = replace(upstreams.health(provider, self.organization), circuits=circuits)
        return Response(shapes.ProviderHealthSerializer(health).data)


class ModelViewSet(CatalogResource):
    """Models people may ask for."""

    queryset = Model.objects.select_related("provider")
    serializer_class = shapes.ModelSerializer
    roles = {**CRUD, "discover": ADMINS}
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
