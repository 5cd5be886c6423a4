"""What applying a recommendation changes in the gateway, and how it is taken back.

A model or provider is changed by a rule of the route that its calls come by, made where there is none; the rule bears
the recommendation's name, stands first, and where only a share is to be moved it is a split. Repeated calls get a
cache policy of their project; answers that are too long a cap of their route. What the gateway cannot do, people do by
the steps, and it is noted as done by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q

from costs.addedup import Which, condition
from costs.models import Recommendation
from costs.recommendations.querysets import RecommendationQuerySet
from costs.savings.proposals import Category, Slice
from gateway.dataplane.endpoints import ENDPOINTS
from gateway.ledger.schema import TABLE
from gateway.models import CachePolicy, Model, Organization, Project, Route
from gateway.services import cache, catalog
from gateway.services.audit import Actor
from gateway.services.errors import Conflict, Invalid

ROUTE, CACHE, CAP, HAND = "route", "cache", "cap", "hand"
MOVES = (Category.CHEAPER_MODEL, Category.CHEAPER_PROVIDER)
MOVED, PRESENT, OTHERS = "moved", "present", "Other calls as before"
MADE = "(made by applying the recommendation)"
MOST_ALIASES = 20
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """How applying would go. `why`: of `hand`, why the gateway cannot."""

    how: str
    text: str
    can_share: bool = False
    why: str = ""


def plan_of(row: Recommendation) -> Plan:
    """No query but for caps: one over the window's calls."""
    if row.category in MOVES:
        return _moving(row)
    if row.category == Category.DUPLICATE_CACHING:
        return _caching(row)
    if row.category == Category.OUTPUT_LENGTH:
        return _capping(row)
    return _hand("The change is made in the application or with the vendor.")


def _moving(row: Recommendation) -> Plan:
    calls = row.calls
    if not calls.model and not calls.route:
        return _hand("The calls have neither one model nor one route that a rule could be put on.")
    if calls.endpoint and calls.endpoint not in ENDPOINTS:
        return _hand(f"No rule can be put on calls of {calls.endpoint}.")
    where = f"the route {calls.route}" if calls.route else f"the routes that lead to {calls.model}"
    target = " at ".join(part for part in (row.change.get("model"), row.change.get("provider")) if part)
    return Plan(ROUTE, f"A rule on {where} sends these calls to {target}; what answers now stays as fallback.", True)


def _caching(row: Recommendation) -> Plan:
    if not row.calls.project and row.calls.filters():
        return _hand("Caches are switched on for a project or the whole organization; these calls are neither.")
    place = "the project" if row.calls.project else "every project without a policy of its own"
    ttl = _whole(row, "ttl_s", 3600)
    return Plan(CACHE, f"The response cache is switched on for {place}: an answer is served again for {ttl:,} s.")


def _capping(row: Recommendation) -> Plan:
    cap = _whole(row, "max_tokens", 0)
    if not cap or not _have_their_own_routes(row):
        return _hand("A cap holds for every call of a route; these are some of them: set max_tokens where they begin.")
    return Plan(CAP, f"The routes of these calls get a cap of {cap:,} output tokens.")


def _hand(why: str) -> Plan:
    return Plan(HAND, "It is noted as done by hand, today.", why=why)


def _whole(row: Recommendation, name: str, default: int) -> int:
    try:
        return int(row.change.get("settings", {}).get(name, default))
    except ValueError:
        return default


# ---- applying --------------------------------------------------------------------------------------------------------
def make(row: Recommendation, actor: Actor, share: int) -> Json:
    """Do it within the caller's transaction; what `undo` needs. Raises `Invalid`, `Conflict`."""
    _alone(row.organization)
    how = plan_of(row).how
    if share < 100 and how != ROUTE:
        raise Invalid(
            "share_not_possible", "Only a change of model or provider can be made for a share.", field="share"
        )
    if how == ROUTE:
        return _make_rules(row, actor, share)
    if how == CACHE:
        return _make_cache(row, actor)
    return _make_caps(row, actor) if how == CAP else {"how": HAND}


def _alone(organization: Organization) -> None:
    """One change of an organization at a time: two may be about the same route or cache policy, there yet or not."""
    Organization.objects.select_for_update(of=("self",), no_key=True).get(pk=organization.pk)


