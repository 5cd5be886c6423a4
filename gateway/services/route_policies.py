"""Whether a route's strategy and configuration make sense for its organization and its targets."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from gateway.dataplane.routing.parse import PolicyError, policy_of, selectors_of
from gateway.dataplane.routing.policy import Policy, When
from gateway.models import Membership, Model, Organization, Project, Route, Team, VirtualKey
from gateway.services.errors import Invalid


def policy_of_route(route: Route) -> Policy:
    """Raises `Invalid` at the faulty part, such as `config.rules.0.when.languages.0`."""
    try:
        return policy_of(
            route.alias, route.strategy, route.config, route.retries, route.deadline_ms, route.hedge_after_ms,
            route.output_cap,
        )  # fmt: skip
    except PolicyError as error:
        raise Invalid("policy_invalid", str(error), field=_dotted(error.field)) from None


def check_policy(route: Route, models: Sequence[Model]) -> None:
    """Every rule picks at least one of the route's `models`, and names people of its organization. Raises `Invalid`.

    One query for each sort of person that a rule names.
    """
    policy = policy_of_route(route)
    names = {(model.provider.slug, model.name) for model in models}
    for field, selector in selectors_of(policy):
        if not any(selector.picks(*name) for name in names):
            message = "No target of the route is picked by this."
            raise Invalid("selector_matches_nothing", message, field=_dotted(field))
    for index, rule in enumerate(policy.rules):
        _check_people(rule.when, route.organization, f"config.rules.{index}.when")


def _check_people(when: When, organization: Organization | None, field: str) -> None:
    rows: tuple[tuple[str, frozenset[str], Any, str], ...] = (
        ("users", when.users, Membership.objects.filter(archived_at=None), "user_id"),
        ("teams", when.teams, Team.objects.all(), "id"),
        ("projects", when.projects, Project.objects.all(), "id"),
        ("api_keys", when.api_keys, VirtualKey.objects.all(), "id"),
    )
    for name, wanted, found, column in rows:
        if not wanted:
            continue
        ids = [_uuid(text, f"{field}.{name}") for text in sorted(wanted)]
        if organization is not None:
            found = found.filter(organization=organization)
        known = set(found.filter(**{f"{column}__in": ids}).values_list(column, flat=True))
        if missing := [str(identity) for identity in ids if identity not in known]:
            message = f"There is no {name.removesuffix('s').replace('_', ' ')} {missing[0]} here."
            raise Invalid("reference_not_found", message, field=f"{field}.{name}")


def _uuid(text: str, field: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid("reference_not_found", f"'{text}' is not an id.", field=field) from None


def _dotted(field: str) -> str:
    """`config.rules[0].use` → `config.rules.0.use`, as the API names paths."""
    return field.replace("[", ".").replace("]", "")


def models_of(rows: Iterable[Any]) -> list[Model]:
    """The models of route targets, stored or as a caller gives them."""
    return [row.model for row in rows]
