"""Failed proofs count as failed sign-ins do, for the name and the address, whichever page they were given on."""

from collections.abc import Mapping
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest

from gateway.models import User
from gateway.services import sessions


def is_locked(request: HttpRequest, user: User) -> bool:
    """Marks the request, so that axes' middleware answers 429."""
    if AxesProxyHandler.is_allowed(request, {"username": user.get_username()}):
        return False
    request.axes_locked_out = True  # type: ignore[attr-defined]
    return True


def count_failure(request: HttpRequest, user: User) -> None:
    """One more; the tenth locks for 15 minutes and marks the request."""
    credentials = {"username": user.get_username()}
    user_login_failed.send(sender=__name__, credentials=credentials, request=request)


def counted_name(request: HttpRequest, given: Mapping[str, Any] | None) -> str | None:
    """`AXES_USERNAME_CALLABLE`: under which name a failed sign-in is kept. Of one that nobody has, a keyed hash: people
    type their password there by mistake. `given`: what was to be proved, None for the form. One query."""
    name = (request.POST if given is None else given).get("username")
    return name if not name or User.objects.filter(username=name).exists() else sessions.unknown_name(name)
