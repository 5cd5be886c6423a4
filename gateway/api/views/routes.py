"""Routes: aliases with targets, their strategy, and what a call would do."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.api.permissions import ADMINS
from gateway.api.serializers import routes as shapes
from gateway.api.views.catalog import CRUD, CatalogResource
from gateway.models import Route, RouteTarget
from gateway.services import catalog, routing


class RouteViewSet(CatalogResource):
    """Aliases."""

    queryset = Route.objects.prefetch_related("targets__model__provider")
    serializer_class = shapes.RouteSerializer
    roles = {**CRUD, "simulate": ADMINS}
    filterset_fields = {
        "alias": ["exact"], "strategy": ["exact"], "is_enabled": ["exact"], "organization": ["isnull"],
    }  # fmt: skip
    search_fields = ("alias", "description")
    ordering_fields = ("alias", "created_at")

    def create(self, request: Request) -> Response:
        """Add an alias with its targets."""
        organization = self.owner_of_new()
        fields = self._fields()
        return self._current(catalog.create_route(organization=organization, actor=self.actor, **fields), 201)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change an alias; `targets` replaces all of them, `config` all of it."""
        route = self.changeable()
        return self._current(catalog.update_route(route=route, actor=self.actor, **self._fields(route)))

    def destroy(self, request: Request, pk: str) -> Response:
        """Remove an alias."""
        catalog.delete_route(route=self.changeable(), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=shapes.SimulateSerializer, responses=shapes.SimulationSerializer)
    @action(detail=True, methods=["post"])
    def simulate(self, request: Request, pk: str) -> Response:
        """Where a call to the alias would go now, and why: the data plane's own decision, on the figures it last
        reported. Calls nobody and changes nothing."""
        route = self.get_object()
        given = self.validated(shapes.SimulateSerializer)
        tags = {tag["key"]: tag["value"] for tag in given["tags"]}
        sample = routing.Sample(given["endpoint"], given["body"], tags, given["end_user"], given["api_key"],
                                given["strategy"])  # fmt: skip
        outcome = routing.simulate(route, self.access.organization, sample)
        return Response(shapes.SimulationSerializer(_told(outcome)).data)

    def _fields(self, route: Route | None = None) -> dict[str, Any]:
        fields = self.validated(self.serializer_class, route)
        if "targets" in fields:
            fields["targets"] = [catalog.Target(**target) for target in fields["targets"]]
        return fields

    def _current(self, route: Route, status: int = 200) -> Response:
        return self.answer(self.queryset.get(pk=route.pk), status)


def _told(outcome: routing.Simulation) -> dict[str, Any]:
    facts, decision = outcome.facts, outcome.decision
    return {
        "route": outcome.route.pk, "alias": outcome.route.alias, "is_usable": outcome.is_usable,
        "reason": outcome.reason, "strategy": decision.strategy, "rule": decision.rule, "variant": decision.variant,
        "call": {
            "prompt_tokens": facts.prompt_tokens, "has_tools": facts.has_tools,
            "modalities": sorted(facts.modalities), "language": facts.language, "end_user": facts.end_user,
        },
        "targets": [_simulated(item) for item in outcome.targets], "notes": outcome.notes,
    }  # fmt: skip


def _simulated(item: routing.SimulatedTarget) -> dict[str, Any]:
    target: RouteTarget = item.target
    scored = item.ranked.scored if item.ranked is not None else None
    price = scored.price if scored is not None else None
    return {
        "position": item.position, "model": target.model_id, "model_name": target.model.name,
        "provider_slug": target.model.provider.slug, "priority": target.priority, "weight": target.weight,
        "is_usable": item.position is not None, "probability": item.probability, "reason": item.reason,
        "score": scored.score if scored else None,
        "expected_cost": format(price.amount, "f") if price is not None else None,
        "currency": price.currency if price is not None else None,
        "latency_ms": scored.latency_ms if scored else None, "in_flight": scored.in_flight if scored else None,
        "quality": scored.quality if scored else None, "circuit": item.circuit,
    }  # fmt: skip
