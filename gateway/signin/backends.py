"""Whether a password may sign anybody in at all: `PASSWORD_SIGN_IN`."""

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from gateway.models import User


def may_use_password(user: User) -> bool:
    """Platform superusers always may, so that a provider that is away locks nobody out of the installation."""
    return user.has_usable_password() and (settings.PASSWORD_SIGN_IN or user.is_superuser)


class PasswordPolicy:
    """Stands before the backend that checks passwords, and ends the matter where they are switched off. It takes as
    long for unknown names as for known ones, and answers the same. No session is this backend's."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        if settings.PASSWORD_SIGN_IN or "password" not in credentials:
            return
        if User.objects.filter(username=credentials.get("username"), is_superuser=True).exists():
            return
        User().set_password(credentials["password"])
        raise PermissionDenied
