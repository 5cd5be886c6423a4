"""Names of what scopes are about, for pages."""

from collections.abc import Iterable

from gateway.choices import LimitScope
from gateway.models import Organization, Project, Team, User, VirtualKey
from gateway.scopes import EACH, is_id

NAMED = {LimitScope.TEAM: Team, LimitScope.PROJECT: Project, LimitScope.KEY: VirtualKey, LimitScope.USER: User}
Names = dict[tuple[str, str], str]


def names_of(pairs: Iterable[tuple[str, str]]) -> Names:
    """`(scope, value)` → name, of teams, projects, keys and people. A query for each kind."""
    wanted = set(pairs)
    names: Names = {}
    for scope, model in NAMED.items():
        ids = [value for kind, value in wanted if kind == scope and is_id(value)]
        if ids:
            rows = model._default_manager.filter(pk__in=ids)
            names |= {(scope.value, str(row.pk)): getattr(row, "name", "") or str(row) for row in rows}
    return names


def name_of(scope: str, value: str, organization: Organization) -> str:
    """What one scope's value names; a value without a row stays as it is. At most one query."""
    if scope == LimitScope.ORGANIZATION:
        return str(organization)
    if value == EACH:
        return f"each {LimitScope(scope).label.lower()}"
    return names_of([(scope, value)]).get((scope, value), value)
