"""Who may make and handle which keys; the API and the admin ask the same questions here."""

from collections.abc import Iterable

from gateway.api.organization import Access
from gateway.api.permissions import KEY_MAKERS
from gateway.choices import Role, Scope
from gateway.models import Project, User
from gateway.services.errors import Forbidden

MANAGE = frozenset({Scope.MANAGE_READ.value, Scope.MANAGE_WRITE.value})


def check_scopes(access: Access, scopes: Iterable[str]) -> None:
    """A management key acts as administrator, so its secret and its limits are for administrators alone."""
    if not access.is_admin and not MANAGE.isdisjoint(scopes):
        raise Forbidden("role_required", "Only administrators handle keys with manage:* scopes.", field="scopes")


def owner_of_new(
    access: Access, project: Project, caller: User | None, *, is_stated: bool, owner: User | None
) -> User | None:
    """Whose a new key is. Not stated: the caller's (nobody's, when a key or an outside operator calls).

    Administrators make keys for any member, managers in their team too, everybody else for themselves.
    """
    if not access.is_superuser and access.role not in KEY_MAKERS:
        raise Forbidden("role_required", "Your role does not allow this.")
    if access.is_admin:
        return owner if is_stated or access.role is None else caller
    if access.role == Role.MANAGER and project.team_id is not None and project.team_id == access.team_id:
        return owner if is_stated else caller
    if is_stated and owner != caller:
        raise Forbidden("own_keys_only", "You may make keys for yourself only.", field="user")
    return caller
