"""What a role is needed for inside a service, since the wish is kept and carried out later."""

from gateway.choices import Role
from gateway.models import Organization, User
from gateway.querysets import memberships_of
from gateway.services.audit import Actor
from gateway.services.errors import Forbidden


def may_route(actor: Actor, organization: Organization) -> bool:
    """Whether they may put a model on a route: administrators, as management keys are, and the gateway itself. At most
    one query."""
    if not isinstance(actor, User) or actor.is_superuser:
        return True
    return memberships_of(actor, Role.OWNER, Role.ADMIN).filter(organization=organization).exists()


def check_may_route(actor: Actor, organization: Organization) -> None:
    """Raises `Forbidden`."""
    if not may_route(actor, organization):
        message = "Only administrators put models on routes: leave auto_deploy out and have one of them deploy it."
        raise Forbidden("role_required", message, field="auto_deploy")
