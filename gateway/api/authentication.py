"""Who calls the management API: a person (session or JWT) or a management key. Keys ignore cookies."""

from typing import Any
from uuid import UUID

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from gateway.choices import Scope
from gateway.credentials import KEY_MARK
from gateway.models import User, VirtualKey
from gateway.services import keys
from gateway.services.audit import Actor

READ_SCOPES = frozenset({Scope.MANAGE_READ.value, Scope.MANAGE_WRITE.value})


class KeyPrincipal:
    """A management key as the caller. It acts as administrator of its one organization: it never sees another one
    and never touches owners, whoever made it. Without `manage:write` it only reads.

    `pk` is the key's own id, which is nobody's user id, so rules about "own" rows never match a person's.
    """

    is_authenticated = True
    is_active = True
    is_anonymous = False
    is_superuser = False
    is_staff = False

    def __init__(self, key: VirtualKey) -> None:
        self.key = key
        self.pk: UUID = key.pk
        self.id = key.pk
        self.key_organization_id: UUID = key.organization_id

    def __str__(self) -> str:
        return f"key {self.key.prefix}…"

    def get_username(self) -> str:
        return str(self)

    @property
    def can_write(self) -> bool:
        return Scope.MANAGE_WRITE.value in self.key.scopes


def actor_of(user: Any) -> Actor:
    """Who the audit trail names for the caller of a request."""
    if isinstance(user, KeyPrincipal):
        return user.key
    return user if isinstance(user, User) else None


class ManagementKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer gw-…` or `x-api-key: gw-…`. Other bearer tokens are left to JWT."""

    def authenticate(self, request: Request) -> tuple[KeyPrincipal, str] | None:
        secret = presented_key(request)
        if secret is None:
            return None
        key = keys.authenticate(secret)
        if key is None:
            raise AuthenticationFailed("The key is unknown, revoked or expired.", code="key_invalid")
        if READ_SCOPES.isdisjoint(key.scopes):
            raise AuthenticationFailed("The key has no manage:read or manage:write scope.", code="key_scope_missing")
        return KeyPrincipal(key), key.prefix

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="management"'


def presented_key(request: Request) -> str | None:
    """The virtual key in the headers, if any; an `x-api-key` of another shape still means a key was meant."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer" and token.strip().startswith(KEY_MARK):
        return token.strip()
    return request.headers.get("x-api-key", "").strip() or None


class ManagementKeyScheme(OpenApiAuthenticationExtension):
    """How the schema describes management keys."""

    target_class = ManagementKeyAuthentication
    name = "managementKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "gw-…",
            "description": "A key with the scope `manage:read` or `manage:write`; `x-api-key` is accepted too.",
        }