def _others(row: Recommendation, **applied: Any) -> RecommendationQuerySet:
    """What else is applied and had to do with it."""
    found = Recommendation.objects.done().filter(organization=row.organization, **applied)
    return found.exclude(pk=row.pk).order_by("applied_at", "pk")


def _make_rules(row: Recommendation, actor: Actor, share: int) -> Json:
    target = _target(row)
    routes = [_put_rule(row, actor, alias, target, share) for alias in _aliases(row)]
    return {
        "how": ROUTE, "share": share, "rule": name_of(row), "provider": target.provider.slug, "model": target.name,
        "from": {"provider": row.calls.provider, "model": row.calls.model}, "routes": routes,
    }  # fmt: skip


def name_of(row: Recommendation) -> str:
    """What rule and route are called: found by eye, and unique."""
    return f"Saving {row.pk.hex[-8:]}: {row.title}"[:120].strip()


def _target(row: Recommendation) -> Model:
    slug, name = row.change.get("provider", ""), row.change.get("model", "") or row.calls.model
    offered = Q(organization=row.organization) | Q(organization=None)
    found = Model.objects.filter(offered, name=name, is_enabled=True, provider__is_enabled=True)
    if slug:
        found = found.filter(provider__slug=slug)
    own = sorted(found.select_related("provider"), key=lambda one: one.organization_id is None)
    if not own:
        where = f" at {slug}" if slug else ""
        raise Conflict("target_missing", f"There is no enabled model {name}{where}; add it first, then apply.")
    return own[0]


