"""A tuned model on routes of the catalogue: its share of the first choices, more of it, or none again."""

from collections.abc import Sequence
from math import gcd
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from finetuning.models import TunedModel
from gateway.models import Model, Route
from gateway.services import audit, catalog
from gateway.services.audit import Actor
from gateway.services.catalog import Target
from gateway.services.errors import Conflict, Invalid

WHOLE = 100
NOTE = "Made for a tuned model."


@transaction.atomic
def put_on(*, tuned: TunedModel, alias: str, share: int, actor: Actor) -> Route:
    """Give `share` percent of the first choices of the route `alias` to the tuned model; what was there keeps the rest,
    in its own proportions, and stays what is tried when the tuned model fails. A route is made of the catalogue's model
    of that name where there is none. The same again changes nothing; another share moves it. Raises `Invalid`,
    `Conflict`."""
    check_share(share)
    row = TunedModel.objects.select_for_update(of=("self",)).select_related("catalog_model").get(pk=tuned.pk)
    if row.catalog_model is None or not row.catalog_model.is_enabled or row.archived_at is not None:
        raise Conflict("not_served", "The model is not in the catalogue, not enabled there, or archived.")
    routes = row.serving.get("routes", {})
    known = routes.get(alias, {})
    route = Route.objects.select_for_update().filter(organization=row.organization_id, alias=alias).first()
    if route is None:
        base = _named(row.organization_id, alias, "route")
        targets = _shared([Target(base)], row.catalog_model, share)
        route = catalog.create_route(
            organization=row.organization, actor=actor, targets=targets, alias=alias, description=NOTE
        )
        former = None
    else:
        others = _others(row, route, known.get("former"))
        if not others:
            raise Conflict("nothing_else", "The route leads to the tuned model alone.")
        former = [_fact(one) for one in others]
        catalog.update_route(route=route, actor=actor, targets=_shared(others, row.catalog_model, share))
    kept = known.get("former", former)
    row.serving = {**row.serving, "routes": {**routes, alias: {"share": share, "former": kept}}}
    row.save(update_fields=["serving", "updated_at"])
    audit.record(
        organization=row.organization, actor=actor, verb="tuned_model.deploy", target=row,
        after={"route": alias, "share": share},
    )  # fmt: skip
    return route


@transaction.atomic
def take_off(*, tuned: TunedModel, alias: str, actor: Actor) -> None:
    """Take it from the route again: what was there gets its weights back, a route that was made for it goes. Raises
    `Conflict` when it is not on the route."""
    row = TunedModel.objects.select_for_update().get(pk=tuned.pk)
    routes = dict(row.serving.get("routes", {}))
    if alias not in routes:
        raise Conflict("not_deployed", f"The model is not on the route {alias}.")
    former = routes.pop(alias)["former"]
    route = Route.objects.select_for_update().filter(organization=row.organization_id, alias=alias).first()
    if route is not None and former is None and route.description == NOTE:
        catalog.delete_route(route=route, actor=actor)
    elif route is not None:
        catalog.update_route(route=route, actor=actor, targets=_others(row, route, former))
    row.serving = {**row.serving, "routes": routes}
    row.save(update_fields=["serving", "updated_at"])
    audit.record(
        organization=row.organization, actor=actor, verb="tuned_model.withdraw", target=row, before={"route": alias}
    )


def check_share(share: int) -> None:
    """Raises `Invalid`."""
    if not 1 <= share <= WHOLE:
        raise Invalid("share_out_of_range", "A share is 1 to 100 percent.", field="share")


def check_alias(organization: UUID, alias: str, *, field: str = "route") -> None:
    """A route of that name is there, or a model that becomes one. Raises `Invalid`."""
    if not Route.objects.filter(organization=organization, alias=alias).exists():
        _named(organization, alias, field)


def _others(row: TunedModel, route: Route, former: Sequence[dict[str, Any]] | None) -> list[Target]:
    """What else is on the route, as it was before the tuned model came; what came since as it is."""
    before = {fact["model"]: fact for fact in former or ()}
    found = []
    for one in route.targets.select_related("model"):
        if one.model_id != row.catalog_model_id:
            was = before.get(str(one.model_id), {"priority": one.priority, "weight": one.weight})
            found.append(Target(one.model, was["priority"], was["weight"]))
    return found


def _shared(others: Sequence[Target], tuned: Model, share: int) -> list[Target]:
    """The first choices weigh `100 - share` together, the tuned model `share`, in the smallest whole weights; at 100
    percent the others come after it."""
    first = min(one.priority for one in others)
    weight = sum(one.weight for one in others if one.priority == first)
    if share == WHOLE:
        later = [Target(one.model, one.priority - first + 1, one.weight) for one in others]
        return [Target(tuned, 0, 1), *later]
    factors = {one.model.pk: one.weight * (WHOLE - share) for one in others if one.priority == first}
    unit = gcd(weight * share, *factors.values())
    rest = [
        Target(one.model, one.priority, factors[one.model.pk] // unit if one.priority == first else one.weight)
        for one in others
    ]
    return [*rest, Target(tuned, first, weight * share // unit)]


def _named(organization: UUID, alias: str, field: str) -> Model:
    """The model that answers to this name today, the organization's own first. Raises `Invalid`."""
    offered = Q(organization=organization) | Q(organization=None)
    found = list(Model.objects.filter(offered, name=alias, is_enabled=True, provider__is_enabled=True))
    if not found:
        raise Invalid("unknown_route", f"There is neither a route nor a model {alias}.", field=field)
    return min(found, key=lambda one: one.organization_id is None)


def _fact(target: Target) -> dict[str, Any]:
    return {"model": str(target.model.pk), "priority": target.priority, "weight": target.weight}
