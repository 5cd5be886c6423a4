"""From claims to an organization, a role and a team. Pure."""

from collections.abc import Mapping
from typing import Any

from gateway.oidc.configuration import Grant, Oidc


def organization_of(oidc: Oidc, email: str) -> str | None:
    """The slug of the organization that has the address's domain; subdomains are other domains."""
    local, at, domain = email.rpartition("@")
    return oidc.domains.get(domain.lower()) if local and at else None


def grant_of(oidc: Oidc, claims: Mapping[str, Any]) -> Grant | None:
    """What the role claim gives: the first mapping, in the order of the setting, whose value the person has. None:
    the claim says nothing. A dotted name looks into objects (`realm_access.roles`)."""
    values = _values(claims, oidc.role_claim)
    return next((grant for value, grant in oidc.roles.items() if value in values), None)


def _values(claims: Mapping[str, Any], name: str) -> set[str]:
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return {found}
    return {value for value in found if isinstance(value, str)} if isinstance(found, list) else set()
