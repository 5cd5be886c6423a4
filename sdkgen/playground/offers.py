"""Which names a conversation of an organization can be sent to, as the data plane would answer them."""

from dataclasses import dataclass

from django.db.models import Q

from gateway.models import Model, Organization, Route

CHAT = "chat"
SANDBOX_PREFIX = "sandbox"
"""Names of models of the simulated provider that cost nothing; `sandbox-<fault>` fails on purpose."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A model or a route. `by` is the provider's name, or what the route says of itself."""

    name: str
    is_route: bool
    by: str

    @property
    def is_sandbox(self) -> bool:
        return self.name == SANDBOX_PREFIX or self.name.startswith(f"{SANDBOX_PREFIX}-")


def offers(organization: Organization) -> list[Offer]:
    """Enabled models and routes of the organization and of the platform that answer conversations, by name. A route
    wins over a model of its name, and the organization's own over the platform's, as in the data plane. Three
    queries."""
    mine = Q(organization=organization) | Q(organization=None)
    models = Model.objects.filter(mine, is_enabled=True, provider__is_enabled=True).select_related("provider")
    routes = Route.objects.filter(mine, is_enabled=True).prefetch_related("targets")
    talking = {row.pk for row in models if not row.capabilities or CHAT in row.capabilities}
    found: dict[str, Offer | None] = {}
    for is_own in (False, True):
        for row in models:
            if (row.organization_id is not None) == is_own:
                found[row.name] = Offer(row.name, False, row.provider.name) if row.pk in talking else None
        for route in routes:
            if (route.organization_id is not None) == is_own:
                answers = any(target.model_id in talking for target in route.targets.all())
                found[route.alias] = Offer(route.alias, True, route.description or "Route") if answers else None
    return [offer for _, offer in sorted(found.items()) if offer is not None]
