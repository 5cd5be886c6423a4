"""Who may write what is about a scope: administrators all of the organization's, managers what is about their team."""

from gateway.api.organization import Access
from gateway.choices import LimitScope, Role
from gateway.models import Team
from gateway.services.errors import Forbidden, Invalid

OF_A_TEAM = frozenset({LimitScope.TEAM.value, LimitScope.PROJECT.value, LimitScope.KEY.value})


def check_new(access: Access, scope: str, team: Team | None, what: str) -> None:
    """Something of `scope`, which is `team`'s; `what` names the sort ("budgets"). Raises `Forbidden`; `Invalid` where a
    manager names what is not of the team, as if it did not exist."""
    if access.is_admin or _is_manager_of(access, team and team.pk):
        return
    if scope in OF_A_TEAM and team is not None:
        raise Invalid("scope_value", f"No such {scope} in this organization.", field="scope_value")
    raise Forbidden("role_required", f"Managers make {what} of their team, its projects and keys.", field="scope")


def check_change(access: Access, team_id: object, what: str) -> None:
    """Raises `Forbidden`."""
    if not access.is_admin and not _is_manager_of(access, team_id):
        raise Forbidden("role_required", f"Managers change {what} of their team alone.")


def _is_manager_of(access: Access, team_id: object) -> bool:
    return access.role == Role.MANAGER and team_id is not None and team_id == access.team_id
