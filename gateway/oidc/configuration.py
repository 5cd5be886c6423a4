"""What the installation says of its OpenID provider. Pure; `config.env` reads it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

ROLES = ("admin", "analyst", "developer", "manager")
"""Roles that a claim may give. Owners are made by owners."""
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures with a public key alone: neither `none` nor HMAC, whatever a provider offers."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Grant:
    """A role and, for managers, the slug of their team."""

    role: str
    team: str = ""


@dataclass(frozen=True, slots=True)
class Oidc:
    """`domains`: e-mail domain → slug of the organization whose people have it. `default`: what people without a mapped
    claim get, None: they have to be members already. `roles`: value of the claim → grant, the first that fits counts.
    `trusts_email`: addresses without `email_verified` count as verified. `asks_code`: the gateway's own second factor
    is asked for after the provider, too."""

    issuer: str
    client_id: str
    client_secret: str = ""
    name: str = "single sign-on"
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    domains: dict[str, str] = field(default_factory=dict)
    default: Grant | None = None
    role_claim: str = ""
    roles: dict[str, Grant] = field(default_factory=dict)
    trusts_email: bool = False
    asks_code: bool = False

    @property
    def reach(self) -> str:
        """Everything of it that decides whose answers are believed; what is fetched is remembered under this, whole."""
        return f"{self.issuer}\n{self.client_id}"


def checked(oidc: Oidc) -> Oidc:
    """Raises `ValueError` with what cannot be."""
    parts = urlsplit(oidc.issuer)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ValueError("OIDC_ISSUER has to begin with https://")
    if parts.query or parts.fragment or oidc.issuer.endswith("/.well-known/openid-configuration"):
        raise ValueError("OIDC_ISSUER is the issuer itself, without query, fragment and /.well-known/…")
    if not oidc.client_id:
        raise ValueError("OIDC_CLIENT_ID is missing")
    if not oidc.domains:
        raise ValueError("OIDC_DOMAINS is missing: which e-mail domains belong to which organization")
    if wrong := set(oidc.algorithms) - set(ALGORITHMS):
        raise ValueError(f"OIDC_ALGORITHMS: {', '.join(sorted(wrong))} is none of {', '.join(ALGORITHMS)}")
    if "openid" not in oidc.scopes:
        raise ValueError("OIDC_SCOPES has to have openid")
    return oidc


def parse_grant(text: str) -> Grant:
    """`developer` or `manager:search`. Raises `ValueError`."""
    role, _, team = text.strip().partition(":")
    if role not in ROLES:
        raise ValueError(f"{role!r} is none of the roles that can be given: {', '.join(ROLES)}")
    if role == "manager" and not team:
        raise ValueError("a manager needs a team: manager:its-slug")
    return Grant(role, team)


def parse_pairs(entries: Sequence[str]) -> dict[str, str]:
    """`name=value` each. Raises `ValueError`."""
    found = {}
    for entry in entries:
        name, equals, value = (part.strip() for part in entry.rpartition("="))
        if not (name and equals and value):
            raise ValueError(f"{entry!r} is not name=value")
        found[name] = value
    return found
