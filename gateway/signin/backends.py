"""Whether a password may sign anybody in at all (`PASSWORD_SIGN_IN`), and how often one may be guessed."""

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from gateway.models import User
from gateway.services import guesses
from gateway.signin import throttle


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


class BoundedPasswords(ModelBackend):
    """Checks a password, as often as `guesses` allows for the name from all addresses together. Its verdict is the
    last one: Django's backend, which stands behind it for sessions alone, would look at the password again."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if request is None or username is None or password is None:
            return None
        attempt = throttle.begin_guess(request, username)
        if attempt is None:
            raise PermissionDenied
        found: Any = super().authenticate(request, username, password)
        if found is None:
            raise PermissionDenied
        guesses.take_back(attempt)
        return found