def _aliases(row: Recommendation) -> list[str]:
    """Names that the calls ask for, most calls first; without calls, the route's or model's own. Raises `Conflict`
    when they are more than are changed at once: changing the first of them would leave calls out."""
    if row.calls.route:
        return [row.calls.route]
    where, values = condition(Which(row.organization, row.start, row.end, row.calls, row.currency))
    statement = (
        f"SELECT coalesce(l.route, l.model_requested), count(*) FROM {TABLE} l WHERE {where} AND l.kind = 'attempt' "
        f"AND l.origin = 'gateway' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_ALIASES + 1}"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found = [alias for alias, _ in cursor.fetchall()]
    if len(found) > MOST_ALIASES:
        names = f"more than {MOST_ALIASES} name{'' if MOST_ALIASES == 1 else 's'}"
        raise Conflict("too_many_names", f"These calls ask for {names}: change their routes by hand.")
    return found or [row.calls.model]


def _have_their_own_routes(row: Recommendation) -> bool:
    """Whether no other calls ask for the names that these ask for, and all of them can be changed."""
    try:
        aliases = _aliases(row)
    except Conflict:
        return False
    where, values = condition(Which(row.organization, row.start, row.end, row.calls, row.currency))
    all_calls, more = condition(Which(row.organization, row.start, row.end, Slice(), row.currency))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT NOT EXISTS (SELECT FROM {TABLE} l WHERE {all_calls} AND l.kind = 'attempt' "
            "AND l.origin = 'gateway' AND coalesce(l.route, l.model_requested) = ANY(%(aliases)s) "
            f"AND ({where}) IS NOT TRUE)",
            {**more, **values, "aliases": aliases},
        )
        ((found,),) = cursor.fetchall()
    return bool(found)


def _put_rule(row: Recommendation, actor: Actor, alias: str, target: Model, share: int) -> Json:
    route, targets = _route(row.organization, alias)
    present = [one for one in targets if one.model.pk != target.pk]
    if not present:
        raise Conflict("target_is_the_same", f"Calls of {alias} have no other target than {target.name}.")
    rules = list((route.config if route else {}).get("rules", []))
    rules.insert(0, _rule(row, present, target, share))
    adds = len(present) == len(targets)
    if adds:
        lowest = max(one.priority for one in targets)
        targets = [*targets, catalog.Target(target, min(lowest + 1, 32_000))]
        if rules[0].get("when") and all(rule.get("when") for rule in rules):
            rules.append({"name": OTHERS, "use": [_selector(one.model) for one in present], "only": True})
    added = str(target.pk) if adds or (route and _was_added(row, route, target)) else ""
    fields: Json = {"config": {**(route.config if route else {}), "rules": rules}}
    if route is None or route.organization_id is None:
        copied = _copied(route) if route else {"alias": alias}
        fields = {**copied, **fields, "description": f"{name_of(row)} {MADE}"}
        made = catalog.create_route(organization=row.organization, actor=actor, targets=targets, **fields)
        return {"id": str(made.pk), "alias": alias, "created": True, "added": added}
    catalog.update_route(route=route, actor=actor, targets=targets, **fields)
    return {"id": str(route.pk), "alias": alias, "created": False, "added": added}


def _was_added(row: Recommendation, route: Route, target: Model) -> bool:
    """Whether the route has the target by another applied recommendation; whichever goes last takes it along."""
    return _others(row, applied__routes__contains=[{"id": str(route.pk), "added": str(target.pk)}]).exists()


def _rule(row: Recommendation, present: Sequence[catalog.Target], target: Model, share: int) -> Json:
    calls = row.calls
    listed = {
        "projects": calls.project, "teams": calls.team, "api_keys": calls.api_key, "endpoints": calls.endpoint
    }  # fmt: skip
    when = {name: [value] for name, value in listed.items() if value}
    rule: Json = {"name": name_of(row), **({"when": when} if when else {})}
    if share >= 100:
        return {**rule, "use": [_selector(target)]}
    return {
        **rule, "by": "end_user",
        "split": [
            {"name": PRESENT, "weight": 100 - share, "use": [_selector(one.model) for one in present]},
            {"name": MOVED, "weight": share, "use": [_selector(target)]},
        ],
    }  # fmt: skip


def _selector(model: Model) -> Json:
    return {"provider": model.provider.slug, "model": model.name}


def _route(organization: Organization, alias: str) -> tuple[Route | None, list[catalog.Target]]:
    """The route of a name, the organization's before the platform's, with its targets; else the models of that name.
    A route of its own is locked before anything of it is read. Raises `Conflict`."""
    for owner in (organization, None):
        routes = Route.objects.select_for_update(of=("self",)) if owner else Route.objects
        route = routes.filter(organization=owner, alias=alias, is_enabled=True).first()
        if route is not None:
            rows = route.targets.select_related("model__provider").order_by("priority", "-weight", "id")
            return route, [catalog.Target(one.model, one.priority, one.weight) for one in rows]
        models = Model.objects.select_related("provider").filter(
            organization=owner, name=alias, is_enabled=True, provider__is_enabled=True
        )
        if models:
            return None, [catalog.Target(one) for one in models.order_by("provider__slug", "pk")]
    raise Conflict("alias_missing", f"Nothing is called {alias} any more; search again.")


def _copied(route: Route) -> Json:
    return {name: getattr(route, name) for name in catalog.ROUTE_FIELDS if name not in ("config", "description")}


def _make_cache(row: Recommendation, actor: Actor) -> Json:
    organization = row.organization
    named = row.calls.project
    project = Project.objects.filter(organization=organization, pk=named).first() if named else None
    if row.calls.project and project is None:
        raise Conflict("project_missing", "The project is not there any more.")
    wanted = {"is_enabled": True, "ttl_s": _whole(row, "ttl_s", 3600)}
    policy = (
        CachePolicy.objects.select_for_update(of=("self",)).filter(organization=organization, project=project).first()
    )
    if policy is not None:
        shared = _others(row, applied__policy=str(policy.pk)).first()
        before = shared.applied["before"] if shared else {"is_enabled": policy.is_enabled, "ttl_s": policy.ttl_s}
        cache.update_cache_policy(policy=policy, actor=actor, is_enabled=True, ttl_s=wanted["ttl_s"])
        return {"how": CACHE, "policy": str(policy.pk), "before": before, "after": wanted}
    general = CachePolicy.objects.filter(organization=organization, project=None).first()
    fields: Any = {name: getattr(general, name) for name in cache.POLICY_FIELDS} if general else {}
    made = cache.create_cache_policy(organization=organization, actor=actor, project=project, **{**fields, **wanted})
    return {"how": CACHE, "policy": str(made.pk), "before": None, "after": wanted}


def _make_caps(row: Recommendation, actor: Actor) -> Json:
    cap, routes = _whole(row, "max_tokens", 0), []
    for alias in _aliases(row):
        route, targets = _route(row.organization, alias)
        description = f"{name_of(row)} {MADE}"
        if route is None or route.organization_id is None:
            copied = {**_copied(route), "config": route.config} if route else {"alias": alias}
            fields: Any = {**copied, "output_cap": cap, "description": description}
            made = catalog.create_route(organization=row.organization, actor=actor, targets=targets, **fields)
            routes.append({"id": str(made.pk), "alias": alias, "created": True, "before": None})
            continue
        routes.append({"id": str(route.pk), "alias": alias, "created": False, "before": route.output_cap})
        catalog.update_route(route=route, actor=actor, output_cap=min(cap, route.output_cap or cap))
    return {"how": CAP, "routes": routes, "after": cap}


# ---- taking it back --------------------------------------------------------------------------------------------------
def undo(row: Recommendation, actor: Actor) -> None:
    """Take back what `make` did and leave alone what people have changed since, and what others of the applied ones
    need. Within the caller's transaction."""
    _alone(row.organization)
    done = row.applied or {}
    if done.get("how") == ROUTE:
        for one in done["routes"]:
            _drop_rule(row.organization, actor, done["rule"], one)
    elif done.get("how") == CACHE and not _others(row, applied__policy=done["policy"]).exists():
        _undo_cache(row.organization, actor, done)
    elif done.get("how") == CAP:
        for one in done["routes"]:
            _undo_cap(row.organization, actor, done["after"], one)


def _locked(organization: Organization, identity: str) -> Route | None:
    found = Route.objects.select_for_update(of=("self",)).filter(organization=organization, pk=identity)
    return found.first()


def _was_made(route: Route) -> bool:
    """Whether applying a recommendation made it, this one or another, and nobody has described it since."""
    return route.description.startswith("Saving ") and route.description.endswith(MADE)


def _drop_rule(organization: Organization, actor: Actor, name: str, one: Json) -> None:
    route = _locked(organization, one["id"])
    if route is None:
        return
    rules = [rule for rule in route.config.get("rules", []) if rule.get("name") != name]
    if not any(str(rule.get("name", "")).startswith("Saving ") for rule in rules):
        rules = [rule for rule in rules if rule.get("name") != OTHERS]
    if not rules and route.output_cap is None and _was_made(route):
        catalog.delete_route(route=route, actor=actor)
        return
    kept = [
        catalog.Target(target.model, target.priority, target.weight)
        for target in route.targets.select_related("model__provider")
        if str(target.model_id) != one["added"] or _is_used(rules, target.model)
    ]
    config = {key: value for key, value in route.config.items() if key != "rules"} | ({"rules": rules} if rules else {})
    catalog.update_route(route=route, actor=actor, targets=kept or None, config=config)


def _is_used(rules: Sequence[Json], model: Model) -> bool:
    """Whether a rule that is left sends to the model."""
    used = [one for rule in rules for one in rule.get("use", [])]
    used += [one for rule in rules for arm in rule.get("split", []) for one in arm["use"]]
    return any(
        one.get("provider", model.provider.slug) == model.provider.slug and one.get("model", model.name) == model.name
        for one in used
    )


def _undo_cache(organization: Organization, actor: Actor, done: Json) -> None:
    policy = (
        CachePolicy.objects.select_for_update(of=("self",)).filter(organization=organization, pk=done["policy"]).first()
    )
    if policy is None or {"is_enabled": policy.is_enabled, "ttl_s": policy.ttl_s} != done["after"]:
        return
    if done["before"] is None:
        cache.delete_cache_policy(policy=policy, actor=actor)
    else:
        cache.update_cache_policy(policy=policy, actor=actor, **done["before"])


def _undo_cap(organization: Organization, actor: Actor, cap: int, one: Json) -> None:
    route = _locked(organization, one["id"])
    if route is None or (route.output_cap != cap and not one["created"]):
        return
    if one["created"] and not route.config.get("rules") and _was_made(route):
        catalog.delete_route(route=route, actor=actor)
        return
    catalog.update_route(route=route, actor=actor, output_cap=one["before"])
